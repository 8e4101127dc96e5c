"""Correct: somebody's rows get new values, in the warehouse and in objects written anew."""

from __future__ import annotations

from functools import cached_property

from ..control import datasets, erasures
from ..model.errors import ConflictError
from ..model.schema import Column
from .erase import Erase


class Correct(Erase):
    """Changes rows where `Erase` takes them away; no row leaves its partition by it."""

    @cached_property
    def catalogued(self) -> dict[int, Column]:
        """The columns of the dataset's Iceberg table, which has those that are corrected."""
        catalog, dataset = self.ports.catalog, self.dataset
        catalog.evolve(dataset.name, self.cold, dataset.renamed)
        return dict(catalog.columns(dataset.name))

    def check_table(self) -> None:
        """Let the table's triggers act: what they undo is found by counting."""

    def update(self) -> None:
        """Change their rows in the warehouse.

        Raises:
            ConflictError: their number is not what was read, or some do not hold the new values.

        """
        if not self.of_warehouse or not self.moved.rows:
            return
        table, condition = self.dataset.table, self.condition()
        changed = self.tx.update(table, self.request.changes, condition)
        left = self.tx.execute(f"SELECT count(*) FROM {self.tx.relation(table)} WHERE {condition}")
        if changed != self.moved.rows or left[0][0]:
            raise ConflictError(
                f"{changed} rows of {table} would be changed, {self.moved.rows} were read, and "
                f"{left[0][0]} do not hold the new values then",
                hint="Nothing was changed. Run the same command again. Does a trigger undo it?",
            )

    def note(self) -> None:
        """Write down what was changed, and meet a hold that comes at the same time."""
        datasets.touch(self.tx, self.dataset.name)
        found = self.out_of_warehouse() if self.of_warehouse else self.looked_into()
        erasures.note(self.tx, self.request.id, self.id, found)
