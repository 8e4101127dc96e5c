"""Servers that all workers of a run share: whoever needs one first starts it."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

Server = TypeVar("Server")


class Shared:
    """The servers of a run, as one of its workers uses them.

    Every worker that uses one holds a lock with the others. Who has started servers stops them when
    it has this lock alone: once all others are at their end, too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users = (folder / "users").open("w")
        self._started = ExitStack()
        self._starts = False

    def get(self, name: str, start: Callable[[], AbstractContextManager[Server]]) -> Server:
        """Return a server, started by this worker or another one."""
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fcntl.flock(self._users, fcntl.LOCK_SH)
            known = self._folder / f"{name}.server"
            if known.exists():
                found: Server = pickle.loads(known.read_bytes())
                return found
            server = self._started.enter_context(start())
            self._starts = True
            self._started.callback(known.unlink)
            known.write_bytes(pickle.dumps(server))
            return server

    def close(self) -> None:
        """Stop what this worker has started, when nobody uses it any more."""
        fcntl.flock(self._users, fcntl.LOCK_UN)
        if self._starts:
            fcntl.flock(self._users, fcntl.LOCK_EX)
        self._started.close()
        self._users.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Return the servers of this run, which its other workers use as well, if there are any."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "servers"
    folder.mkdir(exist_ok=True)
    found = Shared(folder)
    yield found
    found.close()
