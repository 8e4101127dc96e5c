"""Reload: objects' rows go back into the warehouse."""

from __future__ import annotations

from ..engine.sql import listed, quote
from ..model.errors import RequestError, VerifyError
from ..warehouse.base import Transaction
from .base import Act, Change
from .retier import verify_objects


class Reload(Act):
    """Puts the rows of all the periods' parts of one tier back, each with its own type."""

    def verify(self, tx: Transaction) -> None:
        """Check that every object is there, readable and undamaged."""
        now = self.ports.clock()
        parts = tuple(part for part in self.parts(tx) if part.tier == self.move.source)
        for part in parts:
            if not part.readable_at(now):
                raise RequestError(f"{part.location} is archived and has to be restored first")
        verify_objects(self, parts)
        pinned = tuple(p.pinned_location for p in parts if p.pinned_location)
        buried = tuple(p.location for p in parts if p.location not in pinned)
        self.change = Change(remove=parts, unregister=pinned, discard=pinned, discard_now=buried)

    def insert(self, tx: Transaction) -> None:
        """Insert the rows, and hash the periods before and after."""
        urls = [self.ports.storage.url(part.readable_location) for part in self.change.remove]
        source = tx.session.parquet(urls)
        there = [row[0] for row in tx.session.execute(f"DESCRIBE SELECT * FROM {source}")]
        columns = [column for column in self.cold(tx) if column.name in there]
        before = tx.session.digest(self.hot_rows(tx))
        names = listed(column.name for column in columns)
        tx.execute(
            f"INSERT INTO {tx.relation(self.dataset.table)} ({names}) SELECT {names} FROM {source}"
        )
        # Columns that were born later are NULL in old objects, here as in the table.
        typed = ", ".join(
            f"{quote(c.name) if c.name in there else 'NULL'}::{c.type} AS {quote(c.name)}"
            for c in self.cold(tx)
        )
        expected = before + tx.session.digest(f"SELECT {typed} FROM {source}")
        if tx.session.digest(self.hot_rows(tx)) != expected:
            raise VerifyError(
                f"the rows of {self.move.span} in {self.dataset.table} do not equal their objects",
                hint="Nothing was changed. A column's default or type alters what is inserted.",
            )
        self.moved = expected
