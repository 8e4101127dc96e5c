"""The careful way: slower, but every broken record is found, with its line.

The file is split into records by `records` and written to a temporary file that says of each
record at which line it begins. DuckDB reads that one, every column as text, and tells which values
fit. It is gone to when the fast way has failed: for damaged files, mixed line ends, and encodings
that DuckDB does not know.
"""

from __future__ import annotations

import csv
import glob
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ..engine.base import Session
from ..engine.sql import quote, text
from ..model.errors import LoadError
from .choice import Choice, changes
from .delimited import Delimited
from .options import Formats
from .records import MAX_CHARACTERS, Line, Record, lines, records
from .source import Source
from .target import Field, Plan, Table
from .texts import cast, fits

LINE, RAW = (f"isotherm {name} {uuid.uuid4().hex[:8]}" for name in ("line", "raw"))
LONGEST = 4 * MAX_CHARACTERS + 1_000  # a character has up to four bytes, or two if it is a quote
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, order=True)
class Broken:
    """A record that cannot be loaded: the number of its first line, and why.

    Attributes:
        column: The one whose value does not fit; empty if the record cannot be read at all.

    """

    line: int
    reason: str
    column: str = ""


@dataclass(frozen=True)
class Careful:
    """A file whose records are told apart.

    Attributes:
        relation: SQL of the records that can be read: their lines, and every column as text.
        names: Of the columns.
        broken: The records that cannot be read at all.
        records: SQL of the JSON objects as they are written, where the file is JSON.

    """

    relation: str
    names: tuple[str, ...]
    broken: tuple[Broken, ...]
    records: str = ""


def separate_csv(source: Source, file: Delimited, scratch: Path, watch: Progress) -> Careful:
    """Tell the records of a CSV apart.

    Raises:
        LoadError: it is of another encoding altogether.

    """
    copy = replace(
        file,
        pattern=glob.escape(str(scratch)),
        names=(LINE, *file.names),
        newline="\n",
        header=False,
        skip=0,
        encoding="utf-8",
        gzipped=False,
        longest=LONGEST,
    )
    found = csv_records(source, file)
    broken = _write(found, scratch, file.delimiter, watch)
    return Careful(copy.relation({LINE: "BIGINT"}), file.names, broken)


def separate_json(
    source: Source, encoding: str, session: Session, scratch: Path, watch: Progress
) -> Careful:
    """Tell the records of a newline-delimited JSON apart."""
    copy = Delimited(glob.escape(str(scratch)), (LINE, RAW), longest=LONGEST)
    broken = _write(json_records(source, encoding), scratch, ",", watch)
    lines_ = copy.relation({LINE: "BIGINT"})
    raw = quote(RAW)
    keys = f"json_keys({raw})"
    reason = (
        f"CASE WHEN NOT json_valid({raw}) THEN 'it is no JSON' "
        f"WHEN json_type({raw}) <> 'OBJECT' THEN 'it is no JSON object' "
        f"WHEN len({keys}) <> len(list_distinct({keys})) THEN 'a key is there twice' END"
    )
    found = session.execute(
        f"SELECT * FROM (SELECT {quote(LINE)}, {reason} AS r FROM {lines_}) WHERE r IS NOT NULL"
    )
    good = f"(SELECT * FROM {lines_} WHERE ({reason}) IS NULL)"
    names = _keys(session, good)
    columns = ", ".join(
        f"json_extract_string({raw}, {text(pointer(name))}) AS {quote(name)}" for name in names
    )
    listed = f"{quote(LINE)}, {columns}" if names else quote(LINE)
    worse = tuple(Broken(line, why) for line, why in found)
    return Careful(f"(SELECT {listed} FROM {good})", names, broken + worse, good)


def csv_records(source: Source, file: Delimited) -> Iterator[Record]:
    """Yield the records of a CSV after its header."""
    with source.open() as content:
        found = islice(_lines(source, lines(content, file.encoding)), file.skip, None)
        all_ = records(found, file.delimiter, len(file.names))
        if file.header:
            next(all_, None)
        yield from all_


def json_records(source: Source, encoding: str) -> Iterator[Record]:
    """Yield the lines of a newline-delimited JSON that are not empty."""
    with source.open() as content:
        for line in _lines(source, lines(content, encoding)):
            body = line.text.rstrip("\r\n")
            if body.strip():
                yield Record(line.number, body, [body], line.reason)


def raw_texts(found: Iterator[Record], broken: Sequence[Broken]) -> Iterator[tuple[Broken, str]]:
    """Yield the broken records as they are written, in order of their lines."""
    by_line = {item.line: item for item in sorted(broken, reverse=True)}
    for record in found:
        if item := by_line.get(record.line):
            yield item, record.raw


def misfits(
    session: Session, file: Careful, choices: Sequence[Choice], formats: Formats
) -> tuple[Broken, ...]:
    """Return the records with a value that does not fit its column."""
    cases, all_fit = [], []
    for choice in choices:
        if choice.type is None or not choice.broken:
            continue
        value = quote(choice.pair.source)
        fit = f"({value} IS NULL OR {fits(value, choice.type, formats)})"
        label = text(f"column {choice.pair.name}: '")
        why = text(f"' does not fit {choice.type}")
        said = f"concat({label}, left({value}, 100), {why})"
        cases.append(f"WHEN NOT {fit} THEN [{said}, {text(choice.pair.name)}]")
        all_fit.append(fit)
    if not cases:
        return ()
    rows = session.execute(
        f"SELECT {quote(LINE)}, CASE {' '.join(cases)} END FROM {file.relation} "
        f"WHERE NOT ({' AND '.join(all_fit)}) ORDER BY ALL"
    )
    return tuple(Broken(line, reason, column) for line, (reason, column) in rows)


def plan(
    choices: Sequence[Choice], basis: Table, formats: Formats, ignored: tuple[str, ...]
) -> Plan:
    """Plan to load the records whose values all fit."""
    added, widened, _ = changes(choices)
    fields, where = [], []
    for choice in choices:
        if choice.type is None:
            continue
        value = quote(choice.pair.source)
        fields.append(Field(choice.pair.name, cast(value, choice.type, formats)))
        if choice.broken:
            where.append(f"{value} IS NULL OR {fits(value, choice.type, formats)}")
    return Plan(basis, tuple(fields), added, widened, tuple(where), ignored)


def _write(
    found: Iterator[Record], scratch: Path, delimiter: str, watch: Progress
) -> tuple[Broken, ...]:
    """Write the records that can be read, each with its line; return the others."""
    broken = []
    with scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for count, record in enumerate(found):
            if count % 65_536 == 0:
                watch(count)
            if record.reason:
                broken.append(Broken(record.line, record.reason))
            elif record.values is None:
                file.write(f"{record.line}{delimiter}{record.raw}\n")
            else:
                writer.writerow([record.line, *record.values])
    return tuple(broken)


def _lines(source: Source, found: Iterator[Line]) -> Iterator[Line]:
    try:
        yield from found
    except UnicodeError as error:
        raise LoadError(
            f"{source.name} is of another encoding: {error}",
            hint="Say which: --encoding utf-8, latin-1, cp1252 or utf-16.",
        ) from None
    except (OSError, EOFError) as error:
        raise LoadError(f"{source.name} cannot be read to its end: {error}") from None


def _keys(session: Session, relation: str) -> tuple[str, ...]:
    """Return the keys of all objects, in the order in which they first come."""
    keys = f"json_keys({quote(RAW)})"
    rows = session.execute(
        f"SELECT k FROM (SELECT {quote(LINE)} AS l, unnest({keys}) AS k, "
        f"generate_subscripts({keys}, 1) AS p FROM {relation}) "
        "WHERE k <> '' GROUP BY k ORDER BY min((l, p))"
    )
    return tuple(row[0] for row in rows)


def pointer(key: str) -> str:
    """Return the JSON pointer of a key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
