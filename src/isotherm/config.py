"""`isotherm.toml`: what the user writes, checked and turned into the model.

Every mistake is answered with the file, the key, what was found, and the nearest right value.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .model.dataset import Dataset, TableName
from .model.errors import ConfigError
from .model.period import Duration, Unit, as_instant
from .model.policy import Policy, Rule
from .model.tier import CLASSES, EXPIRED, TIERS

DEFAULT_FILE = "isotherm.toml"


def _duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise ValueError('write a duration in quotes, as "6 months"')
    return Duration.parse(value)


def _positive(duration: Duration) -> Duration:
    if duration.months == 0 and duration.seconds == 0:
        raise ValueError("a duration of zero would act at once; write 1 month or more")
    return duration


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


AnyDuration = Annotated[Duration, BeforeValidator(_duration)]
Age = Annotated[Duration, BeforeValidator(_duration), AfterValidator(_positive)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class WarehouseSection(_Section):
    """Where the hot rows are."""

    url: str = "duckdb:warehouse.duckdb"


class StorageSection(_Section):
    """Where the objects are; `tiers` puts the folder of a tier somewhere else."""

    url: str = "file:objects"
    tiers: dict[str, str] = Field(default_factory=dict)


class CatalogSection(_Section):
    """Where the Iceberg catalogue is."""

    url: str = "sqlite:catalog.db"


class SettingsSection(_Section):
    """How Isotherm works: times, memory, threads."""

    grace: AnyDuration = Duration(seconds=3_600)
    query_timeout: AnyDuration = Duration(seconds=1_800)
    restore_margin: AnyDuration = Duration(seconds=300)
    memory: str = "1GB"
    threads: int | None = Field(default=None, ge=1)


class PricesSection(_Section):
    """Dollars that the built-in price book does not know or gets wrong for you."""

    hot: float = Field(default=0.024, ge=0)


class DatasetSection(_Section):
    """One dataset, as it is written."""

    table: str
    clock: str
    period: Unit = Unit.MONTH
    subject: Names = ()
    earliest: date | datetime | None = None
    latest: date | datetime | None = None
    settle: AnyDuration | None = None
    order_by: Names = ()
    append_min_rows: int = Field(default=1, ge=1)
    append_max_age: AnyDuration = Duration(seconds=7 * 86_400)
    cast: dict[str, str] = Field(default_factory=dict)
    renamed: dict[str, str] = Field(default_factory=dict)
    dropped: Names = ()
    policy: dict[str, Age] = Field(default_factory=dict)


class _File(_Section):
    warehouse: WarehouseSection = WarehouseSection()
    storage: StorageSection = StorageSection()
    catalog: CatalogSection = CatalogSection()
    settings: SettingsSection = SettingsSection()
    prices: PricesSection = PricesSection()
    datasets: dict[str, DatasetSection] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """A checked `isotherm.toml`. Relative paths in it are relative to `folder`."""

    file: Path
    warehouse: WarehouseSection
    storage: StorageSection
    catalog: CatalogSection
    settings: SettingsSection
    prices: PricesSection
    datasets: Mapping[str, Dataset]

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self.file.parent

    def dataset(self, name: str) -> Dataset:
        """Return a dataset by its name.

        Raises:
            ConfigError: there is none; the nearest name is suggested.

        """
        if name in self.datasets:
            return self.datasets[name]
        known = ", ".join(self.datasets) or "none"
        raise ConfigError(
            f"{self.file}: there is no dataset {name!r} (known: {known})",
            hint=nearest(name, self.datasets),
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that is most like `word`; empty if none is."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {found[0]}?" if found else ""


def read(path: str | Path) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: it is missing, no TOML, or something in it is wrong.

    """
    file = Path(path).absolute()
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: there is no such file", hint="Write one with: isotherm init"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{file}: not a TOML file: {error}") from None
    try:
        sections = _File.model_validate(raw)
    except ValidationError as error:
        raise _explained(file, error) from None
    datasets = {name: _dataset(file, name, part) for name, part in sections.datasets.items()}
    _check_tables(file, datasets)
    _check_tiers(file, sections.storage.tiers)
    return Config(
        file,
        sections.warehouse,
        sections.storage,
        sections.catalog,
        sections.settings,
        sections.prices,
        datasets,
    )


def _dataset(file: Path, name: str, section: DatasetSection) -> Dataset:
    where = f"{file}: datasets.{name}"
    if not name.isidentifier():
        raise ConfigError(
            f"{where}: a dataset's name is used in SQL as it is; write letters, digits and _"
        )
    try:
        table = TableName.parse(section.table)
    except ValueError as error:
        raise ConfigError(f"{where}.table: {error}") from None
    policy = _policy(where, section)
    for key in ("settle", "append_max_age"):
        value = getattr(section, key)
        if value is not None and value.months == 0 and value.seconds < 0:
            raise ConfigError(f"{where}.{key}: {value} is negative")
    return Dataset(
        name=name,
        table=table,
        clock=section.clock,
        unit=section.period,
        policy=policy,
        subject=section.subject,
        earliest=as_instant(section.earliest) if section.earliest else None,
        latest=as_instant(section.latest) if section.latest else None,
        settle=section.settle,
        order_by=section.order_by,
        append_min_rows=section.append_min_rows,
        append_max_age=section.append_max_age,
        cast=section.cast,
        renamed=section.renamed,
        dropped=section.dropped,
    )


def _policy(where: str, section: DatasetSection) -> Policy:
    rules = []
    for key, age in section.policy.items():
        if key != "expire" and key not in CLASSES:
            raise ConfigError(
                f"{where}.policy.{key}: unknown tier {key!r} (known: {', '.join(CLASSES)}, expire)",
                hint=nearest(key.upper(), CLASSES) or nearest(key, ["expire"]),
            )
        if not age.fits(section.period):
            raise ConfigError(
                f"{where}.policy.{key}: {str(age)!r} is finer than the period",
                hint=f"The dataset ages by the {section.period}: write a whole number of "
                f'{section.period}s, or period = "{_finer(age)}".',
            )
        rules.append(Rule(EXPIRED if key == "expire" else TIERS[key], age))
    rules.sort(key=lambda rule: rule.tier.rank)
    for warmer, colder in pairwise(rules):
        if colder.age.after(datetime(2001, 1, 1)) <= warmer.age.after(datetime(2001, 1, 1)):
            raise ConfigError(
                f"{where}.policy: {colder} comes no later than {warmer}",
                hint=f"{colder.tier} is colder than {warmer.tier}: give it the greater age.",
            )
    return Policy(tuple(rules))


def _finer(age: Duration) -> Unit:
    return Unit.DAY if age.fits(Unit.DAY) else Unit.HOUR


def _check_tables(file: Path, datasets: Mapping[str, Dataset]) -> None:
    owners: dict[TableName, str] = {}
    for name, dataset in datasets.items():
        if (other := owners.setdefault(dataset.table, name)) != name:
            raise ConfigError(
                f"{file}: datasets.{name}.table: {dataset.table} already belongs to {other}"
            )


def _check_tiers(file: Path, tiers: Mapping[str, str]) -> None:
    for key in tiers:
        if key not in CLASSES:
            raise ConfigError(
                f"{file}: storage.tiers.{key}: unknown tier {key!r} (known: {', '.join(CLASSES)})",
                hint=nearest(key.upper(), CLASSES),
            )


def _explained(file: Path, error: ValidationError) -> ConfigError:
    """Turn the first validation error into one that names key, value and the nearest key."""
    first = error.errors()[0]
    path = [str(step) for step in first["loc"]]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _known_keys(path[:-1])
        return ConfigError(
            f"{file}: {key}: unknown key {path[-1]!r} (known: {', '.join(known)})",
            hint=nearest(path[-1], known),
        )
    if first["type"] == "missing":
        return ConfigError(f"{file}: {key}: this key is missing")
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return ConfigError(f"{file}: {key}: found {first['input']!r}; {message}")


def _known_keys(path: list[str]) -> list[str]:
    """Return the keys of the section at `path`."""
    if not path:
        return list(_File.model_fields)
    if path[0] == "datasets":
        return list(DatasetSection.model_fields)
    section = _File.model_fields[path[0]].annotation
    return list(section.model_fields) if isinstance(section, type) else []
