"""The port to the warehouse: transactions over hot rows and control, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..engine.base import Row, Session
from ..model.dataset import TableName
from ..model.part import Digest
from ..model.schema import Column


class Transaction(Protocol):
    """One snapshot of the warehouse, and the changes that commit with it.

    Raises `ConflictError` from any call when another writer was there first.
    """

    @property
    def session(self) -> Session:
        """An engine session in which the warehouse's rows are seen at this snapshot."""
        ...

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement on the warehouse, values bound to `?`, and return its rows."""
        ...

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table."""
        ...

    def relation(self, table: TableName) -> str:
        """Return the table's name as SQL of `session`."""
        ...

    def bytes(self, table: TableName) -> int:
        """Estimate how many bytes the table's rows take in the warehouse."""
        ...

    def fence(self, table: TableName, select: str) -> Digest:
        """Keep other writers away from the table until the commit.

        Returns:
            The digest of the rows of `select` as all others see them now, so that whoever knows
            them otherwise learns that they were changed since this snapshot.

        Raises:
            ConflictError: another writer was there first.
            SchemaError: the table cannot be fenced.

        """
        ...

    def delete(self, table: TableName, condition: str) -> int:
        """Delete the rows that meet `condition` and return how many there were.

        Raises:
            SchemaError: a constraint of the table forbids it.

        """
        ...

    def insert(self, table: TableName, columns: Sequence[str], select: str) -> int:
        """Insert the rows of `select` and return how many there were.

        Raises:
            SchemaError: a constraint of the table forbids it.

        """
        ...


class Warehouse(Protocol):
    """Where the hot rows and control live."""

    default_schema: str

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a writing transaction: it commits at the end, and rolls back on an error."""
        ...

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that cannot write."""
        ...

    def compact(self) -> None:
        """Give freed space back to the table, where the warehouse needs to be told."""
        ...

    def close(self) -> None:
        """Give up the warehouse."""
        ...
