"""Erase: somebody's rows leave the warehouse, and objects are written anew without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..control import datasets, erasures, holds
from ..control.erasures import Forgotten
from ..control.inventory import clock_of, matching
from ..engine.matching import belongs_to, held
from ..engine.sql import listed, quote
from ..model.errors import RequestError, VerifyError
from ..model.hold import Hold
from ..model.part import Digest, Location, Part
from ..model.period import Period
from ..model.schema import Column, names_now
from ..model.tier import HOT
from .base import Act, Change, leaving
from .retier import verify_objects
from .unload import delete_moved


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one object was found to have.

    Attributes:
        gone: Rows of the people that go.
        kept: Rows of theirs that a case keeps.
        new: What takes its place; None where nothing of it stays, or all.
        columns: Of the new object, as a select list.
        stay: What the new object has to have.

    """

    part: Part
    gone: int
    kept: int
    new: Part | None = None
    columns: str = ""
    stay: Digest | None = None


class Erase(Act):
    """Takes people's rows out of the warehouse, or out of the objects of its periods.

    A move of the warehouse has no period: rows that never age are somebody's, too.
    """

    @property
    def of_warehouse(self) -> bool:
        """Whether it takes rows out of the warehouse."""
        return self.move.source == HOT

    @cached_property
    def request(self) -> erasures.Erasure:
        """The request that it serves."""
        if self.move.request is None:
            raise RequestError(f"{self.move} says no request that it serves")
        return erasures.of_id(self.tx, self.move.request)

    @cached_property
    def holds(self) -> tuple[Hold, ...]:
        """The holds that stand."""
        return holds.standing(self.tx, self.dataset.name)

    @cached_property
    def clock_type(self) -> str:
        """The type of the clock in the warehouse."""
        return clock_of(self.dataset, self.columns).type

    @property
    def sources(self) -> tuple[Part, ...]:
        """The parts of its tier that can be read."""
        now = self.ports.clock()
        return tuple(part for part in super().sources if part.readable_at(now))

    def locations(self) -> tuple[Location, ...]:
        """Return one new object a part; one without rows of theirs is not written anew."""
        if self.of_warehouse:
            return ()
        return tuple(self._target(part, number) for number, part in enumerate(self.sources))

    def copy(self) -> None:
        """Write every object anew that has rows of theirs, without them, in the same order."""
        self._looked: tuple[_Looked, ...] = ()
        if self.of_warehouse:
            self.check_table()
            self.moved = self.tx.session.digest(self.hot_rows())
            self._hot = matching(self.tx, self.dataset, self.clock_type, self.condition())
            return
        verify_objects(self, self.sources)  # what is damaged is neither searched nor written anew
        self._looked = tuple(self._rewritten(part, n) for n, part in enumerate(self.sources))
        old = tuple(item.part for item in self._looked if item.gone)
        new = tuple(item.new for item in self._looked if item.new)
        seen = () if self.move.target.archived else tuple(part.location for part in new)
        self.change = replace(leaving(old), add=new, register=seen) if old else Change()

    def verify(self) -> None:
        """Read the new objects back: they have the rows of the old ones that are not theirs."""
        for item in self._looked:
            if item.new is None:
                continue
            source = self.tx.session.parquet([self.ports.storage.url(item.new.location)])
            if self.tx.session.digest(f"SELECT {item.columns} FROM {source}") != item.stay:
                raise VerifyError(
                    f"object {item.new.location} has not the rows that were to stay",
                    hint="Nothing was changed. Run the same command again.",
                )
        for part in self.change.add:
            self.ports.storage.settle(part.location)

    def check_table(self) -> None:
        """Check that nothing else happens with what is done to the warehouse's rows."""
        self.tx.check_deletable(self.dataset.table)

    def delete(self) -> None:
        """Delete their rows from the warehouse."""
        if self.of_warehouse:
            delete_moved(self)

    def note(self) -> None:
        """Write down what was taken away, and meet a hold that comes at the same time."""
        datasets.touch(self.tx, self.dataset.name)
        if self.of_warehouse:
            found = self.out_of_warehouse()
            if not erasures.keeps_quarantine(self.holds):
                gone = erasures.drop_quarantined(self.tx, self.dataset.name, self.request.subjects)
                found.append(Forgotten(None, "quarantine", gone))
        else:
            found = [self.looked_into()]
        erasures.note(self.tx, self.request.id, self.id, found)

    def condition(self, periods: Sequence[Period] | None = None) -> str:
        """Return the condition of their rows in the warehouse, of whatever period."""
        return f"{self.theirs()} AND NOT {held(self.dataset, self.clock_type, self.holds)}"

    # -- what a correction does otherwise

    def theirs(self, types: Mapping[str, str] | None = None) -> str:
        """Return the condition of rows that are theirs; see `matching.belongs_to`."""
        return belongs_to(self.request.subjects, types)

    @cached_property
    def catalogued(self) -> dict[int, Column]:
        """The columns of the dataset's Iceberg table."""
        return dict(self.ports.catalog.columns(self.dataset.name))

    def in_new(self, there: Mapping[int, Column], names: Mapping[str, str]) -> dict[int, Column]:
        """Return the columns of a new object, as the catalogue has them: those of the old one.

        Args:
            there: The columns of the old one, by field id.
            names: What columns are called now, by the names that the catalogue has.

        """
        return {id_: column for id_, column in self.catalogued.items() if id_ in there}

    def written(self, columns: Mapping[int, Column], mine: str) -> Sequence[str]:
        """Return the expressions of the new object's columns.

        Args:
            columns: As they are called and typed now.
            mine: The condition of rows that are theirs and held by nobody; never NULL.

        """
        return [quote(column.name) for column in columns.values()]

    def stays(self, mine: str) -> str:
        """Return the condition of the rows that the new object has."""
        return f"NOT {mine}"

    def rows_left(self, rows: int, found: int) -> int:
        """Return how many rows the new object has, of so many of which these were found."""
        return rows - found

    # -- the work

    def hot_rows(self, periods: Sequence[Period] | None = None) -> str:
        """Return the query of the rows that leave the warehouse: by what tells them apart."""
        names = listed(dict.fromkeys((self.dataset.clock, *self.dataset.subject)))
        return (
            f"SELECT {names} FROM {self.tx.relation(self.dataset.table)} WHERE {self.condition()}"
        )

    def out_of_warehouse(self) -> list[Forgotten]:
        """Return what was found in the warehouse, by period; rows that never age have none."""
        return [
            Forgotten(str(period) if period else None, HOT.name, rows)
            for period, rows in self._hot.items()
        ]

    def looked_into(self) -> Forgotten:
        """Return what was found in the objects, and what was done to them."""
        (period,) = self.move.periods
        standing = [hold.id for hold in self.holds]
        searched: dict[str, list[str]] = {}
        for item in self._looked:
            left = item.new if item.gone else item.part
            if left:
                searched[left.id] = standing if item.kept else []
        return Forgotten(
            str(period),
            self.move.source.name,
            sum(item.gone for item in self._looked),
            sum(item.kept for item in self._looked),
            tuple(map(str, self.change.discard)),
            searched,
        )

    def _target(self, part: Part, number: int) -> Location:
        return self.new_location(part.location.tier, part.period, number)

    def _rewritten(self, part: Part, number: int) -> _Looked:
        """Look into an object, and write it without their rows where it has some."""
        session, storage = self.tx.session, self.ports.storage
        url = storage.url(part.readable_location)
        there = session.parquet_columns(url)
        names = names_now((c.name for c in self.catalogued.values()), self.dataset.renamed)
        known = self.in_new(there, names)
        columns = {id_: Column(names[c.name], c.type) for id_, c in known.items()}
        source, types = self._as_now(session.parquet([url]), there, columns)
        theirs = self.theirs(types)
        kept = held(self.dataset, self.clock_type, self.holds, types)
        gone, left = session.execute(
            f"SELECT count(*) FILTER (WHERE NOT {kept}), count(*) FILTER (WHERE {kept}) "
            f"FROM {source} AS t WHERE {theirs}"
        )[0]
        if not gone or not self.rows_left(part.rows, gone):
            return _Looked(part, gone, left)
        # The new object has the names that the catalogue has for its columns.
        mine = f"coalesce({theirs} AND NOT {kept}, FALSE)"
        pairs = zip(self.written(columns, mine), known.values(), strict=True)
        chosen = ", ".join(f"{value} AS {quote(column.name)}" for value, column in pairs)
        stay = f"SELECT {chosen} FROM {source} AS t WHERE {self.stays(mine)}"
        sought = [known[i].name for i in known if columns[i].name in self.dataset.subject]
        field_ids = {column.name: id_ for id_, column in known.items()}
        new = self._write(part, number, stay, field_ids, sought)
        if new.rows != self.rows_left(part.rows, gone):
            raise VerifyError(
                f"object {part.location} has not the {part.rows} rows that were recorded",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        own = listed(column.name for column in known.values())
        return _Looked(part, gone, left, new, own, session.digest(stay))

    def _as_now(
        self, source: str, there: Mapping[int, Column], columns: Mapping[int, Column]
    ) -> tuple[str, dict[str, str]]:
        """Return an object with its columns as they are called and typed now, and their types.

        It is read by its own names: by field id the engine reads it on one thread.
        """
        types = {column.name: column.type for column in columns.values()}
        wanted = (self.dataset.clock, *self.dataset.subject)
        absent = dict.fromkeys((name for name in wanted if name not in types), "VARCHAR")
        chosen = [
            f"{quote(there[id_].name) if id_ in there else 'NULL'}::{column.type} "
            f"AS {quote(column.name)}"
            for id_, column in columns.items()
        ]
        chosen += [f"NULL::VARCHAR AS {quote(name)}" for name in absent]
        return f"(SELECT {', '.join(chosen)} FROM {source})", types | absent

    def _write(
        self,
        part: Part,
        number: int,
        select: str,
        field_ids: dict[str, int],
        sought: Sequence[str],
    ) -> Part:
        storage, target = self.ports.storage, self._target(part, number)
        staged, notes = storage.stage(target), self.notes(part.period)
        rows = self.tx.session.copy(select, staged, field_ids, notes, ordered=True, sought=sought)
        stored = storage.publish(target)
        if storage.classed:
            storage.classed.copy_tags(part.location, target)
        return replace(
            part,
            id=f"{self.id}-{number}",
            location=stored.location,
            rows=rows,
            bytes=stored.bytes,
            sha256=stored.sha256,
            created_at=self.ports.clock(),
            restored=None,
            restored_until=None,
        )
