"""Erase: somebody's rows leave the warehouse, and objects are written anew without them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from ..control import erasures, holds
from ..control.erasures import Forgotten
from ..control.inventory import clock_of
from ..engine.matching import belongs_to, held
from ..engine.sql import listed, quote
from ..model.errors import RequestError, VerifyError
from ..model.part import Digest, Location, Part
from ..model.period import Period
from ..model.schema import Column, names_now
from ..model.tier import HOT
from .base import Act, leaving
from .unload import delete_moved


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
    def theirs(self) -> str:
        """The condition of the people's rows."""
        return belongs_to(self.request.subjects)

    @cached_property
    def kept(self) -> str:
        """The condition of the rows that a case keeps."""
        clock_type = clock_of(self.dataset, self.columns).type
        return held(self.dataset, clock_type, holds.standing(self.tx, self.dataset.name))

    @property
    def match(self) -> str:
        """The condition of the rows that go."""
        return f"{self.theirs} AND NOT {self.kept}"

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
        self._gone: dict[str, int] = {}
        self._held = 0
        self._kept: list[tuple[Part, str, Digest]] = []
        if self.of_warehouse:
            self.tx.check_deletable(self.dataset.table)
            self.moved = self.tx.session.digest(self.hot_rows())
            return
        found = [self._rewritten(part, number) for number, part in enumerate(self.sources)]
        old = tuple(part for part, _ in filter(None, found))
        new = tuple(part for _, part in filter(None, found) if part)
        seen = () if self.move.target.archived else tuple(part.location for part in new)
        self.change = replace(leaving(old), add=new, register=seen)

    def verify(self) -> None:
        """Read the new objects back: they have the rows of the old ones that are not theirs."""
        for part, columns, kept in self._kept:
            source = self.tx.session.parquet([self.ports.storage.url(part.location)])
            if self.tx.session.digest(f"SELECT {columns} FROM {source}") != kept:
                raise VerifyError(
                    f"object {part.location} has not the rows that were to stay",
                    hint="Nothing was changed. Run the same command again.",
                )
            self.ports.storage.settle(part.location)

    def delete(self) -> None:
        """Delete their rows from the warehouse."""
        if self.of_warehouse:
            delete_moved(self)

    def note(self) -> None:
        """Write down what was taken away, for the certificate."""
        tier, replaced = self.move.source.name, self.change.discard
        if self.of_warehouse:
            found = [Forgotten(None, tier, self.moved.rows)]
            if gone := self._quarantined():
                found.append(Forgotten(None, "quarantine", gone))
        else:
            (period,) = self.move.periods
            untouched = [part.id for part in self.sources if part.id not in self._gone]
            searched = (*untouched, *(part.id for part in self.change.add))
            names = tuple(map(str, replaced))
            found = [
                Forgotten(str(period), tier, sum(self._gone.values()), self._held, names, searched)
            ]
        erasures.note(self.tx, self.request.id, self.id, found)

    def condition(self, periods: Sequence[Period] | None = None) -> str:
        """Return the condition of the rows that leave the warehouse, of whatever period."""
        return self.match

    def _quarantined(self) -> int:
        """Delete from the quarantine what names one of them."""
        names = {value for subject in self.request.subjects for _, value in subject.values}
        gone = 0
        for name in sorted(names):
            rows = self.tx.execute(
                "DELETE FROM isotherm.quarantine WHERE dataset = ? AND "
                "list_contains(regexp_split_to_array(raw, '[^[:alnum:]_@.+-]+'), ?)",
                [self.dataset.name, name],
            )
            gone += int(rows[0][0]) if rows else 0
        return gone

    def _target(self, part: Part, number: int) -> Location:
        return self.new_location(part.location.tier, part.period, number)

    def _rewritten(self, part: Part, number: int) -> tuple[Part, Part | None] | None:
        """Write an object without their rows; None if it has none of theirs."""
        session, storage = self.tx.session, self.ports.storage
        url = storage.url(part.readable_location)
        there = session.parquet_columns(url)
        known = self.ports.catalog.columns(self.dataset.name)
        names = names_now((known[id_].name for id_ in there), self.dataset.renamed)
        columns = {id_: Column(names[known[id_].name], known[id_].type) for id_ in there}
        source = session.parquet([url], columns)
        absent = set(self.dataset.subject) - {column.name for column in columns.values()}
        if absent:  # a column that was born later: nobody is named here
            nothing = ", ".join(f"NULL AS {quote(name)}" for name in sorted(absent))
            source = f"(SELECT *, {nothing} FROM {source})"
        gone, kept = session.execute(
            f"SELECT count(*) FILTER (WHERE NOT {self.kept}), count(*) FILTER (WHERE {self.kept}) "
            f"FROM {source} AS t WHERE {self.theirs}"
        )[0]
        self._held += kept
        if not gone:
            return None
        self._gone[part.id] = gone
        if gone == part.rows:
            return part, None
        chosen = listed(column.name for column in columns.values())
        stay = f"SELECT {chosen} FROM {source} AS t WHERE NOT ({self.match})"
        target = self._target(part, number)
        notes = {
            "lake": self.ports.lake,
            "dataset": self.dataset.name,
            "period": str(part.period),
            "move": self.id,
        }
        ids = {column.name: id_ for id_, column in columns.items()}
        note = {"isotherm": json.dumps(notes)}
        rows = session.copy(stay, storage.stage(target), ids, note, ordered=True)
        stored = storage.publish(target)
        if storage.classed:
            storage.classed.copy_tags(part.location, target)
        made = replace(
            part,
            id=f"{self.id}-{number}",
            location=stored.location,
            rows=rows,
            bytes=stored.bytes,
            sha256=stored.sha256,
            restored=None,
            restored_until=None,
        )
        if rows + gone != part.rows:
            raise VerifyError(
                f"object {part.location} has {rows + gone} rows, and {part.rows} were recorded",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        self._kept.append((made, chosen, session.digest(stay)))
        return part, made
