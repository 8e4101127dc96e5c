"""Database servers for tests: each is started on a free port of its own, and stopped again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from servers import free_port
from sharing import Shared

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "max_connections": "200",
    "log_min_messages": "fatal",
}
LOCK_TIMEOUT = "300ms"
Connection = psycopg.Connection[tuple[object, ...]]
DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL cluster of its own.

    Attributes:
        folder: Its data.
        commands: Where its programs are.

    """

    folder: Path
    commands: Path
    port: int

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of a database, as a config says it."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, url: str | None = None) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as a writer of its own, every statement committed."""
        return psycopg.connect(url or self.url(), autocommit=True)

    def database(self) -> str:
        """Make a database of its own for a test, and return its URL.

        A test's writers are often of one thread: who waits for another there waits in vain.
        """
        name = f"lake_{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            for statement in (
                f"CREATE DATABASE {name} TEMPLATE template0",
                f"ALTER DATABASE {name} SET lock_timeout = '{LOCK_TIMEOUT}'",
            ):
                connection.execute(statement)  # type: ignore[arg-type]
        return self.url(name)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -c port={self.port} -c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder), "-l", log, "-w", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server by the pid that its folder names."""
        self._run("pg_ctl", "-D", str(self.folder), "-m", mode, "-w", "stop")

    def make(self) -> None:
        """Make the cluster's folder."""
        self._run("initdb", "-D", str(self.folder), "-U", "postgres", "-A", "trust", "-N")

    @contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """Start a copy of this server that follows it, and only looks."""
        root = self.folder.with_name(f"standby-{uuid.uuid4().hex[:8]}")
        other = PostgresServer(root, self.commands, free_port())
        source = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        self._run("pg_basebackup", *source, "-D", str(root), "-R", "-c", "fast")
        other.start()
        try:
            yield other
        finally:
            other.stop()

    def _run(self, command: str, *arguments: str) -> None:
        owner = None if os.getuid() else "postgres"  # the server does not run as root
        subprocess.run(
            [str(self.commands / command), *arguments],
            check=True,
            timeout=60,
            user=owner,
            group=owner,
            extra_groups=[] if owner else None,
            cwd=self.folder.parent,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def postgres_commands() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the newest ones."""
    found = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        found.insert(0, Path(on_path).resolve().parent)
    return max(found, key=_version, default=None)


def _version(folder: Path) -> Sequence[int]:
    said = folder.parent.name
    return [int(said)] if said.isdigit() else [0]


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start PostgreSQL with a cluster of its own, never the system's, and stop it at the end."""
    commands = postgres_commands()
    if not commands:
        pytest.skip("there is no PostgreSQL server: make servers installs it")
    root = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder = root / "data"
    try:
        folder.mkdir(mode=0o700)
        if not os.getuid():
            owner = pwd.getpwnam("postgres")
            for path in (root, folder):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        server = PostgresServer(folder, commands, free_port())
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(shared: Shared) -> PostgresServer:
    """Return the PostgreSQL of all tests."""
    return shared.get("postgres", running)


@pytest.fixture(scope="session")
def quiet() -> Iterator[PostgresServer]:
    """Start a PostgreSQL on which nobody is at work but the test, in none of its databases."""
    with running() as server:
        yield server


def run_sql_of(url: str, *statements: str) -> None:
    """Run statements on a server, as somebody else."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture
def url(quiet: PostgresServer) -> str:
    """Return the URL of a database of its own there."""
    return quiet.database()


@pytest.fixture
def other(quiet: PostgresServer, url: str) -> Iterator[Connection]:
    """Somebody else at the same database."""
    with quiet.connect(url) as connection:
        yield connection
