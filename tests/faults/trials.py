"""Lakes that are killed again and again, each time from where their story begins."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

import killing
import pytest

from databases import PostgresServer
from servers import S3Server

SIGKILL = -9
FEWER = 4
"""So many steps more or less moves may take that overlap."""
FORKS = multiprocessing.get_context("forkserver")
AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2


@pytest.fixture(scope="module")
def warm_processes() -> None:
    """Fork from a process that has imported everything and opened nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        FORKS.set_forkserver_preload(["warm"])
        forkserver.ensure_running()


def run(
    target: Callable[..., None], *args: object, environment: dict[str, str] | None = None
) -> int | None:
    """Run a function in a process of its own and return its exit code."""
    process = FORKS.Process(target=killing.within, args=(environment or {}, target, *args))
    process.start()
    process.join(120)
    return process.exitcode


class Trial:
    """One lake, at one path, that is killed again and again."""

    def __init__(self, root: Path, story: str) -> None:
        self.story, self.root = story, root
        self.lake, self.template = root / "lake", root / "template"
        self.environment: dict[str, str] = {}
        root.mkdir(parents=True)

    def begin(self) -> None:
        """Bring the lake to where its story begins; its paths stay the same."""
        if not self.template.exists():
            self.build()
            self.lake.rename(self.template)
        killing.put_back(self.template, self.lake)

    def build(self) -> None:
        self.lake.mkdir()
        assert run(killing.build, self.story, str(self.lake), environment=self.environment) == 0

    def steps(self) -> list[str]:
        """Make the move unharmed, and return its steps."""
        self.begin()
        log = self.root / "steps.json"
        assert self._run(killing.die, 0, log) == 0
        return list(json.loads(log.read_text()))

    def kill(
        self, number: int, other_first: bool, survive: Callable[..., None] = killing.survive
    ) -> list[str]:
        """Kill the move at a step; return what is wrong after another process has finished it.

        Moves that overlap take some steps more or less each time: where the step does not come, it
        is one before it.
        """
        report, died = self.root / "report.json", None
        for at in range(number, number - (FEWER if killing.STORIES[self.story].apart else 1), -1):
            self.begin()
            report.unlink(missing_ok=True)
            died = self._run(killing.die, at, report)
            if died == SIGKILL:
                break
        else:
            return [f"the process was not killed, it ended with {died}"]
        self._run(survive, other_first, report)
        return list(json.loads(report.read_text()))

    def _run(self, act: Callable[..., None], what: object, file: Path) -> int | None:
        return run(act, self.story, str(self.lake), what, str(file), environment=self.environment)


class S3Trial(Trial):
    """A lake whose objects are in a bucket, a new one each time."""

    def __init__(self, root: Path, story: str, server: S3Server) -> None:
        super().__init__(root, story)
        self.server = server

    @property
    def temporary(self) -> Path:
        """What is not published yet is staged in it."""
        return self.root / "temporary"

    def begin(self) -> None:
        for folder in (self.lake, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        self.temporary.mkdir()
        self.environment = {
            "TMPDIR": str(self.temporary),
            killing.STORE: self.server.url(self.server.bucket()),
            "AWS_ACCESS_KEY_ID": self.server.key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret,
        }
        self.build()

    def kill(
        self, number: int, other_first: bool, survive: Callable[..., None] = killing.survive
    ) -> list[str]:
        """Kill the move at a step; nothing is left on this machine, either."""
        problems = super().kill(number, other_first, survive)
        files = (path for path in self.temporary.rglob("*.parquet"))
        return problems + [f"left on this machine: {path}" for path in files]


class PostgresTrial(Trial):
    """A lake whose warehouse is a database of PostgreSQL, a copy of the first one each time."""

    def __init__(self, root: Path, story: str, server: PostgresServer) -> None:
        super().__init__(root, story)
        self.server, self.url = server, server.database()
        self.database = self.url.rpartition("/")[2]
        self.environment = {killing.WAREHOUSE: self.url}

    def begin(self) -> None:
        if self.template.exists():
            self._copy(f"{self.database}_template", self.database)
        super().begin()

    def build(self) -> None:
        super().build()
        self._copy(self.database, f"{self.database}_template")

    def _copy(self, source: str, target: str) -> None:
        with self.server.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")  # type: ignore[arg-type]
            connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}")  # type: ignore[arg-type]
