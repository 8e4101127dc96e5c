"""Expire: a period is deleted from everywhere."""

from __future__ import annotations

from ..model.errors import ConflictError
from ..warehouse.base import Transaction
from .base import Act, Change


class Expire(Act):
    """Deletes the period's rows from the warehouse and forgets all its parts."""

    def fence(self, tx: Transaction) -> None:
        """Find what there is, and make sure that no other writer is at it."""
        parts = self.parts(tx)
        pinned = tuple(p.pinned_location for p in parts if p.pinned_location)
        buried = tuple(p.location for p in parts if p.location not in pinned)
        self.change = Change(remove=parts, unregister=pinned, discard=pinned, discard_now=buried)
        self.moved = tx.session.digest(self.hot_rows(tx))
        super().fence(tx)

    def delete(self, tx: Transaction) -> None:
        """Delete the rows that are still in the warehouse."""
        gone = tx.delete(self.dataset.table, self.condition(tx))
        if gone != self.moved.rows:
            raise ConflictError(
                f"{gone} rows of {self.move.span} would be deleted, {self.moved.rows} were counted",
                hint="Nothing was deleted. Run the same command again.",
            )
