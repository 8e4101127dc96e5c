"""The result of a query."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import pyarrow as pa

from ..engine.session import DuckDBSession
from ..model.errors import QueryError
from .failing import Context

T = TypeVar("T")
_SIZES = ("tiny", "small", "big", "huge")
_NUMBERS = {"float", "double", "decimal", "integer", "uinteger"} | {
    f"{sign}{size}int" for sign in ("", "u") for size in _SIZES
}
"""What the engine calls the types of numbers."""


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
        self._description = session.cursor.description or []
        self.columns = [item[0] for item in self._description]

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

    def texts(self) -> Iterator[list[tuple[str | None, ...]]]:
        """Yield the rows, many at a time, as the engine writes them: `infinity`, `[1, 2]`."""
        return self._selected(lambda name, _: f"CAST({name} AS VARCHAR)")

    def plain(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows, many at a time, with values that JSON has; all others are texts."""
        for rows in self._selected(_as_json):
            yield [tuple(map(_plain, row)) for row in rows]

    def _selected(
        self, expression: Callable[[str, pa.DataType], str]
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield what an expression makes of each column."""
        side = self._session.cursor.cursor()
        try:
            for batch in self.batches():
                names = [f"c{number}" for number in range(batch.num_columns)]
                side.register("batch", pa.RecordBatch.from_arrays(batch.columns, names))
                picked = ", ".join(map(expression, names, batch.schema.types))
                yield side.execute(f"SELECT {picked} FROM batch").fetchall()
        finally:
            side.close()

    @property
    def numbers(self) -> list[str]:
        """The names of the columns that are numbers."""
        kinds = (item[1] for item in self._description)
        return [n for n, kind in zip(self.columns, kinds, strict=True) if kind.id in _NUMBERS]

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


_OF_JSON = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_nested,
)


def _as_json(name: str, type_: pa.DataType) -> str:
    """Return the SQL of a column's values as JSON may have them."""
    if pa.types.is_decimal(type_) and type_.scale == 0:  # a sum of whole numbers, for one
        return f"CAST({name} AS HUGEINT)"
    return name if any(known(type_) for known in _OF_JSON) else f"CAST({name} AS VARCHAR)"


def _plain(value: Any) -> Any:
    """Return a value as JSON may have it: there is no number for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
