"""How a file is read: what its reader says, and what follows from it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from ..model.errors import LoadError

E = TypeVar("E", bound=StrEnum)

_FORMAT = re.compile(
    r"(?:[^%]|%%)*(?:%(?:-[dHIjmMSy]|[aAbBcdfgGHIjmMnpSuUVwWxXyYzZ])(?:[^%]|%%)*)+"
)
"""What the engine takes: anything, and at least one of its directives."""
_BEGINS_WITH_A_YEAR = re.compile(r"\s*(?:\d|%[YGcx])")


class FileFormat(StrEnum):
    """What a file is."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


class OnError(StrEnum):
    """What happens to a file with broken rows: nothing of it is loaded, or they are kept apart."""

    STOP = "stop"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says of a file; what is None is found out.

    Attributes:
        format: A `FileFormat`; told by the file's name if it is None.
        header: The first line names the columns; None is yes.
        null: What stands for NULL in a CSV; an empty field if it is None.
        date_format: As `strptime` writes it; ISO 8601 is understood without, and beside one that
            does not begin with the year.
        types: The type of a column, as the warehouse writes it, by the column's name.
        on_error: An `OnError`.

    """

    format: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    null: str | None = None
    date_format: str | None = None
    timestamp_format: str | None = None
    encoding: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    on_error: str = OnError.STOP

    def __post_init__(self) -> None:
        """Check what can be checked without the file.

        Raises:
            LoadError: an option says nothing that a file could be read with.

        """
        object.__setattr__(self, "on_error", _one_of(OnError, self.on_error, "--on-error"))
        if self.format is not None:
            object.__setattr__(self, "format", _one_of(FileFormat, self.format, "--input-format"))
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _delimiter(self.delimiter))
        for option in ("date_format", "timestamp_format"):
            _check_format(getattr(self, option), option)
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _encoding(self.encoding))

    @property
    def formats(self) -> Formats:
        """How dates and times are written."""
        return Formats(self.date_format, self.timestamp_format)


@dataclass(frozen=True, slots=True)
class Formats:
    """How dates and times are written, beside ISO 8601."""

    date: str | None = None
    timestamp: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(pattern for pattern in (self.timestamp, self.date) if pattern)

    @property
    def begin_with_a_year(self) -> bool:
        """Whether one of them may mean texts that ISO 8601 means, too, and otherwise."""
        return any(_BEGINS_WITH_A_YEAR.match(pattern) for pattern in self.given)


def _one_of(kind: type[E], value: str, option: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise LoadError(f"{option} {value} is not known", hint=f"It is one of {known}.") from None


def _check_format(pattern: str | None, option: str) -> None:
    if pattern is not None and not _FORMAT.fullmatch(pattern):
        raise LoadError(
            f"--{option.replace('_', '-')} {pattern!r} says nothing of a time",
            hint="Write it as strptime takes it: %d.%m.%Y, or %d.%m.%Y %H:%M.",
        )


def _delimiter(text: str) -> str:
    found = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(found.encode()) != 1 or found in '"\r\n':
        raise LoadError(
            f"the delimiter {text!r} is none", hint="Write one character; a tab is '\\t'."
        )
    return found


def _encoding(text: str) -> str:
    """Return the encoding's one name of many."""
    try:
        found = codecs.lookup(text).name
        "x".encode(found)
    except (LookupError, UnicodeError, TypeError):
        raise LoadError(
            f"the encoding {text!r} is not known", hint="Write utf-8, latin-1, cp1252 or utf-16."
        ) from None
    return {"utf-8-sig": "utf-8", "iso8859-1": "latin-1", "ascii": "utf-8"}.get(found, found)
