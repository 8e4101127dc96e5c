"""What the engine says of a file that it cannot read, told as what it means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..engine.failures import DAMAGE, failure
from ..model.errors import LoadError


class DamagedError(LoadError):
    """The engine cannot read the file; another way of reading may tell more."""


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Read a file in the block.

    Raises:
        DamagedError: the engine cannot.

    """
    try:
        yield
    except Exception as error:
        if failure(error) in DAMAGE:
            raise damaged(name, error) from error
        raise


def damaged(name: str, error: BaseException) -> DamagedError:
    """Say that a file cannot be read."""
    return DamagedError(
        f"{name} cannot be read: {said(error)}", hint="Nothing of the file was loaded."
    )


def said(error: BaseException) -> str:
    """Return what the engine says, on one line and without its advice."""
    lines = str(error).strip().split("\n\n")[0].split("\nPossible ")[0]
    return " ".join(lines.split())
