"""Try what is needed of a folder: a file is written, synced, renamed, read back and removed."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from .base import Tried
from .durable import sync_file, sync_folder

CONTENT = b"isotherm doctor\n"
_MEND = "Mount it, or let this user read and write it."


def try_folder(folder: Path, *, writing: bool) -> Tried:
    """Try a folder; nothing is left in it.

    Args:
        writing: Write a file; else it is asked who may.

    """
    what = f"a file in {folder}" if writing else f"looking into {folder}"
    try:
        if writing:
            _write_and_read(folder)
        else:
            _look(folder)
    except OSError as error:
        return Tried(what, error.strerror or str(error), _MEND)
    return Tried(what)


def _write_and_read(folder: Path) -> None:
    # The store lists no file whose name ends so: it is taken for one that is being written.
    first = folder / f"doctor-{uuid.uuid4().hex}.staged"
    second = first.with_name(f"{first.stem}-renamed.staged")
    try:
        with first.open("xb") as file:
            file.write(CONTENT)
            sync_file(file)
        first.replace(second)
        sync_folder(folder)
        if second.read_bytes() != CONTENT:
            raise OSError("it does not give back what was written to it")
    finally:
        for file_ in (first, second):
            _remove(file_)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except NotADirectoryError:  # what stands in the folder's place: it was said when it was written
        return


def _look(folder: Path) -> None:
    with os.scandir(folder) as found:
        next(found, None)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise OSError("this user may not write it")
