"""DuckDB: one instance a process, to which databases are attached."""

from __future__ import annotations

import importlib.resources
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ..model.address import Access
from ..model.errors import BusyError, IsothermError, StorageError
from .session import DuckDBSession, Order
from .sql import quote, text

if TYPE_CHECKING:
    from .connecting import Connecting


TABLE_BYTES = """
SELECT coalesce(system.main.sum(memory_usage_bytes), 0)
FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"""
"""The query of what the tables take that lie in the engine's memory."""


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
    Its own connection takes one statement at a time, from whichever thread.

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
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")  # no answer hangs on a place
        # An object never changes; one that was written over has another time, and is read anew.
        self._root.execute("SET parquet_metadata_cache = true")
        self._loaded: set[str] = set()
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._bounds = 0

    def session(self) -> DuckDBSession:
        """Open a session of its own transaction."""
        return DuckDBSession(self._root.cursor(), self._order)

    def attach(self, path: Path, alias: str, *, read_only: bool) -> None:
        """Attach a database file.

        Raises:
            BusyError: another process, or another part of this one, holds the file.

        """
        mode = " (READ_ONLY)" if read_only else ""
        try:
            self._run(f"ATTACH {text(str(path))} AS {quote(alias)}{mode}")
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
            self._run(f"CREATE OR REPLACE SECRET {secret} (TYPE postgres, PASSWORD {password})")
            mode += f", SECRET {secret}"
        try:
            self._run(f"ATTACH {text(server.conninfo)} AS {quote(alias)} ({mode})")
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
        self._run(f"CREATE OR REPLACE SECRET isotherm_store (TYPE s3, {listed})")
        self._access = access

    @contextmanager
    def bounded(self, memory: int) -> Iterator[None]:
        """Bound the memory of all sessions for a while; of several bounds at once, the first holds.

        Args:
            memory: Bytes, beside those of the tables that are in memory already.

        """
        with self._lock:
            if not self._bounds:
                tables = self._root.execute(TABLE_BYTES).fetchall()[0][0]
                self._root.execute(f"SET memory_limit = '{memory + int(tables)}B'")
            self._bounds += 1
        try:
            yield
        finally:
            with self._lock:
                self._bounds -= 1
                if not self._bounds:
                    self._root.execute("RESET memory_limit")

    @property
    def is_bounded(self) -> bool:
        """Whether all sessions have to do with little memory now."""
        return self._bounds > 0

    def sort_whole(self) -> None:
        """Have all sessions sort all rows where they are asked for the first few, from now on."""
        self._run("SET disabled_optimizers = 'top_n'")

    def confine(self, urls: Iterable[str]) -> None:
        """Let no session reach files but those below some URLs; this cannot be undone."""
        listed = ", ".join(text(url) for url in urls)
        self._run(f"SET allowed_directories = [{listed}]")
        self._run("SET enable_external_access = false")

    def close(self) -> None:
        """Close the instance and give up its files."""
        self._root.close()

    def _run(self, statement: str) -> None:
        with self._lock:
            self._root.execute(statement)


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
