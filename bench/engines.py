"""Other engines behind Spark Connect: Sail, and Apache Spark where `SPARK_HOME` says it lies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from isotherm.spark.connect import within

from .ratio import say
from .servers import free_port, wait_for

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

SECONDS = 600.0
"""A query that takes longer is given up, and its server is started anew."""
STARTING = 180.0
"""Seconds that a server may take to start."""
LEAVING = 10.0
"""Seconds that a server is given to end a session."""
MEMORY = "6g"
"""What Spark's Java may take."""


@dataclass(frozen=True)
class Engine:
    """An engine: its name, and how its server is started on a port."""

    name: str
    command: Callable[[int], Sequence[str]]
    settings: Mapping[str, str] = field(default_factory=dict)


class FailedError(Exception):
    """An engine could not answer a query."""


class Client:
    """A server of an engine that reads a folder of tables, each a folder of Parquet files."""

    def __init__(self, engine: Engine, tables: Path) -> None:
        self.engine = engine
        self.tables = tables
        self._process: subprocess.Popen[bytes] | None = None
        self._session: SparkSession | None = None

    def ask(self, query: str) -> pa.Table:
        """Return the rows of a query.

        Raises:
            FailedError: it failed, or took too long; the next one has a new server then.

        """
        session = self.session  # to start it takes none of the query's time
        try:
            return within(SECONDS, lambda: session.sql(query).toArrow())
        except TimeoutError:
            self.stop()
            raise FailedError(f"longer than {SECONDS:g} s") from None
        except Exception as error:
            if self._process is not None and self._process.poll() is not None:
                self.stop()
                raise FailedError("the server ended") from None
            raise FailedError(" ".join(str(error).split())[:300]) from None

    @property
    def session(self) -> SparkSession:
        """The session, at a server that is started where none is."""
        if self._session is None:
            port = free_port()
            self._process = subprocess.Popen(
                list(self.engine.command(port)),
                env={**os.environ, **self.engine.settings},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_for(self._process, port, STARTING)
            self._session = _entered(f"sc://127.0.0.1:{port}", self.tables)
        return self._session

    def stop(self) -> None:
        """End the server, by its id."""
        if self._session is not None:
            with suppress(Exception):
                within(LEAVING, self._session.stop)
            self._session = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def client(engine: Engine, tables: Path) -> Iterator[Client]:
    """Give an engine to ask, and stop its server at the end."""
    found = Client(engine, tables)
    try:
        yield found
    finally:
        found.stop()


def engines() -> list[Engine]:
    """Return the engines that are here."""
    sail = str(Path(sys.executable).with_name("sail"))
    found = [Engine("Sail", lambda port: (sail, "spark", "server", "--port", str(port)))]
    if home := os.environ.get("SPARK_HOME"):
        found.append(Engine("Apache Spark", lambda port: _spark(Path(home), port)))
    else:
        say("  Apache Spark is left out: SPARK_HOME does not say where it lies")
    return found


def _spark(home: Path, port: int) -> Sequence[str]:
    cores = os.cpu_count() or 1
    settings = {
        "spark.connect.grpc.binding.port": port,
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": cores,
        "spark.sql.session.timeZone": "UTC",
    }
    said = (part for name, value in settings.items() for part in ("--conf", f"{name}={value}"))
    return (
        str(home / "bin" / "spark-class"),
        "org.apache.spark.deploy.SparkSubmit",
        *("--master", f"local[{cores}]", "--driver-memory", MEMORY),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *said,
        "spark-internal",
    )


def _entered(url: str, tables: Path) -> SparkSession:
    """Open a session in which the tables have their names."""
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(url).create()
    # By itself the client asks a server that is gone for ten minutes.
    session.client.set_retry_policies([DefaultPolicy(max_retries=3, max_backoff=1_000)])
    for table in sorted(tables.iterdir()):
        session.read.parquet(str(table)).createOrReplaceTempView(table.name)
    return session
