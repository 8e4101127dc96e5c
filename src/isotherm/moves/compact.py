"""Compact: the small objects of a partition in a tier become one, with their rows in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..engine.sql import listed
from ..model.errors import RequestError, VerifyError
from ..model.part import Digest, Location, Part
from ..model.period import Period
from ..model.schema import Column, names_now
from .base import Act, leaving
from .checking import verify_objects


@dataclass(frozen=True, slots=True)
class _Merged:
    """What has become one object.

    Attributes:
        columns: Of the new object, by field id.
        there: What the old ones have.

    """

    new: Part
    columns: Mapping[int, Column]
    there: Digest


class Compact(Act):
    """Writes the rows of all small objects of a period to a new one, period by period."""

    _merged: tuple[_Merged, ...] = ()

    @property
    def sources(self) -> tuple[Part, ...]:
        """The small parts of its tier."""
        least = self.dataset.small_bytes
        return tuple(part for part in super().sources if part.bytes < least)

    def locations(self) -> tuple[Location, ...]:
        """Return one new object a period."""
        return tuple(self._target(period) for period in self.move.periods)

    def copy(self) -> None:
        """Write the rows of all objects, sorted; what is damaged is never written anew.

        Raises:
            RequestError: an object cannot be read now.
            VerifyError: an object has other bytes or rows than were recorded.

        """
        old: list[Part] = []
        merged: list[_Merged] = []
        with self.tx.session.ordered():
            for period in self.move.periods:
                parts = [part for part in self.sources if part.period == period]
                if len(parts) > 1:
                    merged.append(self._write(period, parts))
                    old += parts
        self._merged = tuple(merged)
        new = tuple(item.new for item in merged)
        seen = tuple(part.location for part in new)
        self.change = replace(leaving(tuple(old)), add=new, register=seen)

    def verify(self) -> None:
        """Read the new objects back: they have the rows of the old ones.

        Raises:
            VerifyError: one has not.

        """
        session, storage = self.tx.session, self.ports.storage
        new = []
        for item in self._merged:
            source = session.parquet([storage.url(item.new.location)])
            own = listed(column.name for column in item.columns.values())
            if session.digest(f"SELECT {own} FROM {source}") != item.there:
                raise VerifyError(
                    f"object {item.new.location} has not the rows of those that it replaces",
                    hint="Nothing was changed. Run the same command again.",
                )
            storage.settle(item.new.location)
            new.append(item.new.with_digest(item.there, session.hashes_of(item.columns)))
        self.change = replace(self.change, add=tuple(new))

    def _target(self, period: Period) -> Location:
        return self.new_location(self.move.target.name, period, 0)

    def _write(self, period: Period, parts: Sequence[Part]) -> _Merged:
        storage, session, target = self.ports.storage, self.tx.session, self._target(period)
        now = self.ports.clock()
        for part in parts:
            if not part.readable_at(now):
                raise RequestError(f"{part.location} is archived and has to be restored first")
        verify_objects(storage, parts)
        urls = [storage.url(part.readable_location) for part in parts]
        there = {id_ for found in session.parquet_columns_of(urls).values() for id_ in found}
        columns = {id_: column for id_, column in self._catalogued.items() if id_ in there}
        source = f"SELECT * FROM {session.parquet(urls, columns)}"
        order_by = self.dataset.order_by
        sorted_by = (self.dataset.clock,) if order_by is None else order_by
        order = self._called(sorted_by, columns.values())
        rows = session.copy(
            f"{source} ORDER BY {listed(order)}" if order else source,
            storage.stage(target),
            {column.name: id_ for id_, column in columns.items()},
            self.notes(period),
            sought=self._called(self.dataset.subject, columns.values()),
        )
        if rows != (recorded := sum(part.rows for part in parts)):
            raise VerifyError(
                f"the objects of {period} have {rows} rows, and {recorded} were recorded",
                hint="Nothing was changed. Put them back from a backup, then try again.",
            )
        new = self._published(period, parts, rows)
        return _Merged(new, columns, session.digest(source))

    def _published(self, period: Period, parts: Sequence[Part], rows: int) -> Part:
        storage, target = self.ports.storage, self._target(period)
        stored = storage.publish(target)
        if storage.classed:
            storage.classed.copy_tags(parts[0].location, target)
        return self.new_part(period, stored, rows)

    @cached_property
    def _catalogued(self) -> dict[int, Column]:
        return dict(self.ports.catalog.columns(self.dataset.name))

    def _called(self, names: Sequence[str], columns: Collection[Column]) -> list[str]:
        """Return what columns of the table are called in the objects, of those that are there."""
        now = names_now((c.name for c in self._catalogued.values()), self.dataset.renamed)
        known = {now[column.name]: column.name for column in columns}
        return [known[name] for name in names if name in known]
