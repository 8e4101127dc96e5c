"""Finding somebody's records, wherever they are; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..catalog.iceberg import IcebergCatalog
from ..control import holds, inventory, parts, quarantine
from ..control.inventory import clock_of, missing_table
from ..engine.matching import as_they_are_kept, held, sought
from ..model.correction import NewValues
from ..model.dataset import Dataset
from ..model.drift import named_by
from ..model.errors import RequestError, SchemaError
from ..model.hold import Hold
from ..model.part import Location, Part
from ..model.period import Period
from ..model.person import DataSubject
from ..model.tier import TIERS
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction
from .objects import Objects, Wanted

WAREHOUSE, QUARANTINE = "the warehouse", "quarantine"


@dataclass(frozen=True)
class Found:
    """Where records of some people are.

    Attributes:
        hot: Rows in the warehouse by period; None is those that never age.
        cold: Rows in objects that can be read, by part; parts without any are not in it.
        archived: Parts that can be searched only once they are restored.
        quarantine: Rows in quarantine that name one of them.
        kept: Rows that a case keeps, which are not counted above, by where they are.
        holds: The holds that stand.
        objects: How many objects were looked into.

    """

    hot: Mapping[Period | None, int]
    cold: Mapping[Part, int]
    archived: tuple[Part, ...]
    quarantine: int
    kept: Mapping[str, int]
    holds: Sequence[Hold]
    objects: int

    @property
    def rows(self) -> int:
        """All rows that were found and may go."""
        return sum(self.hot.values()) + sum(self.cold.values()) + self.quarantine


@dataclass(frozen=True)
class Finder:
    """Looks for people's records in every tier that can be read.

    Attributes:
        now: Restored copies must be readable at this time (UTC) still.
        by_filters: Leave out what the objects' own filters say has nobody of them.

    """

    tx: AttachedTransaction
    storage: Storage
    catalog: IcebergCatalog
    dataset: Dataset
    now: datetime
    by_filters: bool = True

    def named(self, subjects: Sequence[DataSubject]) -> tuple[DataSubject, ...]:
        """Return people with their values as the table writes them.

        Raises:
            SchemaError: the table is missing, or has no column that identifies people.
            RequestError: what identifies them cannot stand in its column.

        """
        types, cast = self._types(), self.dataset.cast
        return as_they_are_kept(self.tx.session, subjects, types, cast)

    def corrected(self, changes: NewValues) -> NewValues:
        """Return new values as the table writes them.

        Raises:
            SchemaError: the table is missing, or has no such column.
            RequestError: a column cannot be corrected, or its new value cannot stand in it.

        """
        types, table = self._types(), self.dataset.table
        if changes and (computed := self.tx.computed(table)):
            raise RequestError(
                f"{table} computes {', '.join(sorted(computed))} from other columns, and cold rows "
                "would not follow",
                hint="Nothing was changed. A table with such columns cannot be corrected.",
            )
        for name, value in changes:
            if (
                name in dict(self.dataset.cast)
                or types.get(name) == "BLOB"
                or "\0" in (value or "")
            ):
                raise RequestError(
                    f"{name} of {table} cannot be given this value rightly in all tiers: it is "
                    f"{types.get(name)}, or kept as another type, or the value has a zero byte",
                    hint="Nothing was changed.",
                )
            if name == self.dataset.clock:
                raise RequestError(
                    f"{name} is the clock of {self.dataset.name}: a row with another one would "
                    "belong to another partition",
                    hint="Nothing was changed. Erase the row, and load it as it should be.",
                )
            if name in self.tx.opaque(table) or name in self.tx.inexact(table):
                raise RequestError(
                    f"{name} of {table} is {types.get(name)}: whether a row holds its new value "
                    "could not be said rightly of all tiers",
                    hint="Nothing was changed. Columns of plainer types can be corrected.",
                )
        given = tuple((name, value) for name, value in changes if value is not None)
        role = "is to be corrected"
        nothing = tuple((name, None) for name, value in changes if value is None)
        for name, _ in nothing:
            if name not in types:
                raise SchemaError(f"the table has no column {name}, which {role}")
        asked = [DataSubject(given)]
        named = as_they_are_kept(self.tx.session, asked, types, role=role)[0].values
        return tuple(sorted((*named, *nothing)))

    def find(self, subjects: Sequence[DataSubject], changes: NewValues = ()) -> Found:
        """Look for people's records.

        Args:
            subjects: As `named` returns them.
            changes: Look only for records that do not hold these values, as `corrected` has them.

        Raises:
            SchemaError: people are named by a column that is not there any more, or that cold rows
                may have by another name or type.
            StorageError: an object is missing or damaged.

        """
        tx, name = self.tx, self.dataset.name
        wanted = self._wanted(subjects, changes)
        clock, standing = wanted.clock, wanted.holds
        theirs = sought(subjects, changes)
        kept = held(self.dataset, clock, standing)
        every = parts.of_dataset(tx, name)
        open_ = [part for part in every if part.readable_at(self.now)]
        hot = inventory.matching(tx, self.dataset, clock, f"{theirs} AND NOT {kept}")
        left = {}
        if standing:
            left = inventory.matching(tx, self.dataset, clock, f"{theirs} AND {kept}")
        cold, cold_left = self._objects.count(open_, wanted, by_filters=self.by_filters)
        waits = 0 if changes else self.quarantined(subjects)
        whole = quarantine.is_held(standing)
        said = {WAREHOUSE: sum(left.values()), QUARANTINE: waits if whole else 0}
        for part, rows in cold_left.items():
            said[str(part.period)] = said.get(str(part.period), 0) + rows
        return Found(
            hot,
            cold,
            tuple(part for part in every if part not in open_),
            0 if whole else waits,
            {where: rows for where, rows in said.items() if rows},
            standing,
            len(open_),
        )

    def quarantined(self, subjects: Sequence[DataSubject]) -> int:
        """Count the rows in quarantine that name one of some people."""
        return quarantine.count(self.tx, self.dataset.name, subjects, self._types())

    def in_replaced(
        self, subjects: Sequence[DataSubject], changes: NewValues, objects: Iterable[Location]
    ) -> list[Location]:
        """Return those of some replaced objects that may still hold records to be forgotten.

        One that lies in an archive may.
        """
        wanted = self._wanted(subjects, changes)
        found: list[Location] = []
        for item in sorted(objects):
            size = self.storage.size(item)
            if size is None:
                continue
            if TIERS[item.tier].archived:
                found.append(item)
                continue
            part = _replaced(self.dataset, item, size, self.now)
            going, _ = self._objects.count([part], wanted, by_filters=False)
            found += [item] if going else []
        return found

    def _wanted(self, subjects: Sequence[DataSubject], changes: NewValues) -> Wanted:
        table = self.tx.columns(self.dataset.table)
        standing = holds.standing_of(self.tx, self.dataset)
        names = named_by(self.dataset, subjects, standing, table)
        return Wanted(subjects, changes, standing, clock_of(self.dataset, table), names, table)

    @property
    def _objects(self) -> Objects:
        return Objects(self.tx.session, self.storage, self.catalog, self.dataset)

    def _types(self) -> dict[str, str]:
        table = self.tx.columns(self.dataset.table)
        if not table:
            raise missing_table(self.dataset, 0)
        return {column.name: column.type for column in table}


def _replaced(dataset: Dataset, location: Location, size: int, now: datetime) -> Part:
    """Return an object that is no part any more as if it were one."""
    period = Period.parse(location.key.split("/")[-2])
    tier = TIERS[location.tier]
    return Part(str(location), dataset.name, period, tier, location, 0, size, "", now)
