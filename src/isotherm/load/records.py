"""The records of a text file and the lines that they begin at, however damaged the file is.

One broken record costs that record and no other: where a quote is not closed, or a record of
several lines makes no sense, its first line alone is broken and reading goes on with the next one.
"""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

MAX_CHARACTERS = 2_000_000
"""A longer record is broken; DuckDB's own bound is the same."""


class MalformedError(ValueError):
    """The text is no record."""


class UnclosedError(MalformedError):
    """A quoted value goes on after the end of the text."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is written, with its end; `reason` says why it cannot be read."""

    number: int
    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or what cannot be one.

    Attributes:
        line: The number of its first line, from 1.
        raw: As it is written.
        values: None if the raw text can be taken as it is.
        reason: Why it is broken; empty if it is not.

    """

    line: int
    raw: str
    values: Sequence[str] | None = None
    reason: str = ""


def split(record: str, delimiter: str) -> list[str]:
    """Split a record into its values as RFC 4180 says; a quote within a bare value is a quote.

    Raises:
        UnclosedError: its last value is not closed.
        MalformedError: there is text after a closing quote.

    """
    values: list[str] = []
    at = 0
    while True:
        if record.startswith('"', at):
            value, at = _quoted(record, at + 1)
            values.append(value)
            if at == len(record):
                return values
            if record[at] != delimiter:
                raise MalformedError("text follows a closing quote")
        else:
            end = record.find(delimiter, at)
            if end < 0:
                values.append(record[at:])
                return values
            values.append(record[at:end])
            at = end
        at += 1


def _quoted(record: str, at: int) -> tuple[str, int]:
    """Return the quoted value that begins at `at`, and where it ends."""
    end = record.find('"', at)
    while end >= 0 and record.startswith('"', end + 1):
        end = record.find('"', end + 2)
    if end < 0:
        raise UnclosedError("a quote is not closed")
    return record[at:end].replace('""', '"'), end + 1


def lines(content: IO[bytes], encoding: str) -> Iterator[Line]:
    """Read a file line by line; a line that is not of the encoding says so.

    Raises:
        UnicodeError: the file is not of an encoding whose line ends are more than a byte.

    """
    if encoding.startswith(("utf-16", "utf-32")):
        text = io.TextIOWrapper(content, encoding, newline="\n")
        for number, line in enumerate(iter(lambda: text.readline(MAX_CHARACTERS), ""), start=1):
            yield Line(number, line.removeprefix("\ufeff"))
        return
    for number, raw in enumerate(iter(lambda: content.readline(MAX_CHARACTERS), b""), start=1):
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        reason = ""
        if len(raw) == MAX_CHARACTERS and not raw.endswith(b"\n"):
            reason = f"it is longer than {MAX_CHARACTERS:,} bytes"
            _skip_line(content)
        try:
            yield Line(number, raw.decode(encoding), reason)
        except UnicodeDecodeError:
            shown = raw.decode(encoding, errors="backslashreplace")
            yield Line(number, shown, reason or f"it is not {encoding.upper()}")


def _skip_line(content: IO[bytes]) -> None:
    while (rest := content.readline(MAX_CHARACTERS)) and not rest.endswith(b"\n"):
        pass


def records(found: Iterable[Line], delimiter: str, width: int) -> Iterator[Record]:
    """Join lines into records of `width` values; empty lines are none, if there are more."""
    source = iter(found)
    waiting: deque[Line] = deque()
    while (line := waiting.popleft() if waiting else next(source, None)) is not None:
        body = line.text.rstrip("\r\n")
        if line.reason:
            yield Record(line.number, body, reason=line.reason)
        elif '"' not in body:
            if body or width == 1:
                yield _bare(line.number, body, delimiter, width)
        else:
            taken = [line]
            record = _joined(taken, source, waiting, delimiter, width)
            if record.reason:
                waiting.extendleft(reversed(taken[1:]))
            yield record


def _bare(line: int, body: str, delimiter: str, width: int) -> Record:
    count = body.count(delimiter) + 1
    if count != width:
        return Record(line, body, reason=_miscounted(count, width))
    # A carriage return in the middle would end the line elsewhere.
    return Record(line, body, body.split(delimiter) if "\r" in body else None)


def _miscounted(count: int, width: int) -> str:
    return f"{count} value{'s' * (count != 1)} for {width} columns"


def _joined(
    taken: list[Line],
    source: Iterator[Line],
    waiting: deque[Line],
    delimiter: str,
    width: int,
) -> Record:
    """Read a record with quotes, taking more lines while a value is open."""
    first = taken[0]
    size, quotes = len(first.text), 0
    while True:
        if quotes % 2 == 0:  # after an odd number of quotes the open value may be closed
            record = "".join(line.text for line in taken).rstrip("\r\n")
            try:
                values = split(record, delimiter)
            except UnclosedError as error:
                reason, quotes = str(error), 1
            except MalformedError as error:
                return Record(first.number, first.text.rstrip("\r\n"), reason=str(error))
            else:
                if len(values) == width:
                    return Record(first.number, record, values)
                reason = _miscounted(len(values), width)
                return Record(first.number, first.text.rstrip("\r\n"), reason=reason)
        following = waiting.popleft() if waiting else next(source, None)
        if following is None or following.reason or size > MAX_CHARACTERS:
            if following is not None:
                taken.append(following)
            return Record(first.number, first.text.rstrip("\r\n"), reason=reason)
        taken.append(following)
        size += len(following.text)
        quotes += following.text.count('"')
