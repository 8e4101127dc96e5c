"""A table of cold rows in the engine's memory: what is in it, how it is filled and read."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..engine.duckdb import TABLE_BYTES
from ..engine.filters import GROUP_ROWS
from ..engine.session import DuckDBSession
from ..engine.sql import listed, quote, unused_name
from ..model.part import Part
from .cold import Columns
from .layout import Layout
from .plain import PRIVATE

BATCH = 32
"""So many parts at most are taken by one statement."""
COMPRESSED = 8 * GROUP_ROWS
"""After so many rows what has been taken is compressed as closely as it will be."""
STRETCHES_AT_MOST = 4
"""Parts that do not follow one another are named one by one: that is quicker than many ranges."""

Key = tuple[str, str]
"""A part's id, and its SHA-256."""
Read = Callable[[DuckDBSession, Sequence[Part]], str]
"""Returns the query of the rows of some parts, in objects, which a session may look into."""


@dataclass(eq=False)
class Table:
    """Parts of one dataset that are in memory.

    Attributes:
        numbers: What each part is called in the table.
        bytes: What it takes in memory.
        users: Queries that read it now.
        used_at: When a query has last begun to, as `time.monotonic` counts.
        made_at: When it was complete, as a transaction's `begun_at` counts.
        layout: The last in which all its parts were seen.

    """

    dataset: str
    columns: Columns
    catalog: str = field(default_factory=lambda: f"{PRIVATE}cache_{uuid.uuid4().hex}")
    numbers: dict[Key, int] = field(default_factory=dict)
    bytes: int = 0
    users: int = 0
    used_at: float = 0.0
    made_at: int = 0
    layout: Layout | None = None

    @property
    def name(self) -> str:
        """What it is called in SQL."""
        return quote(self.catalog, "main", "rows")

    @property
    def number(self) -> str:
        """The column that says which part a row is of."""
        return quote(unused_name(column.name for column in self.columns.values()))

    def still_fits(self, layout: Layout, columns: Columns) -> bool:
        """Whether all its parts are the dataset's still, and its columns, too."""
        if self.layout is not layout:
            if not self.numbers.keys() <= set(map(key_of, layout.parts)):
                return False
            self.layout = layout
        return self.columns == columns

    def rows(self, parts: Collection[Part]) -> str:
        """Return the query of the rows of some parts."""
        names = listed(column.name for column in self.columns.values())
        source = f"SELECT {names} FROM {self.name}"
        if len(parts) == len(self.numbers):
            return source
        numbers = sorted(self.numbers[key_of(part)] for part in parts)
        stretches = list(_stretches(numbers))
        if len(stretches) > STRETCHES_AT_MOST:
            return f"{source} WHERE {self.number} IN ({', '.join(map(str, numbers))})"
        ranges = (f"{self.number} BETWEEN {first} AND {last}" for first, last in stretches)
        return f"{source} WHERE {' OR '.join(ranges)}"


def fill(
    table: Table,
    session: DuckDBSession,
    parts: Sequence[Part],
    read: Read,
    has_room: Callable[[], bool],
    stop: threading.Event,
) -> bool:
    """Fill a table, and say whether all parts are in it.

    Args:
        has_room: Asked now and then, when what is there is compressed.
        stop: Once it is set, no more is begun.

    """
    session.execute(f"ATTACH ':memory:' AS {quote(table.catalog)} (COMPRESS)")
    defined = "".join(f", {quote(c.name)} {c.type}" for c in table.columns.values())
    session.execute(f"CREATE TABLE {table.name} ({table.number} INTEGER{defined})")
    loose, batches = 0, list(_batches(parts))
    for batch in batches:
        if stop.is_set():
            return False
        first = len(table.numbers)
        numbered = {key_of(part): number for number, part in enumerate(batch, first)}
        selects = (f"SELECT {numbered[key_of(p)]}, * FROM ({read(session, [p])})" for p in batch)
        session.execute(f"INSERT INTO {table.name} {' UNION ALL '.join(selects)}")
        table.numbers |= numbered
        loose += sum(part.rows for part in batch)
        if loose >= COMPRESSED or batch is batches[-1]:
            session.execute(f"CHECKPOINT {quote(table.catalog)}")
            loose = 0
            if not has_room():
                return False
    return not stop.is_set()


def held(session: DuckDBSession) -> int:
    """Return the bytes of all tables that are in the engine's memory."""
    return int(session.execute(TABLE_BYTES)[0][0])


def key_of(part: Part) -> Key:
    """Return what tells a part from every other one, of whatever content."""
    return part.id, part.sha256


def _batches(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Yield parts that are taken together: a row group's rows, unless one has more."""
    batch: list[Part] = []
    for part in parts:
        if batch and (len(batch) >= BATCH or sum(p.rows for p in [*batch, part]) > GROUP_ROWS):
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow one another; they are sorted."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number > last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
