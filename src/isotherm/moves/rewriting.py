"""Objects written anew without somebody's rows, or with new values in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from ..control.erasures import Erasure
from ..engine.base import Session
from ..engine.failures import DAMAGE, failure
from ..engine.matching import Kept, held, kept_as, sought
from ..engine.sql import listed, quote, text
from ..engine.threads import IN_TURN
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
        reading: How it was read.
        stay: What the new object has to have.

    """

    part: Part
    gone: int
    kept: int
    new: Part | None = None
    reading: Reading | None = None
    stay: Digest | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How an object is read, as SQL.

    Attributes:
        source: A relation, with its columns as they are called and typed now.
        known: The columns of the new object as the catalogue has them, by field id.
        written: Their expressions, by the names there.
        theirs: The condition of rows that the request is about; it may be NULL.
        kept: That of rows that a case keeps; never NULL.
        sought: The new object's columns by which people are looked for.

    """

    source: str
    known: Mapping[int, Column]
    written: Mapping[str, str]
    theirs: str
    kept: str
    sought: Sequence[str]

    @property
    def chosen(self) -> str:
        """The select list of the new object."""
        return ", ".join(f"{value} AS {quote(name)}" for name, value in self.written.items())


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
        are_few: Whether about each object has rows of theirs, and few: then they can be counted by
            the copy itself, at some microseconds a row.

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
    are_few: bool

    def rewrite(self, session: Session, part: Part, target: Target) -> Looked:
        """Look into an object, and write it anew where it has rows of theirs.

        Raises:
            VerifyError: it has not the bytes or the rows that were recorded.

        """
        try:
            reading = self._reading(session, part)
            whole = part.digest(session.hashes_of(reading.known))
            if whole is None or self.request.changes or not self.are_few:
                return self._searched(session, part, reading, target)
            return self._told(session, part, reading, target, whole)
        except Exception as error:
            if failure(error) in DAMAGE or failure(error.__cause__) in DAMAGE:
                verify_objects(self.storage, [part])  # a damaged one is named as what failed
            raise

    def verify(self, session: Session, looked: Looked) -> Looked:
        """Read a new object back: it has the rows of the old one as they were to be.

        Returns:
            The same, with the digest of the new object.

        Raises:
            VerifyError: it has not.

        """
        new, reading = looked.new, looked.reading
        if new is None or reading is None:
            return looked
        source = session.parquet([self.storage.url(new.location)])
        with self._turn():
            made = session.digest(f"SELECT {listed(reading.written)} FROM {source}")
        if made != looked.stay and made != self._hashed_anew(session, looked.part, reading):
            raise VerifyError(
                f"object {new.location} has not the rows that were to stay",
                hint="Nothing was changed. Run the same command again.",
            )
        self.storage.settle(new.location)
        by = session.hashes_of(reading.known)
        return replace(looked, new=new.with_digest(made, by))

    def _searched(self, session: Session, part: Part, reading: Reading, target: Target) -> Looked:
        """Rewrite an object that is searched first: it is read twice."""
        verify_objects(self.storage, [part])  # a damaged one is neither searched nor written anew
        found = self._found(session, reading)
        gone, kept = (found.get(which, NOTHING).rows for which in (GOES, KEPT))
        if not gone or not self._rows_left(part, gone):
            return Looked(part, gone, kept)
        stays = "TRUE" if self.request.changes else f"NOT {_goes(reading)}"
        rows = self._copy(session, reading, stays, target)
        if rows != self._rows_left(part, gone):
            raise VerifyError(
                f"object {part.location} has not the {part.rows} rows that were recorded",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        new = self._published(part, target, rows)
        return Looked(part, gone, kept, new, reading, self._stay(found))

    def _told(
        self, session: Session, part: Part, reading: Reading, target: Target, whole: Digest
    ) -> Looked:
        """Rewrite an object whose digest is known, and have the copy tell that of what goes.

        It is read once. That the old one was whole is seen by the digest of the new one.
        """
        with session.tally() as tally:
            whose = f"CASE WHEN {reading.kept} THEN {KEPT} ELSE {GOES} END"
            told = tally.counted(list(reading.written.values()), whose)
            stays = f"CASE WHEN {reading.theirs} THEN {told} = {KEPT} ELSE TRUE END"
            rows = self._copy(tally.session, reading, stays, target)
        gone, kept = (tally.found.get(which, NOTHING) for which in (GOES, KEPT))
        if rows != self._rows_left(part, gone.rows):
            self.storage.remove(target.location)
            return self._searched(session, part, reading, target)
        if not rows or not gone.rows:  # there is no new one that could tell
            verify_objects(self.storage, [part])
            self.storage.remove(target.location)
            return Looked(part, gone.rows, kept.rows)
        new = self._published(part, target, rows)
        return Looked(part, gone.rows, kept.rows, new, reading, whole - gone)

    def _hashed_anew(self, session: Session, part: Part, reading: Reading) -> Digest:
        """Hash what is to stay of an object, which has to be what it was."""
        verify_objects(self.storage, [part])
        return self._stay(self._found(session, reading))

    def _found(self, session: Session, reading: Reading) -> dict[int, Digest]:
        """Count and hash all rows of an object as they are to be, by whose they are."""
        whose = (
            f"CASE WHEN {_goes(reading)} THEN {GOES} WHEN {reading.theirs} THEN {KEPT} "
            f"ELSE {OTHERS} END"
        )
        with self._turn():
            return session.digests(list(reading.written.values()), f"{reading.source} AS t", whose)

    def _stay(self, found: Mapping[int, Digest]) -> Digest:
        """Return the digest of what a new object has, of what an old one was found to have."""
        stays = (OTHERS, KEPT, GOES) if self.request.changes else (OTHERS, KEPT)
        return sum((found.get(whose, NOTHING) for whose in stays), NOTHING)

    def _copy(self, session: Session, reading: Reading, stays: str, target: Target) -> int:
        with self._turn():
            return session.copy(
                f"SELECT {reading.chosen} FROM {reading.source} AS t WHERE {stays}",
                self.storage.stage(target.location),
                {column.name: id_ for id_, column in reading.known.items()},
                target.notes,
                sought=reading.sought,
            )

    def _turn(self) -> AbstractContextManager[object]:
        """Wait for one's turn where the engine is kept busy; not where it waits for a network."""
        return IN_TURN if self.storage.access() is None else nullcontext()

    def _reading(self, session: Session, part: Part) -> Reading:
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
        by = [known[i].name for i in known if columns[i].name in self.dataset.subject]
        return Reading(source, known, written, theirs, kept, by)

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

    def _rows_left(self, part: Part, found: int) -> int:
        """Return how many rows the new object has, of one in which these were found."""
        return part.rows if self.request.changes else part.rows - found

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
            hashed=None,
        )


def _goes(reading: Reading) -> str:
    """Return the condition of rows that are theirs and held by nobody; never NULL."""
    return f"coalesce({reading.theirs} AND NOT {reading.kept}, FALSE)"
