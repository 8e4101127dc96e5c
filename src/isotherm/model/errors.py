"""The errors of Isotherm.

::

    IsothermError                   exit code
    ├── Terminal                    trying again changes nothing
    │   ├── ConfigError          3  isotherm.toml is wrong
    │   ├── LoadError            4  a file that cannot be loaded
    │   ├── ArchivedError        5  a query may need archived partitions
    │   ├── QueryError           6  SQL that is refused
    │   ├── StalePlanError       7  a plan that no longer fits what is there
    │   ├── SchemaError          8  a table, column or type that cannot be moved
    │   ├── StorageError        10  an object is missing, damaged or cannot be written
    │   ├── VerifyError         11  a copy does not equal its source
    │   ├── JournalError        12  the journal's chain does not hold
    │   ├── RequestError        13  a request that makes no sense
    │   └── MovesFailed         14  some moves of an apply failed
    └── Transient                   the same call may succeed later
        ├── BusyError            9  another process holds the warehouse
        └── ConflictError       15  rows changed while they were moved

Each class owns its exit code; `docs/exit-codes.md` is tested against this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

__all__ = [
    "ArchivedError",
    "BusyError",
    "ConfigError",
    "ConflictError",
    "IsothermError",
    "JournalError",
    "LoadError",
    "MovesFailed",
    "QueryError",
    "RequestError",
    "SchemaError",
    "StalePlanError",
    "StorageError",
    "Terminal",
    "Transient",
    "VerifyError",
]


class IsothermError(Exception):
    """Say what is wrong, with what, and what to do next.

    Args:
        message: What is wrong, and with what.
        hint: What to do next, a sentence; shown on a line of its own.

    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class Terminal(IsothermError):
    """Trying again changes nothing: somebody has to act first."""


class Transient(IsothermError):
    """The same call may succeed later."""


class ConfigError(Terminal):
    """`isotherm.toml` is wrong: the file, the key, what was found and the nearest right value."""

    exit_code = 3


class LoadError(Terminal):
    """A file cannot be loaded; nothing of it was."""

    exit_code = 4


class ArchivedError(Terminal):
    """A query may need partitions that must be restored before they can be read.

    Args:
        message: The partitions, and what restoring them costs and takes.
        partitions: `(dataset, first period, last period)` of each archived range.

    """

    exit_code = 5

    def __init__(
        self, message: str, *, hint: str = "", partitions: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.partitions = tuple(partitions)


class QueryError(Terminal):
    """The SQL is not one query over the datasets, or it fails."""

    exit_code = 6


class StalePlanError(Terminal):
    """The plan no longer fits what is there."""

    exit_code = 7


class SchemaError(Terminal):
    """A table, column or type that Isotherm cannot keep whole."""

    exit_code = 8


class StorageError(Terminal):
    """An object is missing or damaged, or the store cannot take it."""

    exit_code = 10


class VerifyError(Terminal):
    """What was read back does not equal what was written; nothing was deleted."""

    exit_code = 11


class JournalError(Terminal):
    """The journal's hash chain does not hold."""

    exit_code = 12


class RequestError(Terminal):
    """A request that makes no sense for what is there."""

    exit_code = 13


class MovesFailed(Terminal):
    """Some moves of an apply failed; the others are done.

    Args:
        message: Which moves failed, and why.
        hint: What to do next.
        applied: What the apply did; see `moves.applying.Applied`.

    """

    exit_code = 14

    def __init__(self, message: str, *, hint: str = "", applied: Any) -> None:
        super().__init__(message, hint=hint)
        self.applied = applied


class PendingError(Transient):
    """An archive is still fetching what was asked for."""

    exit_code = 16


class AuditError(Terminal):
    """An audit, or a doctor, has found something that is not as it should be."""

    exit_code = 17


class BusyError(Transient):
    """Another process holds the warehouse."""

    exit_code = 9


class ConflictError(Transient):
    """Rows changed while they were moved; nothing was done."""

    exit_code = 15


def not_installed(because: str, error: ImportError, extra: str) -> ConfigError:
    """Say what is not installed, and what brings it.

    Args:
        because: What in the config needs it.
        error: What importing it has raised.
        extra: The extra of Isotherm that brings it.

    """
    return ConfigError(
        f"{because}, and {error.name or error} is not installed", hint=how_to_install(extra)
    )


def how_to_install(extra: str = "") -> str:
    """Say how Isotherm is installed with one of its extras, which is from its clone."""
    return f"Install it: pip install '.{f'[{extra}]' if extra else ''}' in the clone of Isotherm."
