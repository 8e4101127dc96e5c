"""The result of a query."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import pyarrow as pa

from ..engine.duckdb import DuckDBSession
from ..model.errors import QueryError
from .failing import Context

T = TypeVar("T")


class Result:
    """Rows of one query, read once; its transaction is open until they are read or it is closed.

    One that is forgotten closes itself.

    Attributes:
        columns: The names of its columns.
        notes: What the reader has to know: what was left out, for one.

    """

    def __init__(
        self,
        session: DuckDBSession,
        notes: tuple[str, ...],
        context: Context,
        cleanup: ExitStack,
    ) -> None:
        self._session = session
        self._context = context
        self._closing = weakref.finalize(self, cleanup.close)
        self._closing.atexit = False
        self.notes = notes
        self.columns = [item[0] for item in session.cursor.description or []]

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return self._read(lambda: self._session.cursor.to_arrow_table())

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""
        return self._read(lambda: self._session.cursor.fetchall())

    def batches(self, rows: int = 100_000) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches of `rows` at most, without holding them all."""
        try:
            self._check()
            for batch in self._session.cursor.to_arrow_reader(rows):
                yield batch
                if self._context.late:
                    raise self._context.too_long()
        except Exception as error:
            raise self._context.translated(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """End the query's transaction; calling it again is no error."""
        self._closing()

    def _read(self, read: Callable[[], T]) -> T:
        try:
            self._check()
            return read()
        except Exception as error:
            raise self._context.translated(error) from error
        finally:
            self.close()

    def _check(self) -> None:
        if not self._closing.alive:
            raise QueryError("this result was read or closed already")
        if self._context.late:
            raise self._context.too_long()

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
