"""Spark Connect servers for tests: Sail, which needs no Java, and Apache Spark where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from servers import SECONDS, S3Server, free_port, wait_for
from sharing import Shared

Running = tuple[subprocess.Popen[bytes], str]
"""A server's process, with its address."""
SPARK_SECONDS = 300.0
"""A virtual machine takes longer to start than other servers, most of all beside other tests."""


@contextmanager
def running_sail(**settings: str) -> Iterator[str]:
    """Start Sail on a free port, and stop it by its pid at the end."""
    with sail_process(**settings) as (_, url):
        yield url


@contextmanager
def sail_process(**settings: str) -> Iterator[Running]:
    """Start Sail, and return its process with its address."""
    pytest.importorskip("pysail")
    port = free_port()
    sail = str(Path(sys.executable).with_name("sail"))
    command = [sail, "spark", "server", "--port", str(port)]
    with _running(command, port, env={**os.environ, **settings}) as found:
        yield found


def reaching(server: S3Server) -> dict[str, str]:
    """Return the settings by which Sail reaches an S3 server."""
    return {
        "AWS_ENDPOINT": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.key,
        "AWS_SECRET_ACCESS_KEY": server.secret,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def no_apache_spark() -> str:
    """Say what is missing for Apache Spark's own server, and how to get it; empty if nothing is."""
    if not os.environ.get("SPARK_HOME"):
        return (
            "SPARK_HOME is not set: `pip install --target spark pyspark==4.0.1`, then set it to "
            "spark/pyspark; it needs Java 17 or newer, too"
        )
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "there is no java on the path: Apache Spark needs Java 17 or newer"
    return ""


@contextmanager
def spark_process() -> Iterator[Running]:
    """Start Apache Spark's Connect server, of this machine alone."""
    from pyspark.sql.connect.session import SparkSession

    port = free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",  # few rows are scattered over 200 else
        "spark.ui.enabled": "false",
    }
    command = [
        str(Path(os.environ["SPARK_HOME"]) / "bin" / "spark-submit"),
        *("--master", "local[2]"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *(word for item in settings.items() for word in ("--conf", "=".join(item))),
        "spark-internal",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="spark-", ignore_cleanup_errors=True) as folder,
        _running(command, port, SPARK_SECONDS, cwd=folder) as found,
    ):
        session = SparkSession.builder.remote(found[1]).create()
        session.sql("SELECT 1").toArrow()  # the first query takes by far the longest
        session.stop()
        yield found


@contextmanager
def running_spark() -> Iterator[str]:
    """Start Apache Spark's Connect server, and stop it by its pid at the end."""
    with spark_process() as (_, url):
        yield url


@contextmanager
def _running(
    command: Sequence[str],
    port: int,
    seconds: float = SECONDS,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[Running]:
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(process, port, seconds)
        yield process, f"sc://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


GIVEN = os.environ.get("ISOTHERM_SPARK")
"""The address of a server that sees this machine's files, to be used instead of all these."""
PROCESSES: dict[str, Callable[[], AbstractContextManager[Running]]] = {"sail": sail_process}
SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {"sail": running_sail}
if not no_apache_spark():
    PROCESSES["spark"] = spark_process
    SERVERS["spark"] = running_spark


@pytest.fixture(scope="session", params=["given"] if GIVEN else SERVERS)
def engine(request: pytest.FixtureRequest, shared: Shared) -> str:
    """Return the address of a Spark Connect server of all tests, one of each kind in turn."""
    return GIVEN or shared.get(request.param, SERVERS[request.param])
