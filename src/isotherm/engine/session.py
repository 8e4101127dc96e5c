"""A session of DuckDB: a cursor of the process's instance."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import duckdb

from ..model.errors import StorageError
from ..model.part import Digest
from ..model.schema import Column
from . import filters
from .base import Row
from .failures import Failure, failure
from .sql import quote, row_hash, text, with_values
from .tally import DuckDBTally

_ROW = f"row_{uuid.uuid4().hex}"


class Order:
    """Who wants rows kept in their order; the engine has one word for all sessions."""

    def __init__(self) -> None:
        self._wanted = 0
        self._lock = threading.Lock()

    def want(self, cursor: duckdb.DuckDBPyConnection, more: int) -> None:
        """Count one who begins to want it (1), or ends (-1)."""
        with self._lock:
            self._wanted += more
            kept = str(self._wanted > 0).lower()
            cursor.execute(f"SET preserve_insertion_order = {kept}")


class DuckDBSession:
    """A cursor of the instance; see `engine.base.Session`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, order: Order | None = None) -> None:
        self.cursor = cursor
        self._order = order or Order()
        self._when_closed: Callable[[], None] | None = None
        self._beside: WeakSet[DuckDBSession] = WeakSet()
        self._lock = threading.Lock()

    def when_closed(self, act: Callable[[], None]) -> None:
        """Have something done when the cursor is given up."""
        self._when_closed = act

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement, with a value for each `?`, and return its rows."""
        written = with_values(sql, params) if params else sql
        try:
            if written is not None:
                return self.cursor.execute(written).fetchall()
            return self.cursor.execute(sql, list(params)).fetchall()
        except RuntimeError as error:
            if failure(error) is not Failure.STOPPED:
                raise
            with suppress(duckdb.ConnectionException):  # it was closed
                self.cursor.interrupt()  # the engine's other threads have not heard of the signal
            raise KeyboardInterrupt from error

    def copy(
        self,
        select: str,
        path: str,
        field_ids: Mapping[str, int],
        notes: Mapping[str, str],
        *,
        sought: Collection[str] = (),
    ) -> int:
        """Write the rows of `select` to one Parquet file (v1, zstd) and return their number."""
        ids = ", ".join(f"{quote(name)}: {number}" for name, number in field_ids.items())
        kept = ", ".join(f"{quote(key)}: {text(value)}" for key, value in notes.items())
        options = [
            "FORMAT parquet",
            "PARQUET_VERSION v1",
            "COMPRESSION zstd",
            f"FIELD_IDS {{{ids}}}",
            f"ROW_GROUP_SIZE {filters.GROUP_ROWS}",
            "USE_TMP_FILE false",
            "WRITE_BLOOM_FILTER false",  # those miss bytes, zeros and NaN of another sign
        ]
        if kept:
            options.append(f"KV_METADATA {{{kept}}}")
        try:
            rows = self.execute(f"COPY ({select}) TO {text(path)} ({', '.join(options)})")
            known = {name: field_ids[name] for name in sought if name in field_ids}
            filters.attach(self, path, known)
        except (duckdb.IOException, OSError) as error:
            raise StorageError(f"cannot write {path}: {error}") from error
        return int(rows[0][0])

    @contextmanager
    def ordered(self) -> Iterator[None]:
        """Keep rows in their order for a while: in all sessions, what runs beside it, too."""
        beside = self.cursor.cursor()  # a statement that fails leaves a transaction without words
        self._order.want(beside, 1)
        try:
            yield
        finally:
            self._order.want(beside, -1)
            beside.close()

    def beside(self) -> DuckDBSession:
        """Open a session of its own, outside this one's transaction."""
        session = DuckDBSession(self.cursor.cursor(), self._order)
        with self._lock:
            self._beside.add(session)
        return session

    def digest(self, select: str) -> Digest:
        """Count and hash the rows of `select`, whatever their order."""
        # The hash of the row as a struct: 64 bits a row, summed without overflow, and xor-ed. A
        # column may have any name but the row's, and an owner's macro that of a function.
        rows, total, xor = self.execute(
            "SELECT system.main.count(*), coalesce(system.main.sum(hashed::HUGEINT), 0), "
            "coalesce(system.main.bit_xor(hashed), 0) FROM "
            f"(SELECT system.main.hash({_ROW}) AS hashed FROM ({select}) AS {_ROW})"
        )[0]
        return Digest(int(rows), int(total), int(xor))

    def digests(self, columns: Sequence[str], source: str, by: str) -> dict[Any, Digest]:
        """Count and hash rows, whatever their order, by a value that each of them has."""
        rows = self.execute(
            "SELECT value_, system.main.count(*), system.main.sum(hashed::HUGEINT), "
            "system.main.bit_xor(hashed) FROM "
            f"(SELECT {row_hash(columns)} AS hashed, {by} AS value_ FROM {source}) GROUP BY value_"
        )
        return {value: Digest(int(n), int(total), int(xor)) for value, n, total, xor in rows}

    def hashes_of(self, columns: Mapping[int, Column]) -> str:
        """Return what tells digests apart that cannot be compared: by the engine's version."""
        types = [[id_, column.type] for id_, column in columns.items()]
        said = json.dumps([duckdb.__version__, sys.byteorder, types])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @contextmanager
    def tally(self) -> Iterator[DuckDBTally]:
        """Open a session beside this one that counts and hashes rows while a statement runs."""
        beside = self.beside()  # a transaction that is open would not find the function
        try:
            tally = DuckDBTally(beside)
            with tally.known():
                yield tally
        finally:
            beside.close()

    def parquet(
        self,
        paths: Sequence[str],
        columns: Mapping[int, Column] | None = None,
        *,
        alike: bool = False,
    ) -> str:
        """Return the SQL of a relation that reads these Parquet files."""
        options = f"union_by_name = {str(not alike).lower()}"
        if columns is not None:
            schema = ", ".join(
                f"{id_}: {{'name': {text(column.name)}, 'type': {text(column.type)}, "
                "'default_value': NULL}"
                for id_, column in columns.items()
            )
            options = f"schema = MAP {{{schema}}}"
        listed = ", ".join(text(path) for path in paths)
        # A folder that happens to be called `fare=5` says nothing about a column.
        return f"system.main.read_parquet([{listed}], {options}, hive_partitioning = false)"

    def parquet_columns(self, path: str) -> dict[int, Column]:
        """Return the columns of a Parquet file as it was written, by field id."""
        return self.parquet_columns_of([path])[path]

    def parquet_columns_of(self, paths: Sequence[str]) -> dict[str, dict[int, Column]]:
        """Return the columns of Parquet files as they were written, by path and by field id."""
        rows = self.execute(
            "SELECT file_name, field_id, name, duckdb_type FROM system.main.parquet_schema(?) "
            "WHERE field_id IS NOT NULL",
            [list(paths)],
        )
        found: dict[str, dict[int, Column]] = {path: {} for path in paths}
        called = {path.removeprefix("file://"): path for path in paths}
        for path, id_, name, type_ in rows:
            found[called[path.removeprefix("file://")]][id_] = Column(name, type_)
        return found

    def progress(self) -> float:
        """Return how far the running statement is, 0 to 1; -1 if that is not known."""
        percent = self.cursor.query_progress()
        return percent / 100 if percent >= 0 else -1.0

    def interrupt(self) -> None:
        """Stop the running statement, here and in the sessions that were opened beside it."""
        self.cursor.interrupt()
        with self._lock:
            beside = tuple(self._beside)
        for session in beside:
            with suppress(duckdb.ConnectionException):  # it was just closed
                session.interrupt()

    def close(self) -> None:
        """Give up the cursor; an open transaction is rolled back."""
        self.cursor.close()
        act, self._when_closed = self._when_closed, None
        if act:
            act()
