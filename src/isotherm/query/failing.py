"""What to say when a query fails: which object, which name, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..engine.failures import Failure, failure
from ..model.errors import IsothermError, QueryError, SchemaError, StorageError
from ..model.part import Part
from ..model.words import nearest
from ..storage.base import Storage
from ..storage.folder import check_readable
from .guard import EXPLAIN

HASHED_BYTES = 2**31
"""Of so many bytes at most the SHA-256 is taken, to find out which object is damaged."""

_MISSING = re.compile(r"Table with name (?P<name>.+?) does not exist", re.DOTALL)
_UNANSWERED = re.compile(
    r"could not connect|connection (error|refused|reset)|timeout|timed out|resolve|HTTP 5\d\d",
    re.IGNORECASE,
)
"""What is said where a store is not there, or cannot answer now."""
_OWN = re.compile(r'"?isotherm_(?:query_\d+|cache_[0-9a-f]+)"?\.(?:"?isotherm_datasets"?\.)?')
_LINE = "\n\nLINE "
"""What a message goes on with: a piece of SQL, which is not the user's where Isotherm reads."""
_EXPLAINED = re.compile(
    rf"^(LINE 1: ){re.escape(EXPLAIN)}(.*)\n {{{len(EXPLAIN)}}}( *\^)", re.MULTILINE
)


@dataclass
class Context:
    """What is known of a query when it fails.

    Attributes:
        parts: Those that it reads.
        known: Names of datasets and tables.
        alias: The warehouse's name in the engine, which users need not see.
        late: Its time was over.

    """

    storage: Storage
    datasets: Sequence[str]
    alias: str
    timeout: float
    known: Sequence[str] = ()
    parts: Sequence[Part] = ()
    late: bool = field(default=False)

    def translated(self, error: BaseException) -> BaseException:
        """Return the error as it is shown; one that the engine did not raise stays as it is."""
        kind = failure(error)
        if kind is None or isinstance(error, IsothermError):
            return error
        message = _EXPLAINED.sub(r"\1\2\n\3", _OWN.sub("", str(error)))
        message = message.replace(f'"{self.alias}".', "").replace(f"{self.alias}.", "")
        match kind:
            case Failure.STOPPED:
                return self.too_long() if self.late else KeyboardInterrupt()
            case Failure.NO_SUCH_NAME:
                return self._no_such(message)
            case Failure.WRITES:
                return QueryError(
                    f"isotherm sql only reads: {message}", hint="Rows get in by: isotherm load"
                )
            case Failure.NO_MEMORY:
                return IsothermError(f"there is not enough memory: {message}")
        return self._damaged(message, kind) or QueryError(message)

    def too_long(self) -> QueryError:
        """Say that the query's time is over."""
        return QueryError(
            f"the query took longer than {self.timeout:g} s",
            hint="Raise [settings] query_timeout; it stays below grace.",
        )

    def _no_such(self, message: str) -> QueryError:
        found = _MISSING.search(message)
        if not found:
            return QueryError(message)
        name = found["name"].strip('"')
        return QueryError(
            f"there is no dataset or table {name}",
            hint=nearest(name, [*self.datasets, *self.known])
            or f"Datasets: {', '.join(self.datasets) or 'none'}.",
        )

    def _damaged(self, message: str, kind: Failure) -> IsothermError | None:
        """Return an error that names the object, where one of those that were read is to blame."""
        for part in self.parts:
            if part.readable_location.key in message:
                if "failed to cast column" in message:
                    return SchemaError(
                        f"a value of {part.period} of {part.dataset} does not fit the table: "
                        f"{message}",
                        hint="The column was made narrower: alter it back.",
                    )
                check_readable(self.storage.url(part.readable_location))
                return _no_answer(message) or _unreadable(part, message)
        if kind is not Failure.UNREADABLE:
            return None
        damaged = (part for part in self.parts if self._is_damaged(part))
        return next((_unreadable(part, message) for part in damaged), None)

    def _is_damaged(self, part: Part) -> bool:
        try:
            if self.storage.size(part.readable_location) != part.bytes:
                return True
            if sum(p.bytes for p in self.parts) > HASHED_BYTES:
                return False
            return self.storage.sha256(part.readable_location) != part.sha256
        except StorageError:
            return True


def _no_answer(message: str) -> StorageError | None:
    """Return an error where the store is to blame, and none of its objects."""
    if not _UNANSWERED.search(message):
        return None
    return StorageError(
        f"the store does not answer: {message.partition(_LINE)[0]}",
        hint="Look at [storage] url and the way there, then run the same query again.",
    )


def _unreadable(part: Part, message: str) -> StorageError:
    return StorageError(
        f"object {part.readable_location}, {part.period} of {part.dataset}, cannot be read: "
        f"{message.partition(_LINE)[0]}",
        hint=f"Put it back from a backup; its SHA-256 is {part.sha256}.",
    )
