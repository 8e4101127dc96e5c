"""Real servers for tests: each on a free port of this machine, stopped by its pid at the end."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from sharing import Shared

SECONDS = 30.0
"""A server that has not answered after so long does not come."""


@dataclass(frozen=True)
class S3Server:
    """An S3 server, and its one user's keys."""

    name: str
    endpoint: str
    key: str = "test"
    secret: str = "testtest"

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )

    def bucket(self, **options: Any) -> str:
        """Make a bucket of its own for a test, and return its name."""
        name = f"lake-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name, **options)
        return name

    def url(self, bucket: str, prefix: str = "lake") -> str:
        """Return the URL of a store in a bucket, as a config says it."""
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region=us-east-1"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def two_free_ports() -> int:
    """Return the first of two ports on which nobody listens, and which nobody is given."""
    while True:
        first = random.randrange(10_000, 30_000)
        with suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", first))
            other.bind(("127.0.0.1", first + 1))
            return first


def wait_for(process: subprocess.Popen[bytes], port: int, seconds: float = SECONDS) -> None:
    """Wait until a server listens on its port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"{process.args!r} does not listen on port {port}")


@contextmanager
def from_the_package_index(
    name: str, port: int, *command: str, **settings: str
) -> Iterator[S3Server]:
    """Run a server that is a Python package, on its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(process, port)
        yield S3Server(name, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


@contextmanager
def a_moto(**settings: str) -> Iterator[S3Server]:
    """Start a moto server: Amazon's calls, classes, and archives that cannot be read."""
    port = free_port()
    with from_the_package_index(
        "moto", port, "moto.server", "-H", "127.0.0.1", "-p", str(port), **settings
    ) as server:
        yield server


@pytest.fixture(scope="session")
def moto(shared: Shared) -> S3Server:
    """Return the moto server of all tests."""
    return shared.get("moto", a_moto)


@contextmanager
def a_ministack() -> Iterator[S3Server]:
    """Start a ministack server: its archives take two seconds, and say that they are at it."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="ministack-")
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3",
        "HOME": folder,
        "TMPDIR": folder,
    }
    try:
        with from_the_package_index("ministack", port, "ministack", **settings) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ceph_lacks() -> list[str]:
    """Return Ceph's programs that are not installed."""
    return [name for name in ("ceph-mon", "ceph-osd", "radosgw") if not shutil.which(name)]


@contextmanager
def ceph() -> Iterator[S3Server]:
    """Start Ceph's gateway: signatures and lifecycle transitions are real, archives are not."""
    if missing := ceph_lacks():
        pytest.skip(f"there is no {', '.join(missing)}: make servers installs Ceph")
    for _ in range(3):  # a port may be taken between finding and using it
        folder, port = tempfile.mkdtemp(prefix="rgw-"), free_port()
        environment = {
            **os.environ,
            "RGW_DIR": folder,
            "RGW_PORT": str(port),
            "RGW_MON_PORT": str(two_free_ports()),
        }
        script = ["bash", str(Path(__file__).with_name("rgw.sh"))]
        try:
            subprocess.run([*script, "start"], env=environment, check=True, timeout=60)
            yield S3Server("rgw", f"http://127.0.0.1:{port}")
            return
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failure = error
        finally:
            subprocess.run([*script, "stop"], env=environment, check=False, timeout=60)
            shutil.rmtree(folder, ignore_errors=True)
    pytest.skip(f"Ceph does not start here: {failure}")


@pytest.fixture(scope="session")
def ministack(shared: Shared) -> S3Server:
    """Return the ministack server of all tests."""
    return shared.get("ministack", a_ministack)


@pytest.fixture(scope="session")
def rgw(shared: Shared) -> S3Server:
    """Return the Ceph gateway of all tests."""
    return shared.get("rgw", ceph)


@pytest.fixture
def s3_server(request: pytest.FixtureRequest) -> Callable[[str], S3Server]:
    """Return a function that starts a server by its name, and puts its keys where they belong."""

    def start(name: str) -> S3Server:
        server: S3Server = request.getfixturevalue(name)
        request.getfixturevalue("aws_environment")(server)
        return server

    return start


@pytest.fixture
def s3(s3_server: Callable[[str], S3Server]) -> S3Server:
    """Return the server that needs nothing but the package index."""
    return s3_server("moto")


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[S3Server], None]:
    """Return a function that puts a server's keys into the environment, as AWS tools take them."""

    def enter(server: S3Server) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    return enter
