"""Read `isotherm.toml` and turn it into the model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from ..model.dataset import Dataset, TableName
from ..model.errors import ConfigError
from ..model.period import Duration, Unit
from ..model.policy import Policy, Rule
from ..model.tier import CLASSES, EXPIRED, TIERS
from ..model.words import nearest
from .mistakes import explained, mistake, unknown, unreadable, written
from .sections import (
    CatalogSection,
    CertificatesSection,
    DatasetSection,
    EngineSection,
    PricesSection,
    Sections,
    SettingsSection,
    StorageSection,
    WarehouseSection,
)

DEFAULT_FILE = "isotherm.toml"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED_SCHEMAS = ("hot", "isotherm")
_STARTS = tuple(datetime(year, month, 1) for year in range(2001, 2005) for month in range(1, 13))
"""Every month's start in the four years of a leap cycle."""


@dataclass(frozen=True, slots=True)
class Config:
    """A checked `isotherm.toml`. Relative paths in it are relative to `folder`."""

    file: Path
    warehouse: WarehouseSection
    storage: StorageSection
    catalog: CatalogSection
    engine: EngineSection
    settings: SettingsSection
    prices: PricesSection
    certificates: CertificatesSection
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
            hint=nearest(name, self.datasets) or f"Add a section: [datasets.{name}]",
        )


def read(path: str | Path) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: it is missing, no TOML, or something in it is wrong.

    """
    file = Path(path).absolute()
    text = _text(file)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise unreadable(file, text, error) from None
    return checked(file, raw)


def checked(file: Path, raw: Mapping[str, object]) -> Config:
    """Check what a config file says.

    Args:
        file: For the errors, and for the paths in it.
        raw: Its values by section and key.

    Raises:
        ConfigError: something in it is wrong.

    """
    try:
        sections = Sections.model_validate(raw)
    except ValidationError as error:
        raise explained(file, error, Sections) from None
    schema = sections.warehouse.default_schema
    datasets = {
        name: _dataset(file, name, part, schema) for name, part in sections.datasets.items()
    }
    _check_names(file, datasets)
    for name, section in sections.datasets.items():
        if section.transition == "lifecycle" and not sections.storage.url.startswith("s3:"):
            what = "lifecycle rules are a bucket's; a store of folders has none"
            raise mistake(file, f"datasets.{name}.transition", section.transition, what)
    _check_tiers(file, sections.storage.url, sections.storage.tiers)
    return Config(
        file,
        sections.warehouse,
        sections.storage,
        sections.catalog,
        sections.engine,
        _timed(file, sections.settings),
        sections.prices,
        sections.certificates,
        datasets,
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: there is no such file", hint="Write one with: isotherm init"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: this is no TOML: byte {error.start + 1} is not UTF-8",
            hint="Save the file as UTF-8.",
        ) from None
    except OSError as error:
        raise ConfigError(f"{file}: it cannot be read: {error.strerror}") from None


def _dataset(file: Path, name: str, section: DatasetSection, schema: str) -> Dataset:
    where = f"datasets.{name}"
    _check_name(file, name)
    try:
        table = TableName.parse(section.table, schema)
    except ValueError:
        what = 'write "table" or "schema.table"'
        raise mistake(file, f"{where}.table", section.table, what) from None
    if table.schema.lower() in _RESERVED_SCHEMAS:
        what = f"the schema {table.schema} is Isotherm's own"
        raise mistake(file, f"{where}.table", section.table, what)
    _check_columns(file, where, section)
    return Dataset(
        name=name,
        table=table,
        clock=section.clock,
        unit=section.period,
        clock_unit=section.clock_unit,
        policy=_policy(file, where, section),
        subject=section.subject,
        earliest=section.earliest,
        latest=section.latest,
        settle=section.settle,
        order_by=section.order_by,
        append_min_rows=section.append_min_rows,
        append_max_age=section.append_max_age,
        compact_min_objects=section.compact_min_objects,
        target_object_bytes=section.target_object_bytes,
        cast=section.cast,
        renamed=section.renamed,
        dropped=section.dropped,
        by_rules=section.transition == "lifecycle",
    )


def _check_name(file: Path, name: str) -> None:
    if not _NAME.fullmatch(name):
        right = re.sub(r"^(?=[0-9])|[^A-Za-z0-9_]", "_", name) or "trips"
        raise ConfigError(
            f"{file}: datasets.{name}: a dataset's name is its name in SQL; "
            "write it with the letters a to z, digits and _",
            hint=f"Write [datasets.{right}].",
        )
    if name.lower() in _RESERVED_SCHEMAS or name.lower().startswith("isotherm_"):
        raise ConfigError(
            f"{file}: datasets.{name}: the name {name} is Isotherm's own in SQL",
            hint=f"Write [datasets.{name}_rows], say.",
        )


def _check_columns(file: Path, where: str, section: DatasetSection) -> None:
    clock, earliest, latest = section.clock, section.earliest, section.latest
    if earliest and latest and latest <= earliest:
        what = f"no row can lie between it and earliest = {written(earliest)}"
        raise mistake(file, f"{where}.latest", latest, what)
    if clock in section.cast:
        what = "the clock is kept as it is; take it out of cast"
        raise mistake(file, f"{where}.cast.{clock}", section.cast[clock], what)
    if clock in section.dropped:
        what = f"{clock} is the clock; a dataset cannot do without it"
        raise mistake(file, f"{where}.dropped", section.dropped, what)
    for name in section.dropped:
        if name in section.renamed:
            what = f"{name} is in renamed too: a column was either renamed or dropped"
            raise mistake(file, f"{where}.dropped", section.dropped, what)


def _policy(file: Path, where: str, section: DatasetSection) -> Policy:
    rules = []
    for key, age in section.policy.items():
        if key != "expire" and key not in CLASSES:
            hint = "Rows are hot until they reach the first age." if key.lower() == "hot" else ""
            raise unknown(file, f"{where}.policy.{key}", "tier", [*CLASSES, "expire"], hint)
        if not age.fits(section.period):
            what = f"it is finer than the period, a {section.period}"
            raise mistake(file, f"{where}.policy.{key}", str(age), what, _coarser(age, section))
        rules.append(Rule(EXPIRED if key == "expire" else TIERS[key], age))
    rules.sort(key=lambda rule: rule.tier.rank)
    for warmer, colder in pairwise(rules):
        if any(colder.age.after(start) <= warmer.age.after(start) for start in _STARTS):
            raise ConfigError(
                f"{file}: {where}.policy: found {colder}, which comes no later than {warmer}",
                hint=f"{colder.tier} is colder than {warmer.tier}: give it the greater age.",
            )
    return Policy(tuple(rules))


def _coarser(age: Duration, section: DatasetSection) -> str:
    """Suggest an age that fits the period, or a period that fits the age."""
    unit = section.period
    if age.seconds % 3_600:
        return f'm is for minutes: write "{max(1, age.seconds // 60)} months".'
    finer = Unit.DAY if age.fits(Unit.DAY) else Unit.HOUR
    whole = max(1, round(age.in_months if unit is Unit.MONTH else age.seconds / 86_400))
    many = f'"{whole} {unit}' + ("" if whole == 1 else "s") + '"'
    return f'Write {many}, or period = "{finer}".'


def _check_names(file: Path, datasets: Mapping[str, Dataset]) -> None:
    """Check that no two datasets answer to one name in SQL, where case does not count."""
    tables: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, dataset in datasets.items():
        if (other := names.setdefault(name.lower(), name)) != name:
            raise ConfigError(
                f"{file}: datasets.{name}: in SQL it is the same name as {other}",
                hint="Give one of them another name.",
            )
        if (other := tables.setdefault(str(dataset.table).lower(), name)) != name:
            what = f"this table belongs to {other} already"
            raise mistake(file, f"datasets.{name}.table", str(dataset.table), what)
    for name, dataset in datasets.items():
        other = names.get(dataset.table.name.lower(), name)
        if other != name:
            what = f"in SQL {dataset.table.name} would mean this table and the dataset {other}"
            hint = "Give one of the two datasets another name, or each the name of its own table."
            raise mistake(file, f"datasets.{name}.table", str(dataset.table), what, hint)


def _check_tiers(file: Path, url: str, tiers: Mapping[str, str]) -> None:
    if tiers and url.startswith("s3:"):
        what = "folders of tiers are for a store of folders; S3 has classes"
        raise mistake(file, "storage.tiers", tiers, what)
    folders: dict[Path, str] = {}
    for key, place in tiers.items():
        if key not in CLASSES:
            raise unknown(file, f"storage.tiers.{key}", "tier", CLASSES)
        if not place.strip():
            raise mistake(file, f"storage.tiers.{key}", place, "write a folder")
        folder = (file.parent / place).resolve()
        if (other := folders.setdefault(folder, key)) != key:
            what = f"this is the folder of {other} already; each tier has its own"
            raise mistake(file, f"storage.tiers.{key}", place, what)


def _timed(file: Path, settings: SettingsSection) -> SettingsSection:
    """Keep a query's time below the grace, so that it cannot outlast what it reads."""
    grace, timeout = settings.grace, settings.query_timeout
    if timeout.in_months < grace.in_months:
        return settings
    if "query_timeout" in settings.model_fields_set:
        what = f"it must be shorter than the grace of {grace}, or a query could lose what it reads"
        raise mistake(file, "settings.query_timeout", str(timeout), what)
    half = Duration(seconds=max(1, grace.seconds // 2))
    return settings.model_copy(update={"query_timeout": half})
