"""Temporary folders of this machine, which go with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "isotherm-s3-"
LOCK = "lock"


class Scratch:
    """A folder in the temporary one of the system.

    Its process holds a lock on a file in it: the system gives that up with the process.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._folder.name)
        unlocked = self.path / f"{LOCK}.new"  # nobody takes this for one whose process has ended
        self._lock = unlocked.open("w")
        with suppress(OSError):  # there are no locks: it stays, should its process be killed
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            unlocked.rename(self.path / LOCK)


def sweep() -> None:
    """Remove the folders that processes of the same user have left, which were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):  # in use, or somebody else is removing it
            if lock.parent.lstat().st_uid != os.getuid():
                continue
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)
