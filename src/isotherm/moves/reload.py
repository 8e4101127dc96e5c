"""Reload: objects' rows go back into the warehouse."""

from __future__ import annotations

from ..engine.sql import quote
from ..model.errors import RequestError, VerifyError
from .base import Act, leaving
from .retier import verify_objects


class Reload(Act):
    """Puts the rows of all the periods' parts of one tier back, each with its own type."""

    def verify(self) -> None:
        """Check that every object is there, readable and undamaged."""
        now = self.ports.clock()
        for part in self.sources:
            if not part.readable_at(now):
                raise RequestError(f"{part.location} is archived and has to be restored first")
        verify_objects(self, self.sources)
        self.change = leaving(self.sources)

    def insert(self) -> None:
        """Insert the rows, and hash the periods before and after."""
        if not self.change.remove:
            return
        urls = [self.ports.storage.url(part.readable_location) for part in self.change.remove]
        source = self.tx.session.parquet(urls)
        there = {row[0] for row in self.tx.session.execute(f"DESCRIBE SELECT * FROM {source}")}
        old = {new: old for old, new in self.dataset.renamed.items() if old in there}
        # Columns that were born later are NULL in old objects, here as in the table.
        typed = ", ".join(
            f"{_found(c.name, old.get(c.name, c.name), there)}::{c.type} AS {quote(c.name)}"
            for c in self.cold
        )
        select = f"SELECT {typed} FROM {source}"
        before = self.tx.session.digest(self.hot_rows())
        self.tx.insert(self.dataset.table, [column.name for column in self.cold], select)
        expected = before + self.tx.session.digest(select)
        if self.tx.session.digest(self.hot_rows()) != expected:
            raise VerifyError(
                f"the rows of {self.move.span} in {self.dataset.table} do not equal their objects",
                hint="Nothing was changed. A trigger, a default or a type alters what is inserted.",
            )
        self.moved = expected


def _found(name: str, old: str, there: set[str]) -> str:
    """Return the column of an object that holds a column's values, NULL where there is none."""
    present = [quote(n) for n in dict.fromkeys((name, old)) if n in there]
    if not present:
        return "NULL"
    return f"coalesce({', '.join(present)})" if len(present) > 1 else present[0]
