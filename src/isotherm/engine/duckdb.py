"""DuckDB: one instance a process, a session a cursor."""

from __future__ import annotations

import importlib.resources
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import duckdb

from ..model.address import Access
from ..model.errors import BusyError, IsothermError, StorageError
from ..model.part import Digest
from ..model.schema import Column
from . import filters
from .base import Row
from .failures import Failure, failure
from .sql import quote, text, with_values

if TYPE_CHECKING:
    from .connecting import Connecting


TABLE_BYTES = """
SELECT coalesce(system.main.sum(memory_usage_bytes), 0)
FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"""
"""The query of what the tables take that lie in the engine's memory."""
_ROW = f"row_{uuid.uuid4().hex}"


def load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension from its wheel; signatures are checked, nothing is downloaded.

    Raises:
        IsothermError: the wheel is missing or made for another DuckDB.

    """
    version = f"v{duckdb.__version__}"
    try:
        root = importlib.resources.files(f"duckdb_extension_{name}")
        file = root / "extensions" / version / f"{name}.duckdb_extension"
        connection.execute(f"LOAD {text(str(file))}")
    except (ModuleNotFoundError, duckdb.Error) as error:
        raise IsothermError(
            f"the DuckDB extension {name} for {version} cannot be loaded: {error}",
            hint=f"Install duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}.",
        ) from error


class DuckDBEngine:
    """An in-memory DuckDB instance to which databases are attached.

    Sessions come from `session()`; they share what is attached, not their transactions.

    Attributes:
        is_bounded: Whether all sessions have to do with little memory now.

    """

    def __init__(self, *, temp: Path | None = None, threads: int | None = None) -> None:
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        if threads:
            config["threads"] = threads
        if temp:
            config["temp_directory"] = str(temp)
        self._root = duckdb.connect(config=config)
        self._order = Order()
        self._root.execute("SET preserve_insertion_order = false")
        # An object never changes; one that was written over has another time, and is read anew.
        self._root.execute("SET parquet_metadata_cache = true")
        self._loaded: set[str] = set()
        self._lock = threading.Lock()
        self._access: Access | None = None
        self.is_bounded = False

    def session(self) -> DuckDBSession:
        """Open a session of its own transaction; UTC, so that no answer hangs on a place."""
        return DuckDBSession(self._root.cursor(), self._order)

    def attach(self, path: Path, alias: str, *, read_only: bool) -> None:
        """Attach a database file.

        Raises:
            BusyError: another process, or another part of this one, holds the file.

        """
        mode = " (READ_ONLY)" if read_only else ""
        try:
            self._root.execute(f"ATTACH {text(str(path))} AS {quote(alias)}{mode}")
        except (duckdb.IOException, duckdb.BinderException) as error:
            raise _busy(path, error) from error

    def detach(self, alias: str) -> None:
        """Give up a database, where the instance itself is not closed yet."""
        with suppress(duckdb.ConnectionException):
            self._root.cursor().execute(f"DETACH DATABASE IF EXISTS {quote(alias)}")

    def attach_postgres(self, server: Connecting, alias: str, *, read_only: bool) -> None:
        """Attach a PostgreSQL database; its password is in no name or message.

        Raises:
            StorageError: the server cannot be reached, or does not let us in.

        """
        self.need("postgres_scanner")
        mode = "TYPE postgres, READ_ONLY" if read_only else "TYPE postgres"
        if server.password is not None:
            secret = quote(f"of_{alias}")
            password = text(server.password)
            self._root.execute(
                f"CREATE OR REPLACE SECRET {secret} (TYPE postgres, PASSWORD {password})"
            )
            mode += f", SECRET {secret}"
        try:
            self._root.execute(f"ATTACH {text(server.conninfo)} AS {quote(alias)} ({mode})")
        except duckdb.Error as error:
            raise _unreachable(server.where, error) from None

    def need(self, *extensions: str) -> None:
        """Load extensions that are not loaded yet, in this order."""
        with self._lock:
            for name in extensions:
                if name not in self._loaded:
                    load_extension(self._root, name)
                    self._loaded.add(name)

    @property
    def loaded(self) -> frozenset[str]:
        """The extensions that have been loaded."""
        return frozenset(self._loaded)

    def reach(self, access: Access) -> None:
        """Let all sessions read an S3 store, with these keys from now on."""
        if access == self._access:
            return
        self.need("httpfs")
        host = (access.address.endpoint or "").partition("://")
        options = {
            "KEY_ID": access.key_id,
            "SECRET": access.secret,
            "REGION": access.region,
            "SCOPE": access.address.place,
        }
        if access.token:
            options["SESSION_TOKEN"] = access.token
        if host[2] or "." in access.address.bucket:  # no certificate is for a name with a dot
            options["URL_STYLE"] = "path"
        if host[2]:
            options |= {
                "ENDPOINT": host[2],
                "USE_SSL": str(host[0] == "https").lower(),
            }
        listed = ", ".join(f"{name} {text(value)}" for name, value in options.items())
        self._root.execute(f"CREATE OR REPLACE SECRET isotherm_store (TYPE s3, {listed})")
        self._access = access

    @contextmanager
    def bounded(self, memory: int) -> Iterator[None]:
        """Bound the memory of all sessions for a while.

        Args:
            memory: Bytes, beside those of the tables that are in memory already.

        """
        tables = self._root.execute(TABLE_BYTES).fetchall()[0][0]
        self._root.execute(f"SET memory_limit = '{memory + int(tables)}B'")
        self.is_bounded = True
        try:
            yield
        finally:
            self.is_bounded = False
            self._root.execute("RESET memory_limit")

    def sort_whole(self) -> None:
        """Have all sessions sort all rows where they are asked for the first few, from now on."""
        self._root.execute("SET disabled_optimizers = 'top_n'")

    def confine(self, urls: Iterable[str]) -> None:
        """Let no session reach files but those below some URLs; this cannot be undone."""
        listed = ", ".join(text(url) for url in urls)
        self._root.execute(f"SET allowed_directories = [{listed}]")
        self._root.execute("SET enable_external_access = false")

    def close(self) -> None:
        """Close the instance and give up its files."""
        self._root.close()


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
        self.execute("SET TimeZone = 'UTC'")

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
        row = ", ".join(f"c{number} := {column}" for number, column in enumerate(columns))
        rows = self.execute(
            "SELECT value_, system.main.count(*), system.main.sum(hashed::HUGEINT), "
            "system.main.bit_xor(hashed) FROM "
            f"(SELECT system.main.hash(system.main.struct_pack({row})) AS hashed, {by} AS value_ "
            f"FROM {source}) GROUP BY value_"
        )
        return {value: Digest(int(n), int(total), int(xor)) for value, n, total, xor in rows}

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


def _busy(path: Path, error: duckdb.Error) -> IsothermError:
    message = str(error)
    if "lock" in message.lower() or "conflict" in message.lower():
        holder = _holder(message)
        return BusyError(
            f"{path} is held by {holder}; DuckDB lets one process at a time write a file",
            hint="Wait for it with --wait SECONDS, or end that process.",
        )
    if not path.exists():
        return StorageError(f"{path}: there is no such warehouse file", hint="Run: isotherm init")
    return StorageError(f"{path} cannot be opened as a DuckDB file: {message}")


def _unreachable(where: str, error: duckdb.Error) -> StorageError:
    """Say what PostgreSQL said."""
    said = str(error).partition("failed: ")[2] or "it does not answer"
    return StorageError(
        f"the warehouse on PostgreSQL at {where} cannot be opened: {said.strip()}",
        hint="Look at [warehouse] url. A password is best kept in ~/.pgpass or PGPASSWORD.",
    )


def _holder(message: str) -> str:
    """Pick the holder out of DuckDB's message: `Conflicting lock is held in NAME (PID n)`."""
    _, found, rest = message.partition("lock is held in ")
    if not found:
        return "another connection of this process"
    return rest.split(". See")[0].split(" by user")[0].strip()
