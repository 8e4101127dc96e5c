"""A session of a Spark Connect server: Spark, EMR, Databricks, Sail."""

from __future__ import annotations

import re
import socket
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa

from ..model.errors import IsothermError, QueryError, StorageError, not_installed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

Found = TypeVar("Found")

PORT = 15_002
"""Where a server listens that says nothing else."""
SECONDS = 20.0
"""How long one may take to let us in."""
OLDEST = 4
"""Spark 4: before it, texts and names are read otherwise."""
_SETTINGS = {
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}

_LOGS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Where the client writes each error with all calls of the server, before it raises it."""


class SparkConnect:
    """A session of its own on a server, for one query."""

    def __init__(self, session: SparkSession, url: str) -> None:
        self._session = session
        self._url = url

    def parquet(self, urls: Sequence[str]) -> DataFrame:
        """Return the rows of Parquet files that have the same columns."""
        return self._session.read.parquet(*map(reached, urls))

    def view(self, name: str, frames: Sequence[DataFrame]) -> None:
        """Call some rows by a name, for this session alone."""
        whole = frames[0]
        for frame in frames[1:]:
            whole = whole.unionByName(frame)
        whole.createOrReplaceTempView(name)

    def counts(self, frames: Sequence[DataFrame], timeout: float) -> list[int]:
        """Return how many rows there are of each."""

        def act() -> list[int]:
            return [frame.count() for frame in frames]

        try:
            return within(timeout, act)
        except (TimeoutError, IsothermError):
            raise
        except Exception as error:
            if _gone(error):
                raise
            raise StorageError(
                f"Spark at {where(self._url)} cannot read the lake's objects: {said(error)}"
            ) from error

    def run(self, sql: str, timeout: float) -> pa.Table:
        """Run a query and return its rows.

        Raises:
            QueryError: Spark says that it is wrong, or its time is over.
            StorageError: the server is gone.

        """
        tag = f"isotherm-{uuid.uuid4().hex}"

        def act() -> pa.Table:
            self._session.addTag(tag)  # of this thread
            found: pa.Table = self._session.sql(sql).toArrow()
            return found

        try:
            return within(timeout, act)
        except (TimeoutError, KeyboardInterrupt):
            with suppress(Exception):
                within(SECONDS, lambda: self._session.interruptTag(tag))
            raise


@contextmanager
def connected(url: str) -> Iterator[SparkConnect]:
    """Open a session for one query.

    Raises:
        ConfigError: what speaks with it is not installed.
        StorageError: the server cannot be reached, or is none that can be used.

    """
    try:
        with _named_main():
            from pyspark.logger import PySparkLogger
            from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise not_installed(f"engine.url is {where(url)}", error, "spark") from None
    _knock(url)
    logs = [log for name in _LOGS if not (log := PySparkLogger.getLogger(name)).disabled]
    for log in logs:
        log.disabled = True
    try:
        with _session(SparkSession.builder, url) as session:
            yield SparkConnect(session, url)
    finally:
        for log in logs:
            log.disabled = False


@contextmanager
def _session(builder: SparkSession.Builder, url: str) -> Iterator[SparkSession]:
    """Open a session of a server that is new enough, and end it."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    given_up = threading.Event()

    def enter() -> tuple[SparkSession, str]:
        session = builder.remote(url).create()
        # By itself the client tries for ten minutes.
        session.client.set_retry_policies([DefaultPolicy(max_retries=3, max_backoff=1_000)])
        for said_anyway in (r"\[RETRIES_EXCEEDED\]", ".*Use raw string literals"):
            warnings.filterwarnings("ignore", said_anyway, UserWarning, "pyspark")
        version = str(session.version)
        for key, value in _SETTINGS.items():
            session.conf.set(key, value)
        if given_up.is_set():
            session.stop()
        return session, version

    try:
        session, version = within(SECONDS, enter)
    except Exception as error:
        given_up.set()
        raise StorageError(
            f"the engine at {where(url)} cannot be used: {_unsecret(said(error), url)}",
            hint="Look at [engine] url in isotherm.toml.",
        ) from None
    try:
        if int(version.partition(".")[0]) < OLDEST:
            raise StorageError(
                f"the engine at {where(url)} is Spark {version}; Isotherm needs {OLDEST}.0 or newer"
            )
        yield session
    finally:
        with suppress(Exception):
            within(SECONDS, session.stop)


def translated(error: BaseException, url: str, timeout: float) -> BaseException:
    """Return an error of the engine as it is shown; any other stays as it is."""
    if isinstance(error, IsothermError):
        return error
    if isinstance(error, TimeoutError):
        return QueryError(
            f"the query took longer than {timeout:g} s",
            hint="Raise [settings] query_timeout; it stays below grace.",
        )
    kinds = {cls.__name__ for cls in type(error).__mro__}
    if "RpcError" in kinds or _gone(error):
        return StorageError(
            f"the engine at {where(url)} is gone: {said(error)}",
            hint="Nothing was changed. Start it again, then run the same query.",
        )
    if "PATH_NOT_FOUND" in str(error):
        return StorageError(f"Spark at {where(url)} cannot read the lake's objects: {said(error)}")
    if "PySparkException" in kinds:
        return QueryError(f"Spark says: {said(error)}")
    return error


def within(seconds: float, act: Callable[[], Found]) -> Found:
    """Do something beside this thread, and wait so long for it: a server may never answer.

    Raises:
        TimeoutError: it is not done yet. What comes of it is lost.

    """
    found: list[Found] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return found[0]


def where(url: str) -> str:
    """Return the address of a server without what lets one in: a token stands behind a `;`."""
    return re.split(r"[;?]|(?<=[^/:])/", url)[0]


def reached(url: str) -> str:
    """Return the URL by which Spark reaches an object: Hadoop calls S3 `s3a`."""
    return f"s3a:{url.removeprefix('s3:')}" if url.startswith("s3:") else url


def said(error: BaseException) -> str:
    """Return the first line of what an engine says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _named_main() -> Iterator[None]:
    """Give the program a file for a while: of one without, PySpark believes that it runs doctests.

    Then it would end the process (4.2, `check_dependencies`).
    """
    main: Any = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = ""
    try:
        yield
    finally:
        del main.__file__


def _unsecret(message: str, url: str) -> str:
    """Take what lets one in out of a message."""
    for secret in filter(None, url.partition("/;")[2].split(";")):
        message = message.replace(secret, "...").replace(secret.partition("=")[2] or secret, "...")
    return message


def _gone(error: BaseException) -> bool:
    message = str(error)
    return any(word in message for word in ("UNAVAILABLE", "Socket closed", "Connection reset"))


def _knock(url: str) -> None:
    """Check that somebody listens: the client itself would try for minutes."""
    parts: Any = urlsplit(where(url))
    address = (parts.hostname or "", parts.port or PORT)
    try:
        socket.create_connection(address, SECONDS).close()
    except OSError as error:
        raise StorageError(
            f"the engine at {where(url)} cannot be reached: {error.strerror or error}",
            hint="Start it, or take [engine] url out of isotherm.toml: DuckDB reads it all, too.",
        ) from None
