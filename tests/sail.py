"""A Spark Connect server for tests: Sail, which needs no Java."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import S3Server, free_port, wait_for
from sharing import Shared


@contextmanager
def running_sail(**settings: str) -> Iterator[str]:
    """Start Sail on a free port, and stop it by its pid at the end."""
    with sail_process(**settings) as (_, url):
        yield url


@contextmanager
def sail_process(**settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start Sail, and return its process with its address."""
    pytest.importorskip("pysail")
    port = free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("sail")), "spark", "server", "--port", str(port)],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(process, port)
        yield process, f"sc://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def reaching(server: S3Server) -> dict[str, str]:
    """Return the settings by which Sail reaches an S3 server."""
    return {
        "AWS_ENDPOINT": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.key,
        "AWS_SECRET_ACCESS_KEY": server.secret,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


@pytest.fixture(scope="session")
def sail(shared: Shared) -> str:
    """Return the address of the Sail server of all tests, or of the one that is given."""
    if given := os.environ.get("ISOTHERM_SPARK"):
        return given
    return shared.get("sail", running_sail)
