"""Who may be in an object: a Bloom filter of each column that identifies people.

DuckDB writes Bloom filters of columns that have few values, reads them whole, and asks them for one
value only. This one lies between the rows of a Parquet file and its footer, where other readers
do not look, and is asked by reading a few pages of it.

The rows are cut into groups. A value has two places in the filter, by its hash; at each of them
there is one bit for each group, side by side, so that one read tells of all groups. What cannot be
trusted (another engine's hashes, a page that is damaged, another type) is as if it were not there.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .base import Session
from .sql import quote, text

GROUP_ROWS = 122_880
"""As many as a row group has, so that a group that is left out need not be read."""
ROWS_AT_LEAST = 8_192
"""A smaller object is read as quickly as its filter would be."""
BITS_A_VALUE = 8
BITS_AT_MOST = 2**28
PAGE = 4096
"""With its checksum; what is read at a time."""
MAGIC = b"ISOTHERM"
END = 8
"""Bytes at a Parquet file's end: the footer's length, and its own word."""
_CHECKED = PAGE - 4
_HALF = 2**32 - 1
_TRAILER = 4096
"""No description is longer."""
_WHOLE = ("INTEGER", "BIGINT")
KINDS = frozenset((*_WHOLE, "VARCHAR", "UUID"))
"""Types whose values are equal where what is hashed of them is, and only there."""

Read = Callable[[int, int], bytes]
"""Returns so many bytes of an object: where they begin, and how many."""


@dataclass(frozen=True, slots=True)
class Column:
    """The filter of one column.

    Attributes:
        type: Of the column in the file.
        places: How many there are for values.
        offset: Where its pages begin in the file.

    """

    type: str
    places: int
    offset: int


@dataclass(frozen=True, slots=True)
class Filter:
    """The filters of one object.

    Attributes:
        rows: Of the object.
        engine: What tells the engine whose hashes they are of.
        columns: By field id.

    """

    rows: int
    engine: str
    columns: Mapping[int, Column]

    @property
    def groups(self) -> int:
        """How many groups the rows are cut into."""
        return -(-self.rows // GROUP_ROWS)

    def may_have(self, read: Read, id_: int, type_: str, hash_: int) -> int | None:
        """Return the groups that may have a value, as bits; None if that is not known.

        Args:
            type_: What the column is read as.
            hash_: Of the value; see `hashes`.

        """
        column = self.columns.get(id_)
        if column is None or not _alike(column.type, type_):
            return None
        found = (1 << self.groups) - 1
        for half in (hash_ & _HALF, hash_ >> 32):
            place = half * column.places >> 32
            if found:
                bits = _bits(read, column, place * self.groups, self.groups)
                if bits is None:
                    return None
                found &= bits
        return found


def attach(session: Session, path: str, field_ids: Mapping[str, int]) -> None:
    """Put a filter of each column into a Parquet file of this machine.

    A file of few rows gets none, nor does a column of another type than `KINDS`.

    Args:
        field_ids: Of the columns, by their names in the file.

    """
    if not field_ids:
        return
    types = {column.name: column.type for column in session.parquet_columns(path).values()}
    if hides_row_numbers(types):
        return
    chosen = {name: id_ for name, id_ in field_ids.items() if types.get(name) in KINDS}
    source = f"read_parquet({text(path)}, hive_partitioning = false)"
    counts = "".join(f", approx_count_distinct({quote(name)})" for name in chosen)
    rows, *values = session.execute(
        f"SELECT (SELECT count(*) FROM {source}){counts} FROM {source} "
        f"WHERE file_row_number < {GROUP_ROWS}"
    )[0]
    if not chosen or rows < ROWS_AT_LEAST:
        return
    groups = -(-rows // GROUP_ROWS)
    made = []
    for (name, id_), distinct in zip(chosen.items(), values, strict=True):
        # An estimate, of the first group: where others have more, they are left out less often.
        wanted = BITS_A_VALUE * max(min(rows, GROUP_ROWS, distinct + distinct // 8), 1)
        places = min(wanted, BITS_AT_MOST // groups)
        bits = _made(session, source, name, types[name], places, groups)
        made.append((id_, types[name], places, bits))
    _insert(Path(path), rows, engine(session), made)


def hides_row_numbers(names: Iterable[str]) -> bool:
    """Say whether a column has the name by which the engine knows the rows of a file."""
    return any(name.lower() == "file_row_number" for name in names)


def _insert(
    path: Path, rows: int, engine_: str, made: Sequence[tuple[int, str, int, bytes]]
) -> None:
    """Put filters before the footer of a file: what stands before keeps its place."""
    with path.open("r+b") as file:
        size = file.seek(-END, os.SEEK_END) + END
        footer = int.from_bytes(file.read(4), "little") + END
        file.seek(size - footer)
        kept = file.read(footer)
        file.seek(size - footer)
        columns = {}
        for id_, type_, places, bits in made:
            columns[id_] = asdict(Column(type_, places, file.tell()))
            file.writelines(_pages(bits))
        said = {"rows": rows, "engine": engine_, "columns": columns}
        file.write(_trailer(json.dumps(said).encode()))
        file.write(kept)


def find(read: Read, size: int) -> Filter | None:
    """Return the filter of an object of so many bytes; None if it has none, or a damaged one."""
    if size < END:
        return None
    footer = int.from_bytes(read(size - END, 4), "little") + END
    end = size - footer
    if end <= 0:
        return None
    tail = read(max(end - _TRAILER, 0), min(end, _TRAILER))
    length = int.from_bytes(tail[-16:-12], "little")
    content = tail[-16 - length : -16]
    if tail[-8:] != MAGIC or tail[-12:-8] != _sum(content):
        return None
    said = json.loads(content)
    columns = {int(id_): Column(**column) for id_, column in said["columns"].items()}
    return Filter(said["rows"], said["engine"], columns)


def engine(session: Session) -> str:
    """Return what tells engines apart whose hashes are not the same."""
    short, long = "isotherm", "a text that is longer than what the engine keeps in place"
    hashed = f"hash({text(short)}), hash({text(long)}), hash({_HALF}::BIGINT)"
    return "-".join(map(str, session.execute(f"SELECT {hashed}")[0]))


def hashes(session: Session, values: Sequence[str], type_: str) -> list[int | None]:
    """Return the hash of each value as a column of this type has it; None where it cannot."""
    rows = session.execute(
        f"SELECT CASE WHEN v IS NOT NULL THEN hash(v) END FROM (SELECT "
        f"CAST(TRY_CAST(unnest(?::VARCHAR[]) AS {type_}) AS {_hashed(type_)}) AS v)",
        [list(values)],
    )
    return [row[0] for row in rows]


def _hashed(type_: str) -> str:
    """Return what values of a type are hashed as: equal ones alike, whatever they are read as."""
    return "BIGINT" if type_ in _WHOLE else "VARCHAR"


def _made(session: Session, source: str, name: str, type_: str, places: int, groups: int) -> bytes:
    """Return the bits of a column, whole bytes of them."""
    last = -(-places * groups // 8) * 8 - 1
    first, second = (
        # Whole numbers of 64 bits: of a type that is wider, it would take a third longer.
        # The place itself fits 32, with which the engine is quicker by a third.
        f"bitstring_agg(((({half} * {places}) >> 32) * {groups}::UBIGINT + part)::INTEGER, "
        f"0, {last})"
        for half in (f"(h & {_HALF})", "(h >> 32)")
    )
    rows = session.execute(
        f"SELECT ({first} | {second})::BLOB FROM "
        f"(SELECT hash({quote(name)}::{_hashed(type_)}) AS h, "
        f"(file_row_number // {GROUP_ROWS})::UBIGINT AS part "
        f"FROM {source} WHERE {quote(name)} IS NOT NULL)"
    )
    found: bytes | None = rows[0][0]
    return found if found is not None else bytes((last + 1) // 8)


def _pages(bits: bytes) -> Iterator[bytes]:
    for at in range(0, len(bits), _CHECKED):
        page = bits[at : at + _CHECKED].ljust(_CHECKED, b"\0")
        yield page + _sum(page)


def _bits(read: Read, column: Column, first: int, count: int) -> int | None:
    """Read some bits that stand side by side; the first is the lowest. None if they are damaged."""
    begin, end = first // 8, -(-(first + count) // 8)
    pages = range(begin // _CHECKED, (end - 1) // _CHECKED + 1)
    content = read(column.offset + pages[0] * PAGE, len(pages) * PAGE)
    found = b""
    for at in range(0, len(pages) * PAGE, PAGE):
        page, checksum = content[at : at + _CHECKED], content[at + _CHECKED : at + PAGE]
        if checksum != _sum(page):
            return None
        found += page
    skipped = pages[0] * _CHECKED
    wanted = found[begin - skipped : end - skipped]
    return sum(
        1 << number
        for number in range(count)
        if wanted[(at := first + number) // 8 - begin] >> (7 - at % 8) & 1
    )


def _alike(written: str, read: str) -> bool:
    """Say whether equal values of both types are hashed alike."""
    return read in KINDS and (written == read or (written in _WHOLE and read in _WHOLE))


def _trailer(content: bytes) -> bytes:
    return content + len(content).to_bytes(4, "little") + _sum(content) + MAGIC


def _sum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")
