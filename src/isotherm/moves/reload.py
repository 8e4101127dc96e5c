"""Reload: objects' rows go back into the warehouse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from ..control.inventory import clock_of
from ..engine.sql import quote, within
from ..model.errors import RequestError, SchemaError, VerifyError
from ..model.names import folded, identifier
from ..model.period import Period, ranges
from ..model.schema import Column, names_now, widens
from .base import Act, leaving
from .checking import verify_objects


class Reload(Act):
    """Puts the rows of all the periods' parts of one tier back, each with its own type."""

    def verify(self) -> None:
        """Check that every object is there, readable and undamaged."""
        now = self.ports.clock()
        for part in self.sources:
            if not part.readable_at(now):
                raise RequestError(f"{part.location} is archived and has to be restored first")
        verify_objects(self.ports.storage, self.sources)
        self.change = leaving(self.sources)

    def insert(self) -> None:
        """Insert the rows, and hash the periods before and after."""
        if not self.change.remove:
            return
        urls = [self.ports.storage.url(part.readable_location) for part in self.change.remove]
        there = {id_ for url in urls for id_ in self.tx.session.parquet_columns(url)}
        columns = {
            id_: column
            for id_, column in self.ports.catalog.columns(self.dataset.name).items()
            if id_ in there
        }
        typed = ", ".join(self._picked(columns.values()))
        select = f"SELECT {typed} FROM {self.tx.session.parquet(urls, columns)}"
        before = self.tx.session.digest(self.hot_rows())
        self.tx.insert(self.dataset.table, [column.name for column in self.cold], select)
        expected = before + self.tx.session.digest(select)
        if self.tx.session.digest(self.hot_rows()) != expected:
            raise VerifyError(
                f"the rows of {self.move.span} in {self.dataset.table} do not equal their objects",
                hint="Nothing was changed. A trigger, a default or a type alters what is inserted.",
            )
        self.moved = expected

    def condition(self, periods: Sequence[Period] | None = None) -> str:
        """Return the condition of the periods alone: what was cold may lie outside the bounds."""
        clock = clock_of(self.dataset, self.columns)
        unbound = replace(self.dataset, earliest=None, latest=None)
        return " OR ".join(
            f"({within(unbound, clock, first, last)})"
            for first, last in ranges(periods or self.move.periods)
        )

    def _picked(self, columns: Collection[Column]) -> Iterator[str]:
        """Yield what is inserted into each column: every column of the objects has its place.

        Raises:
            SchemaError: the table has no column, or too narrow a one, for one of the objects.

        """
        names = names_now((column.name for column in columns), self.dataset.renamed)
        own = {folded(column.name): column for column in self.cold}
        found: dict[str, str] = {}
        for column in columns:
            place = own.get(folded(names[column.name]))
            fits = place and (place.type == column.type or widens(column.type, place.type))
            if place is None or not fits:
                raise _no_place(self, column.name, column.type, place)
            found[place.name] = quote(column.name)
        for column in self.cold:
            # A column that was born later is NULL in old objects, here as in the table.
            value = found.get(column.name, "NULL")
            yield f"{value}::{column.type} AS {quote(column.name)}"


def _no_place(act: Act, name: str, type_: str, column: Column | None) -> SchemaError:
    table = act.dataset.table
    now = f"has {column.name} as {column.type} now" if column else "has no such column"
    mend = (
        f"ALTER TABLE {table.sql} ALTER {identifier(column.name)} TYPE {type_}"
        if column
        else f"ALTER TABLE {table.sql} ADD COLUMN {identifier(name)} {type_}"
    )
    return SchemaError(
        f"the cold rows of {act.move.span} have {name} as {type_}, but {table} {now}: "
        "its values would be lost",
        hint=f"Nothing was moved. Give the values a place: {mend}",
    )
