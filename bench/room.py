"""What keeps a measurement from being made: a disk without room, a server that is not installed."""

from __future__ import annotations

import errno
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

Found = TypeVar("Found")
FULL = (errno.ENOSPC, errno.EDQUOT)
SAYS = ("no space left", "disk is full", "disk quota exceeded")
"""What DuckDB, SQLite, PostgreSQL and Isotherm say then; they hand on no number of an error."""


class FullDiskError(Exception):
    """There was no room left; its text says for what."""


class MissingError(Exception):
    """A server is not installed; its text says which, and what installs it."""


def told(act: Callable[..., Found], *given: object) -> Found:
    """Run an act in a process of its own; the error comes to who has started it as a text.

    Raises:
        FullDiskError: the disk was full.
        MissingError: what the tests would be skipped for is missing.
        RuntimeError: it failed otherwise; the text is the whole traceback.

    """
    try:
        return act(*given)
    except (pytest.skip.Exception, MissingError) as error:
        raise MissingError(str(error)) from None
    except Exception as error:
        if is_full(error):
            text = str(getattr(error, "message", error))  # without the hint: all is removed
            raise FullDiskError(" ".join(text.split())) from None
        raise RuntimeError(traceback.format_exc()) from None


def is_full(error: BaseException) -> bool:
    """Say whether an error, or what it stems from, is that of a full disk."""
    return any(
        (isinstance(each, OSError) and each.errno in FULL)
        or any(words in str(each).lower() for words in SAYS)
        for each in _stems(error)
    )


def advice(name: str, why: str, folder: Path, results: Path) -> str:
    """Return what to tell whoever has measured on a full disk."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free / 1e9
    kept = "stays as it was" if results.exists() else "was not written"
    return (
        f"bench: no room left while measuring {name}: {why}\n"
        f"  What was made in {folder} is removed; that disk has {free:.2f} GB free now.\n"
        f"  {results} {kept}.\n"
        f"  Choose a disk with more room: python -m bench {name} --data FOLDER"
    )


def _stems(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
