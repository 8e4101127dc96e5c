"""CSV: its dialect, and how DuckDB reads it fast without losing a value.

The reader is told everything and guesses nothing: DuckDB's sniffer fails on files that mix line
ends, takes a file without a quote in its sample for one without quotes, and guesses day and month.
With the dialect told, its strict mode either reads a file as RFC 4180 says or fails (tried against
Python's `csv` on some thousands of damaged files); then `careful` takes over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..engine.sql import quote, text
from ..model.errors import LoadError
from ..model.schema import decimal
from .choice import Choice, changes
from .lossless import EXACT, INTEGERS
from .options import Formats, ReadOptions
from .records import MalformedError, split
from .source import HEAD_BYTES, Source
from .target import Field, Plan, Table
from .texts import CLOCKS, LENGTHS, cast, fits

DELIMITERS = (",", ";", "\t", "|")
ENGINE_ENCODINGS = ("utf-8", "latin-1", "utf-16")
"""What DuckDB reads by itself; `careful` reads all that Python knows."""

QUICK = {
    "BIGINT": ("NOT contains({0}, '.') AND NOT contains({0}, 'e') AND NOT contains({0}, 'E')",),
    "DOUBLE": ("length({0}) <= 15",),
    "DATE": ("length({0}) = 10",),
    "TIMESTAMP": (
        "length({0}) = 19 AND {0}[17] = ':'",
        "length({0}) = 10",
        r"regexp_full_match({0}, '.{{16}}:\d\d\.\d+')",
    ),
}
"""Forms that a plain cast takes whole, or fails on. CASE asks the next only of what is left."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """A CSV file as DuckDB is told to read it.

    Attributes:
        names: Of its columns, in order.
        header: The first line after the skipped ones holds the names.
        skip: Empty lines before that.
        longest: How many bytes a record may have.

    """

    pattern: str
    names: tuple[str, ...]
    delimiter: str = ","
    newline: str = "\n"
    header: bool = False
    skip: int = 0
    encoding: str = "utf-8"
    null: str = ""
    gzipped: bool = False
    longest: int = 2_000_000

    def relation(self, types: Mapping[str, str] | None = None, *, lenient: bool = False) -> str:
        """Return the SQL that reads it; a column without a type is VARCHAR.

        Args:
            lenient: Leave out rows that cannot be read.

        """
        types = types or {}
        columns = ", ".join(f"{text(n)}: {text(types.get(n, 'VARCHAR'))}" for n in self.names)
        options = {
            "columns": f"{{{columns}}}",
            "delim": text(self.delimiter),
            "quote": "'\"'",
            "escape": "'\"'",
            "new_line": {"\n": "'\\n'", "\r\n": "'\\r\\n'", "\r": "'\\r'"}[self.newline],
            "header": str(self.header).lower(),
            "skip": str(self.skip),
            "encoding": text(self.encoding),
            "nullstr": text(self.null),
            "compression": "'gzip'" if self.gzipped else "'none'",
            "ignore_errors": str(lenient).lower(),
            "max_line_size": str(self.longest),
            "auto_detect": "false",
            "hive_partitioning": "false",
        }
        told = ", ".join(f"{key} = {value}" for key, value in options.items())
        return f"read_csv({text(self.pattern)}, {told})"


def look(source: Source, options: ReadOptions, table: Table, clock: str) -> Delimited:
    """Read the dialect off the first line.

    Raises:
        LoadError: the line is no header, or there is none and the table does not fit.

    """
    encoding = options.encoding or "utf-8"
    skip, line, newline = _first_line(source, encoding)
    delimiter = options.delimiter or _delimiter(line, clock)
    header = options.header is not False
    if header:
        _check_encoding(source, encoding, skip, line)
    found = _names(source, line, delimiter)
    if header:
        names = tuple(name or f"column{n}" for n, name in enumerate(found))
    else:
        names = _names_by_place(source, len(found), table)
    lowered = [name.lower() for name in names]
    for name in names:
        if lowered.count(name.lower()) > 1:
            raise LoadError(f"{source.name} has two columns {name}")
    return Delimited(
        source.pattern,
        names,
        delimiter,
        newline,
        header,
        skip,
        encoding,
        options.null or "",
        source.gzipped,
    )


def plan(
    file: Delimited,
    choices: Sequence[Choice],
    basis: Table,
    formats: Formats,
    ignored: tuple[str, ...],
) -> tuple[Plan, str]:
    """Plan a fast load: each column is read as a type that tells whether its value is whole.

    Returns:
        The plan, and the relation that it reads.

    """
    added, widened, empty = changes(choices)
    # A column without values makes no column of the table; a value that comes later is an error.
    types, fields, strange = {}, [], [f"{quote(name)} IS NOT NULL" for name in empty]
    for choice in choices:
        if choice.type is None:
            continue
        source = choice.pair.source
        reading = _reading(quote(source), choice, choice.type, formats)
        types[source] = reading.type
        fields.append(Field(choice.pair.name, reading.value))
        strange += reading.strange
    found = f"CASE WHEN {' OR '.join(strange)} THEN {_raise('a value', 'BOOLEAN')} ELSE true END"
    where = (found,) if strange else ()
    return Plan(basis, tuple(fields), added, widened, where, ignored), file.relation(types)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the reader reads a column.

    Attributes:
        type: What it reads.
        value: The cast to the column's type.
        strange: When that might lose something, one condition for all rows at once; NULL is not.

    """

    type: str
    value: str
    strange: tuple[str, ...] = ()


def _reading(value: str, choice: Choice, type_: str, formats: Formats) -> _Reading:
    found = f"CAST({value} AS {type_})"
    shape = decimal(type_)
    formatted = bool(formats.date or formats.timestamp)
    if shape and shape[0] <= 15:  # in half the time of a cast there and back
        unit = f"{10 ** shape[1]}::DOUBLE"
        return _Reading("DOUBLE", found, (f"round({value} * {unit}) / {unit} <> {value}",))
    if type_ in INTEGERS and choice.usual:
        lost = [f"{value} <> trunc({value})"]
        if INTEGERS[type_][1] >= EXACT["DOUBLE"]:  # of a smaller type, the cast itself fails
            lost.append(f"abs({value}) >= {EXACT['DOUBLE']}")
        return _Reading("DOUBLE", found, tuple(lost))
    if type_ == "DOUBLE" and choice.usual:
        beyond = () if choice.fractional else (f"abs({value}) >= {EXACT['DOUBLE']}",)
        return _Reading("DOUBLE", value, beyond)
    if type_ in LENGTHS and choice.usual and not formatted:
        return _Reading("VARCHAR", found, (f"length({value}) <> {LENGTHS[type_]}",))
    if type_ in INTEGERS or type_ in ("DOUBLE", *CLOCKS[: 3 if formatted else 2]) or shape:
        return _Reading("VARCHAR", _by_cases(value, type_, formats))
    return _Reading(type_, value)


def _by_cases(value: str, type_: str, formats: Formats) -> str:
    """Cast a text: quickly in common forms, with care in any other."""
    quick = () if formats.date or formats.timestamp else QUICK.get(type_, ())
    if type_ in INTEGERS:
        quick = QUICK["BIGINT"]
    cases = "".join(f"WHEN {c.format(value)} THEN CAST({value} AS {type_}) " for c in quick)
    return (
        f"CASE {cases}WHEN {value} IS NULL OR {fits(value, type_, formats)} "
        f"THEN {cast(value, type_, formats)} ELSE {_raise(value, type_)} END"
    )


def _raise(name: str, type_: str) -> str:
    return f"CAST(error({text(f'{name} does not fit {type_}')}) AS {type_})"


def _first_line(source: Source, encoding: str) -> tuple[int, str, str]:
    """Return how many empty lines come first, the first line that is not, and its end."""
    head = source.head.decode(encoding, errors="replace").removeprefix("\ufeff")
    body = head.lstrip("\r\n")
    blank = head[: len(head) - len(body)]
    match = re.match(r"([^\r\n]*)(\r\n|\n|\r|$)", body)
    assert match is not None
    line, newline = match.groups()
    if not newline and len(source.head) >= HEAD_BYTES:
        raise LoadError(
            f"{source.name}: its first line is longer than {HEAD_BYTES:,} bytes",
            hint="Is it a CSV? If it is something else, say so: --input-format.",
        )
    return max(blank.count("\n"), blank.count("\r")), line, newline or "\n"


def _check_encoding(source: Source, encoding: str, skip: int, line: str) -> None:
    try:
        head = source.head.decode(encoding)
    except UnicodeDecodeError as error:  # it may be further down, or a character that is cut off
        head = source.head[: error.start].decode(encoding)
    if line not in head:
        raise LoadError(
            f"{source.name} line {skip + 1}: it is not {encoding.upper()}, and names the columns",
            hint="If the whole file is of another encoding, say which: --encoding latin-1.",
        )


def _names(source: Source, line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in split(line, delimiter)]
    except MalformedError as error:
        raise LoadError(f"{source.name} line 1: {error}, in the names of the columns") from None


def _delimiter(line: str, clock: str) -> str:
    """Return the delimiter that sets the clock apart, else the one that there is most of."""

    def weight(delimiter: str) -> tuple[bool, int]:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        return clock.lower() in names, len(names)

    return max(DELIMITERS, key=weight)


def _names_by_place(source: Source, count: int, table: Table) -> tuple[str, ...]:
    if not table.exists:
        raise LoadError(
            f"{source.name} has no header and the table does not exist: its columns have no names",
            hint="Create the table first, or give the file a header.",
        )
    if count != len(table.columns):
        raise LoadError(
            f"{source.name} has no header and {count} columns, the table has {len(table.columns)}",
            hint="Without a header, the file has the table's columns in the table's order.",
        )
    return tuple(column.name for column in table.columns)
