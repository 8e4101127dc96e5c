"""Expire: a period is deleted from everywhere."""

from __future__ import annotations

from ..control import datasets, holds
from ..model.errors import RequestError
from .base import Act, leaving
from .unload import delete_moved


class Expire(Act):
    """Deletes the period's rows from the warehouse and forgets all its parts."""

    def count(self) -> None:
        """Hash the rows that are still in the warehouse; all the parts go.

        Raises:
            RequestError: a case keeps something of it.

        """
        for hold in holds.covering(self.tx, self.dataset.name, self.move.periods):
            raise RequestError(f"{hold} keeps {self.move.span} of {self.dataset.name}")
        self.tx.check_deletable(self.dataset.table)
        self.change = leaving(self.parts)
        self.moved = self.tx.session.digest(self.hot_rows())

    def note(self) -> None:
        """Meet a hold that comes at the same time."""
        datasets.touch(self.tx, self.dataset.name)

    def delete(self) -> None:
        """Delete the rows that are still in the warehouse."""
        delete_moved(self)
