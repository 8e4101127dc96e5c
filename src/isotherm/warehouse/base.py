"""The port to the warehouse: transactions over hot rows and control, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..engine.base import Row, Session
from ..model.correction import NewValues
from ..model.dataset import TableName
from ..model.part import Digest
from ..model.period import Period
from ..model.schema import Column
from .server import Server


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

    def bytes(self, table: TableName, rows: int) -> int:
        """Estimate how many bytes so many rows take: those that the table has."""
        ...

    def check_deletable(self, table: TableName) -> None:
        """Check that rows can be deleted without changing other tables.

        Raises:
            SchemaError: they cannot.

        """
        ...

    def take(self, table: TableName, condition: str, rows: int) -> None:
        """Say which rows will be read, several times, and deleted; about how many they are.

        They may be read from a copy of them as of this snapshot from now on: what is not among
        them is not seen any more in `relation`.
        """
        ...

    def scattered(self, table: TableName, condition: str, column: str) -> bool:
        """Say whether the rows that meet `condition` lie far from the order of a column.

        Those do not of which it cannot be told.

        Args:
            column: Of whole numbers or times.

        """
        ...

    def mark(self, table: TableName) -> None:
        """Remember where the table has its rows at this snapshot, before any of them is read.

        Where the fence does not read rows again, this transaction deletes none that lies elsewhere.
        """
        ...

    def go_on_from(self, earlier: Transaction) -> None:
        """Go on from an earlier snapshot, still open.

        Where the fence does not read rows again, none is deleted but those that were marked there,
        as they were then.

        Raises:
            ConflictError: that snapshot is gone, or was not what the engine has read.

        """
        ...

    def fence(self, table: TableName, select: str) -> Digest:
        """Make sure that what this transaction deletes is what it has read.

        Either other writers are kept away until the commit, and who has been there is found by
        the digest; or the warehouse itself refuses to delete a row that was changed since.

        Returns:
            The digest of the rows of `select` as they would be deleted now.

        Raises:
            ConflictError: another writer was there first.
            SchemaError: the table cannot be fenced.

        """
        ...

    def delete(self, table: TableName, condition: str) -> int:
        """Delete the rows that meet `condition` and return how many there were.

        Of those that were taken, rows with a value that the engine has read as another one stay.

        Raises:
            SchemaError: a constraint of the table forbids it.

        """
        ...

    def check_left(self, table: TableName, condition: str) -> None:
        """Check that of the rows that meet `condition` none has stayed for a value in it.

        Raises:
            SchemaError: one has; the value is named.

        """
        ...

    def update(self, table: TableName, changes: NewValues, condition: str) -> int:
        """Give the rows that meet `condition` new values and return how many there were.

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

    def make_table(self, table: TableName, columns: Sequence[Column]) -> None:
        """Create a table.

        Raises:
            SchemaError: it has no schema that it could be in.

        """
        ...

    def add_column(self, table: TableName, column: Column) -> None:
        """Add a column at the table's end."""
        ...

    def widen(self, table: TableName, column: Column) -> None:
        """Give a column another type that holds its values."""
        ...

    def inserted(self, table: TableName, column: str) -> str | None:
        """Return a relation with one column of the rows that this transaction has inserted.

        As SQL of `session`; None if these rows cannot be told from the others.
        """
        ...

    def server(self) -> Server | None:
        """Return what can be asked of the warehouse's server; None if it is a file."""
        ...


class Warehouse(Protocol):
    """Where the hot rows and control live.

    Attributes:
        default_schema: The schema of a table that is named without one.
        rereads: Whether `fence` reads the rows again. Where not, a transaction goes on from the
            snapshot on which they were copied before it.

    """

    default_schema: str
    rereads: bool

    def transaction(
        self, lock: Sequence[TableName] = (), *, control_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a writing transaction: it commits at the end, and rolls back on an error.

        Args:
            lock: Tables that nobody else writes meanwhile, of those that `partitions` returned.
            control_only: No table of the warehouse's owner is named: what others have made of
                them is not looked up, which takes a server some time.

        """
        ...

    def partitions(
        self, table: TableName, clock: str, periods: Iterable[Period], *, own: bool = False
    ) -> tuple[TableName, ...]:
        """Return the native partitions of a table that hold one of some periods each.

        Args:
            own: Those that we may drop; those that we may delete from if not.

        """
        ...

    def drop_if_empty(self, partition: TableName) -> bool:
        """Drop a native partition; False if it has rows.

        Raises:
            ConflictError: somebody is at work on it, or on its table.

        """
        ...

    def snapshot(self, *, control_only: bool = False) -> AbstractContextManager[Transaction]:
        """Open a transaction that cannot write.

        Args:
            control_only: As of `transaction`.

        """
        ...

    def lease(self) -> AbstractContextManager[Callable[[], None]]:
        """Be the only one who applies, among all processes.

        Yields:
            A function that raises `BusyError` once that is no longer so.

        Raises:
            BusyError: another one does.

        """
        ...

    def compact(self) -> None:
        """Give freed space back to the table, where the warehouse needs to be told."""
        ...

    def close(self) -> None:
        """Give up the warehouse."""
        ...
