"""The port to what computes: sessions that scan, copy and hash."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..model.part import Digest
from ..model.schema import Column

Row = tuple[Any, ...]


class Tally(Protocol):
    """Counts and hashes some of the rows that a statement works on.

    Attributes:
        session: Which knows how.
        found: What was counted, by a number that each row has.

    """

    @property
    def session(self) -> Session:
        """The session that has to run the statement."""
        ...

    @property
    def found(self) -> Mapping[int, Digest]:
        """What was counted, by the number that each row has."""
        ...

    def counted(self, columns: Sequence[str], by: str) -> str:
        """Return the expression that counts a row, and has the value of `by`.

        Args:
            columns: The expressions that make up a row.
            by: That of its number, a small one.

        """
        ...


class Session(Protocol):
    """A connection to the engine, with its own transaction.

    A `select` is a SQL query without a trailing semicolon.
    """

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement, with a value for each `?`, and return its rows."""
        ...

    def copy(
        self,
        select: str,
        path: str,
        field_ids: Mapping[str, int],
        notes: Mapping[str, str],
        *,
        sought: Collection[str] = (),
    ) -> int:
        """Write the rows of `select` to one Parquet file (v1, zstd) and return their number.

        Args:
            field_ids: The Iceberg field id of each column.
            notes: Key-value metadata of the file.
            sought: Columns by whose values the file will be looked for.

        """
        ...

    def ordered(self) -> AbstractContextManager[None]:
        """Keep rows in their order for a while: in all sessions, what runs beside it, too."""
        ...

    def beside(self) -> Session:
        """Open a session of its own, outside this one's transaction."""
        ...

    def digest(self, select: str) -> Digest:
        """Count and hash the rows of `select`, whatever their order."""
        ...

    def digests(self, columns: Sequence[str], source: str, by: str) -> dict[Any, Digest]:
        """Count and hash rows, whatever their order, by a value that each of them has.

        Args:
            columns: The expressions that make up a row.
            source: The SQL of what it is made from.
            by: The expression of the value.

        """
        ...

    def hashes_of(self, columns: Mapping[int, Column]) -> str:
        """Return what tells digests apart that cannot be compared.

        Args:
            columns: Of the rows, in their order, by field id.

        Returns:
            The same word for the same engine, and columns of the same ids and types.

        """
        ...

    def tally(self) -> AbstractContextManager[Tally]:
        """Open a session beside this one that counts and hashes rows while a statement runs."""
        ...

    def parquet(
        self,
        paths: Sequence[str],
        columns: Mapping[int, Column] | None = None,
        *,
        alike: bool = False,
    ) -> str:
        """Return the SQL of a relation that reads these Parquet files.

        Args:
            alike: All of them have the same columns; the first one is looked at for all.
            columns: What is read, by field id, whatever it was called and typed when a file was
                written; a column that a file has not is NULL. All columns by name if not given.

        """
        ...

    def parquet_columns(self, path: str) -> dict[int, Column]:
        """Return the columns of a Parquet file as it was written, by field id."""
        ...

    def parquet_columns_of(self, paths: Sequence[str]) -> dict[str, dict[int, Column]]:
        """Return the columns of Parquet files as they were written, by path and by field id."""
        ...

    def progress(self) -> float:
        """Return how far the running statement is, 0 to 1; -1 if that is not known."""
        ...

    def interrupt(self) -> None:
        """Stop the running statement, here and in the sessions that were opened beside it."""
        ...

    def close(self) -> None:
        """Give up the session; an open transaction is rolled back."""
        ...
