"""Objects written anew without somebody's rows, or with new values in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..control.erasures import Erasure
from ..engine.base import Session
from ..engine.matching import Kept, held, kept_as, sought
from ..engine.sql import listed, quote, text
from ..model.clock import Clock
from ..model.dataset import Dataset
from ..model.errors import VerifyError
from ..model.hold import Hold
from ..model.part import NOTHING, Digest, Location, Part
from ..model.schema import Column, names_now
from ..storage.base import Storage
from .checking import verify_objects

OTHERS, KEPT, GOES = 0, 1, 2
"""Whose a row is: somebody else's, theirs but held, theirs."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a new object is to be.

    Attributes:
        id: Of the new part.
        notes: What the object says of itself.

    """

    id: str
    location: Location
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one object was found to have.

    Attributes:
        gone: Rows of the people that go, or get new values.
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


@dataclass(frozen=True)
class Rewriting:
    """What a request does to objects; several threads use it, each with a session of its own.

    Attributes:
        holds: Those that stand.
        clock: As the warehouse has it.
        names: The columns that tell people apart; see `named_by`.
        table: The columns of the dataset's table.
        catalogued: The columns of the dataset's Iceberg table, by field id.
        now: When new objects come into being, UTC.

    """

    storage: Storage
    dataset: Dataset
    request: Erasure
    holds: tuple[Hold, ...]
    clock: Clock
    names: Sequence[str]
    table: Sequence[Column]
    catalogued: Mapping[int, Column]
    now: datetime

    def rewrite(self, session: Session, part: Part, target: Target) -> Looked:
        """Look into an object, and write it anew where it has rows of theirs.

        Raises:
            VerifyError: it has not the bytes or the rows that were recorded.

        """
        verify_objects(self.storage, [part])  # a damaged one is neither searched nor written anew
        url = self.storage.url(part.readable_location)
        there = session.parquet_columns(url)
        names = names_now((c.name for c in self.catalogued.values()), self.dataset.renamed)
        known = self._in_new(there, names)
        columns = {id_: Column(names[c.name], c.type) for id_, c in known.items()}
        source, as_kept = self._as_now(session.parquet([url]), there, columns)
        theirs = sought(self.request.subjects, self.request.changes, as_kept)
        kept = held(self.dataset, self.clock, self.holds, as_kept)
        mine = f"coalesce({theirs} AND NOT {kept}, FALSE)"
        # The new object has the names that the catalogue has for its columns.
        written = {column.name: self._written(columns[id_], mine) for id_, column in known.items()}
        whose = f"CASE WHEN {mine} THEN {GOES} WHEN {theirs} THEN {KEPT} ELSE {OTHERS} END"
        found = session.digests(list(written.values()), f"{source} AS t", whose)
        gone, left = (found.get(which, NOTHING).rows for which in (GOES, KEPT))
        if not gone or not self._rows_left(part.rows, gone):
            return Looked(part, gone, left)
        stays = "TRUE" if self.request.changes else f"NOT {mine}"
        chosen = ", ".join(f"{value} AS {quote(name)}" for name, value in written.items())
        by = [known[i].name for i in known if columns[i].name in self.dataset.subject]
        rows = session.copy(
            f"SELECT {chosen} FROM {source} AS t WHERE {stays}",
            self.storage.stage(target.location),
            {column.name: id_ for id_, column in known.items()},
            target.notes,
            sought=by,
        )
        if rows != self._rows_left(part.rows, gone):
            raise VerifyError(
                f"object {part.location} has not the {part.rows} rows that were recorded",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        if not self.request.changes:
            del found[GOES]
        stay = sum(found.values(), NOTHING)
        return Looked(part, gone, left, self._published(part, target, rows), listed(written), stay)

    def verify(self, session: Session, looked: Looked) -> None:
        """Read a new object back: it has the rows of the old one as they were to be.

        Raises:
            VerifyError: it has not.

        """
        if looked.new is None:
            return
        source = session.parquet([self.storage.url(looked.new.location)])
        if session.digest(f"SELECT {looked.columns} FROM {source}") != looked.stay:
            raise VerifyError(
                f"object {looked.new.location} has not the rows that were to stay",
                hint="Nothing was changed. Run the same command again.",
            )
        self.storage.settle(looked.new.location)

    def _in_new(self, there: Mapping[int, Column], names: Mapping[str, str]) -> dict[int, Column]:
        """Return the columns of a new object, as the catalogue has them.

        They are those of the old one, and those that are corrected.

        Args:
            there: The columns of the old one, by field id.
            names: What columns are called now, by the names that the catalogue has.

        """
        corrected = {name for name, _ in self.request.changes}
        return {
            id_: column
            for id_, column in self.catalogued.items()
            if id_ in there or names[column.name] in corrected
        }

    def _as_now(
        self, source: str, there: Mapping[int, Column], columns: Mapping[int, Column]
    ) -> tuple[str, Kept]:
        """Return an object with its columns as they are called and typed now, and how it has them.

        It is read by its own names: by field id the engine reads it on one thread.
        """
        kept = kept_as(columns.values(), self.dataset, self.table)
        wanted = dict.fromkeys((self.dataset.clock, *self.names))
        absent = dict.fromkeys((name for name in wanted if name not in kept.types), "VARCHAR")
        chosen = [
            f"{quote(there[id_].name) if id_ in there else 'NULL'}::{column.type} "
            f"AS {quote(column.name)}"
            for id_, column in columns.items()
        ]
        chosen += [f"NULL::VARCHAR AS {quote(name)}" for name in absent]
        return f"(SELECT {', '.join(chosen)} FROM {source})", replace(
            kept, types={**kept.types, **absent}
        )

    def _written(self, column: Column, mine: str) -> str:
        """Return the expression of a new object's column.

        Args:
            column: As it is called and typed now.
            mine: The condition of rows that are theirs and held by nobody; never NULL.

        """
        changes = dict(self.request.changes)
        if column.name not in changes:
            return quote(column.name)
        value = changes[column.name]
        new = f"CAST({'NULL' if value is None else text(value)} AS {column.type})"
        return f"CASE WHEN {mine} THEN {new} ELSE {quote(column.name)} END"

    def _rows_left(self, rows: int, found: int) -> int:
        """Return how many rows the new object has, of so many of which these were found."""
        return rows if self.request.changes else rows - found

    def _published(self, part: Part, target: Target, rows: int) -> Part:
        stored = self.storage.publish(target.location)
        if self.storage.classed:
            self.storage.classed.copy_tags(part.location, target.location)
        return replace(
            part,
            id=target.id,
            location=stored.location,
            rows=rows,
            bytes=stored.bytes,
            sha256=stored.sha256,
            created_at=self.now,
            restored=None,
            restored_until=None,
        )
