"""Correct: somebody's rows get new values, in the warehouse and in objects written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from ..control import datasets, erasures
from ..engine.matching import to_correct
from ..engine.sql import quote, text
from ..model.errors import ConflictError
from ..model.schema import Column
from .erase import Erase


class Correct(Erase):
    """Changes rows where `Erase` takes them away; no row leaves its partition by it."""

    def theirs(self, types: Mapping[str, str] | None = None) -> str:
        """Return the condition of their rows that do not hold the new values yet."""
        return to_correct(self.request.subjects, self.request.changes, types)

    @cached_property
    def catalogued(self) -> dict[int, Column]:
        """The columns of the dataset's Iceberg table, which has those that are corrected."""
        catalog, dataset = self.ports.catalog, self.dataset
        catalog.evolve(dataset.name, self.cold, dataset.renamed)
        return dict(catalog.columns(dataset.name))

    def in_new(self, there: Mapping[int, Column], names: Mapping[str, str]) -> dict[int, Column]:
        """Return the columns of the new object: those of the old one, and those corrected."""
        corrected = {name for name, _ in self.request.changes}
        return {
            id_: column
            for id_, column in self.catalogued.items()
            if id_ in there or names[column.name] in corrected
        }

    def written(self, columns: Mapping[int, Column], mine: str) -> Sequence[str]:
        """Return the expressions of the new object's columns."""
        changes = dict(self.request.changes)
        return [
            _corrected(c, changes[c.name], mine) if c.name in changes else quote(c.name)
            for c in columns.values()
        ]

    def stays(self, mine: str) -> str:
        """Return the condition of the rows that the new object has: all."""
        return "TRUE"

    def rows_left(self, rows: int, found: int) -> int:
        """Return how many rows the new object has: as many as the old one."""
        return rows

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
        found = self.out_of_warehouse() if self.of_warehouse else [self.looked_into()]
        erasures.note(self.tx, self.request.id, self.id, found)


def _corrected(column: Column, value: str | None, mine: str) -> str:
    new = f"CAST({'NULL' if value is None else text(value)} AS {column.type})"
    return f"CASE WHEN {mine} THEN {new} ELSE {quote(column.name)} END"
