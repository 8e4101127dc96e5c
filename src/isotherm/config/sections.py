"""The sections of `isotherm.toml`, as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ..model.address import Address
from ..model.clock import ClockUnit
from ..model.dataset import COMPACT_OBJECTS, OBJECT_BYTES
from ..model.period import Duration, Unit, as_instant, moment
from ..model.schema import cold_type
from ..model.words import nearest
from .mistakes import written

_SIZE = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[KMGT])(?P<binary>i?)B", re.IGNORECASE
)
_SORTED = re.compile(r"\s(asc|desc)$", re.IGNORECASE)
_PATH = "PATH"
POSTGRES = "postgresql"


def _duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        try:
            return Duration.parse(value)
        except ValueError:
            raise ValueError("write 6 months, 12 years, 7 days or 36 hours") from None
    number = value if isinstance(value, int) and not isinstance(value, bool) else 6
    raise ValueError(f'write a duration in quotes, as "{number} months"')


def _positive(duration: Duration) -> Duration:
    if duration == Duration():
        raise ValueError('a duration of zero would act at once; write "1 month" or more')
    return duration


def _unit(value: object) -> Unit:
    if isinstance(value, str) and value in list(Unit):
        return Unit(value)
    suggestion = nearest(value, list(Unit)) if isinstance(value, str) else ""
    raise ValueError(" ".join(filter(None, ["write month, day or hour.", suggestion])).strip("."))


def _clock_unit(value: object) -> ClockUnit:
    if isinstance(value, str) and value in list(ClockUnit):
        return ClockUnit(value)
    suggestion = nearest(value, list(ClockUnit)) if isinstance(value, str) else ""
    raise ValueError(" ".join([f"write one of {', '.join(ClockUnit)}.", suggestion]).strip(" ."))


def _column(value: object) -> str:
    if isinstance(value, str) and value and value == value.strip():
        return value
    raise ValueError('write the name of a column in quotes, as "pickup"')


def _columns(value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise ValueError('write a list of columns, as ["pickup", "id"]')
    columns = tuple(_column(name) for name in names)
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise ValueError(f"{twice[0]} stands there twice")
    return columns


def _sorting(columns: tuple[str, ...]) -> tuple[str, ...]:
    for name in columns:
        if "," in name:
            listed = [part.strip() for part in name.split(",")]
            raise ValueError(f"write a list of columns, as {written(listed)}")
        if _SORTED.search(name):
            column = _SORTED.sub("", name)
            raise ValueError(f"rows are sorted upwards; write the column alone: {written(column)}")
    return columns


def _several(number: int) -> int:
    if number < 0 or number == 1:
        raise ValueError("write how many objects become one, 2 or more, or 0 for never")
    return number


def _instant(value: object) -> datetime:
    if isinstance(value, date):
        try:
            return as_instant(value)
        except OverflowError:
            raise ValueError("in UTC it lies outside the years 1 to 9999") from None
    try:
        found = moment(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    raise ValueError(f"write a date without quotes: {(found or datetime(2009, 1, 1)).date()}")


_A_SIZE = 'write a size, as "512MB" or "4GB"'


def _size(value: object) -> int:
    """Return the bytes of a size as DuckDB writes it: a KB is 1,000 of them, a KiB 1,024."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(_A_SIZE)
    thousand = 1_024 if found["binary"] else 1_000
    return int(float(found["number"]) * thousand ** ("KMGT".index(found["unit"].upper()) + 1))


def _memory(size: int) -> int:
    if not size:
        raise ValueError(_A_SIZE)
    return size


def _cold_types(value: dict[str, str]) -> dict[str, str]:
    for column, type_ in value.items():
        if cold_type(type_) is None:
            raise ValueError(
                f"{column} cannot be kept as {type_}; write VARCHAR, BIGINT, DOUBLE, "
                "DECIMAL(18,2), BLOB, DATE, TIMESTAMP or another cold type of docs/config.md"
            )
    return value


def _postgres(value: str) -> None:
    parts = urlsplit(value)
    if not value.startswith("postgresql://") or parts.fragment or not parts.path.strip("/"):
        raise ValueError('write "postgresql://user@host:5432/database"')


def _url(scheme: str, other: str, check_other: Callable[[str], object]) -> Callable[[str], str]:
    """Return what checks a URL of a local file, or one of another scheme by its own rules."""

    def check(value: str) -> str:
        found, colon, rest = value.partition(":")
        if found == other:
            check_other(value)
            return value
        path = rest.removeprefix("//")
        if found == scheme and path and path != ":memory:":
            return value
        if path == ":memory:":
            raise ValueError(f'what is in memory would be lost; write "{scheme}:{_PATH}"')
        if not colon and value:
            raise ValueError(f'write "{scheme}:{value}"')
        raise ValueError(
            f'this version knows {scheme}: and {other}: alone; write "{scheme}:{_PATH}"'
        )

    return check


AnyDuration = Annotated[Duration, BeforeValidator(_duration)]
Age = Annotated[Duration, BeforeValidator(_duration), AfterValidator(_positive)]
ColumnName = Annotated[str, BeforeValidator(_column)]
Columns = Annotated[tuple[str, ...], BeforeValidator(_columns)]
Instant = Annotated[datetime, BeforeValidator(_instant)]


_SPARK = re.compile(r"sc://[\w.-]+(?::(?P<port>\d{1,5}))?(?:/(?:;.*)?)?")


def _engine(url: str) -> str:
    found = _SPARK.fullmatch(url)
    if url != "duckdb:" and not (found and int(found["port"] or 1) < 65_536):
        raise ValueError("it is duckdb:, or the address of a Spark Connect server, sc://host:15002")
    if "session_id=" in url:
        raise ValueError("each query has a session of its own: take session_id out of it")
    return url


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class WarehouseSection(_Section):
    """Where the hot rows are."""

    url: Annotated[str, AfterValidator(_url("duckdb", POSTGRES, _postgres))] = (
        "duckdb:warehouse.duckdb"
    )

    @property
    def default_schema(self) -> str:
        """The schema of a table that is named without one."""
        return "public" if self.url.startswith(POSTGRES) else "main"


class StorageSection(_Section):
    """Where the objects are; `tiers` puts the folder of a tier somewhere else."""

    url: Annotated[str, AfterValidator(_url("file", "s3", Address.parse))] = "file:objects"
    tiers: dict[str, str] = Field(default_factory=dict)


class CatalogSection(_Section):
    """Where the Iceberg catalogue is."""

    url: Annotated[str, AfterValidator(_url("sqlite", POSTGRES, _postgres))] = "sqlite:catalog.db"


class EngineSection(_Section):
    """What runs queries."""

    url: Annotated[str, AfterValidator(_engine)] = "duckdb:"

    @property
    def is_spark(self) -> bool:
        """Whether it is a Spark Connect server."""
        return self.url.startswith("sc:")


class SettingsSection(_Section):
    """How Isotherm works: times, memory, threads, moves at once."""

    grace: Age = Duration(seconds=3_600)
    query_timeout: Age = Duration(seconds=1_800)
    restore_margin: AnyDuration = Duration(seconds=300)
    memory: Annotated[int, BeforeValidator(_size), AfterValidator(_memory)] = 10**9
    cache: Annotated[int, BeforeValidator(_size)] = 10**9
    threads: int | None = Field(default=None, ge=1)
    moves_at_once: int = Field(default=2, ge=1, le=16)


class PricesSection(_Section):
    """Dollars that the built-in price book does not know or gets wrong for you."""

    hot: float = Field(default=0.024, ge=0)


class CertificatesSection(_Section):
    """How it is proven that somebody was forgotten."""

    key: str = "certificate.key"
    within: Age = Duration(seconds=30 * 86_400)


class DatasetSection(_Section):
    """One dataset, as it is written."""

    table: str
    clock: ColumnName
    clock_unit: Annotated[ClockUnit, BeforeValidator(_clock_unit)] | None = None
    period: Annotated[Unit, BeforeValidator(_unit)] = Unit.MONTH
    subject: Columns = ()
    earliest: Instant | None = None
    latest: Instant | None = None
    settle: AnyDuration | None = None
    order_by: Annotated[Columns, AfterValidator(_sorting)] | None = None
    append_min_rows: int = Field(default=1, ge=1)
    append_max_age: AnyDuration = Duration(seconds=7 * 86_400)
    compact_min_objects: Annotated[int, AfterValidator(_several)] = COMPACT_OBJECTS
    target_object_bytes: int = Field(default=OBJECT_BYTES, ge=1)
    cast: Annotated[dict[str, str], AfterValidator(_cold_types)] = Field(default_factory=dict)
    transition: Literal["direct", "lifecycle"] = "direct"
    renamed: dict[str, ColumnName] = Field(default_factory=dict)
    dropped: Columns = ()
    policy: dict[str, Age] = Field(default_factory=dict)


class Sections(_Section):
    """The whole file."""

    warehouse: WarehouseSection = WarehouseSection()
    storage: StorageSection = StorageSection()
    catalog: CatalogSection = CatalogSection()
    engine: EngineSection = EngineSection()
    settings: SettingsSection = SettingsSection()
    prices: PricesSection = PricesSection()
    certificates: CertificatesSection = CertificatesSection()
    datasets: dict[str, DatasetSection] = Field(default_factory=dict)
