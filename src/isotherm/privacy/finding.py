"""Finding somebody's records, wherever they are; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from ..catalog.iceberg import IcebergCatalog
from ..control import erasures, holds, inventory, parts
from ..control.inventory import clock_of, missing_table
from ..engine.failures import DAMAGE, failure
from ..engine.filters import hides_row_numbers
from ..engine.matching import as_they_are_kept, held, naming, sought
from ..engine.sql import listed
from ..model.clock import Clock
from ..model.correction import NewValues
from ..model.dataset import Dataset
from ..model.errors import RequestError, SchemaError, StorageError
from ..model.hold import Hold
from ..model.part import Part
from ..model.period import Period
from ..model.person import DataSubject
from ..model.schema import Column, names_now
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction
from .narrowing import Rows, may_have

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
    holds: tuple[Hold, ...]
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
        return as_they_are_kept(self.tx.session, subjects, self._types())

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
        nothing = tuple((name, None) for name, value in changes if value is None)
        for name, _ in nothing:
            if name not in types:
                raise SchemaError(f"the table {table} has no column {name}")
        named = as_they_are_kept(self.tx.session, [DataSubject(given)], types)[0].values
        return tuple(sorted((*named, *nothing)))

    def find(self, subjects: Sequence[DataSubject], changes: NewValues = ()) -> Found:
        """Look for people's records.

        Args:
            subjects: As `named` returns them.
            changes: Look only for records that do not hold these values, as `corrected` has them.

        Raises:
            StorageError: an object is missing or damaged.

        """
        tx, name = self.tx, self.dataset.name
        clock = clock_of(self.dataset, tx.columns(self.dataset.table))
        standing = holds.standing(tx, name)
        theirs = sought(subjects, changes)
        kept = held(self.dataset, clock, standing)
        every = parts.of_dataset(tx, name)
        open_ = [part for part in every if part.readable_at(self.now)]
        hot = inventory.matching(tx, self.dataset, clock, f"{theirs} AND NOT {kept}")
        left = {}
        if standing:
            left = inventory.matching(tx, self.dataset, clock, f"{theirs} AND {kept}")
        cold, cold_left = self._cold(open_, subjects, changes, standing, clock)
        waits = 0 if changes else erasures.quarantined(tx, name, subjects)
        whole = erasures.keeps_quarantine(standing)
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

    def _types(self) -> dict[str, str]:
        table = self.tx.columns(self.dataset.table)
        if not table:
            raise missing_table(self.dataset, 0)
        return {column.name: column.type for column in table}

    def _cold(
        self,
        parts_: Sequence[Part],
        subjects: Sequence[DataSubject],
        changes: NewValues,
        standing: Sequence[Hold],
        clock: Clock,
    ) -> tuple[dict[Part, int], dict[Part, int]]:
        """Count rows by object: those that go, and those that a case keeps.

        The objects' own filters say first where somebody may be; the engine reads those rows, less
        what statistics leave out.
        """
        if not parts_:
            return {}, {}
        session, dataset = self.tx.session, self.dataset
        known = self.catalog.columns(dataset.name)
        names = names_now((column.name for column in known.values()), dataset.renamed)
        wanted = dict.fromkeys((dataset.clock, *dataset.subject, *(n for n, _ in changes)))
        if any(name.lower() == "filename" for name in wanted):
            raise RequestError(
                f"a column of {dataset.name} is called filename, by which the engine knows objects",
                hint="Rename the column.",
            )
        columns = {
            id_: Column(names[column.name], column.type)
            for id_, column in known.items()
            if names[column.name] in wanted
        }
        files = {_end(self.storage.url(part.readable_location)): part for part in parts_}
        where: Mapping[Rows | None, list[Part]] = {None: list(parts_)}
        if self.by_filters and not hides_row_numbers(names.values()):
            with self._blaming(parts_):
                where = may_have(session, self.storage, parts_, subjects, columns)
        if not where:
            return {}, {}
        sources = []
        for stretch, group in where.items():
            urls = [self.storage.url(part.readable_location) for part in group]
            relation = session.parquet(urls, columns)
            source, types = naming(wanted, relation, columns.values(), stretch)
            sources.append(f"SELECT {listed(types)}, filename FROM {source}")
        source = f"({' UNION ALL '.join(sources)})"
        kept = held(dataset, clock, standing, types)
        theirs = sought(subjects, changes, types)
        with self._blaming(parts_):
            rows = session.execute(
                f"SELECT filename, count(*) FILTER (WHERE NOT {kept}), "
                f"count(*) FILTER (WHERE {kept}) "
                f"FROM {source} WHERE {theirs} GROUP BY filename"
            )
        going = {files[_end(file)]: int(gone) for file, gone, _ in rows if gone}
        staying = {files[_end(file)]: int(left) for file, _, left in rows if left}
        return going, staying

    @contextmanager
    def _blaming(self, parts_: Sequence[Part]) -> Iterator[None]:
        """Name the object that is missing or damaged, where the engine cannot read one."""
        try:
            yield
        except Exception as error:
            if failure(error) in DAMAGE:
                said = str(error)
                for part in sorted(parts_, key=lambda p: p.readable_location.key not in said):
                    self._check(part)
            raise

    def _check(self, part: Part) -> None:
        if self.storage.sha256(part.readable_location) != part.sha256:
            raise StorageError(
                f"object {part.readable_location}, {part.period} of {part.dataset}, is damaged: "
                "nobody can be looked for in it",
                hint=f"Put it back from a backup; its SHA-256 is {part.sha256}.",
            )


def _end(url: str) -> str:
    """Return the end of an object's URL that no other has: dataset, period and the move's id."""
    return "/".join(url.split("/")[-3:])
