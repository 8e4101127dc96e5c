"""Cold rows that queries read again and again, kept in memory as tables of the engine.

An object never changes, so what was read of it once is true for as long as the dataset has it. It
is taken into memory whole once the queries that read it have taken as long as that will take: so
nobody waits more than twice as long as without, and one query alone never does. The tables are
compressed, bounded in size, and gone as soon as one of their objects has left the dataset: rows
that were erased, or have expired, stay in no memory that is still asked.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ..engine.duckdb import TABLE_BYTES, DuckDBSession
from ..engine.failures import failure
from ..engine.filters import GROUP_ROWS
from ..engine.sql import listed, quote
from ..model.errors import IsothermError
from ..model.part import Part
from ..warehouse.attached import AttachedTransaction
from .cold import Columns
from .layout import Layout
from .plain import PRIVATE

VALUE_SECONDS = 35e-9
"""What taking one value takes: it is decompressed, and compressed otherwise (measured, TPC-DS)."""
BYTES_A_SECOND = 50_000_000
"""What comes from a store that is not this machine's, at least."""

PART_SECONDS = 0.003
"""What taking a part takes besides."""
BATCH = 32
"""So many parts at most are taken by one statement."""
ACCOUNTS_AT_MOST = 100_000
"""So many parts of a dataset are known to have been read; then they are counted anew."""

_NUMBERS = itertools.count(1)
_Key = tuple[str, str]
"""A part's id, and its SHA-256."""
Read = Callable[[DuckDBSession, Sequence[Part]], str]
"""Returns the query of the rows of some parts, in objects, which a session may look into."""


@dataclass(eq=False)
class _Table:
    """Parts of one dataset that are in memory.

    Attributes:
        numbers: What each part is called in the table.
        bytes: What it takes in memory.
        users: Queries that read it now.
        used_at: When a query has last begun to, as `time.monotonic` counts.
        made_at: When it was complete, as a transaction's `begun_at` counts.
        layout: The last in which all its parts were seen.

    """

    catalog: str
    columns: Columns
    numbers: dict[_Key, int] = field(default_factory=dict)
    bytes: int = 0
    users: int = 0
    used_at: float = 0.0
    made_at: int = 0
    layout: Layout | None = None

    @property
    def name(self) -> str:
        return quote(self.catalog, "main", "rows")

    @property
    def number(self) -> str:
        """The column that says which part a row is of: no other one is called so."""
        return quote(max((column.name for column in self.columns.values()), key=len) + "_")

    def fits(self, layout: Layout, columns: Columns) -> bool:
        """Whether all its parts are the dataset's still, and its columns, too."""
        if self.layout is not layout:
            if not self.numbers.keys() <= set(map(_key, layout.parts)):
                return False
            self.layout = layout
        return self.columns == columns

    def rows(self, parts: Collection[Part]) -> str:
        """Return the query of the rows of some parts."""
        names = listed(column.name for column in self.columns.values())
        source = f"SELECT {names} FROM {self.name}"
        if len(parts) == len(self.numbers):
            return source
        numbers = sorted(self.numbers[_key(part)] for part in parts)
        ranges = (f"{self.number} BETWEEN {a} AND {b}" for a, b in _stretches(numbers))
        return f"{source} WHERE {' OR '.join(ranges)}"


class Cache:
    """Keeps cold rows in memory. Several threads may use it at once."""

    def __init__(
        self,
        bytes_at_most: int,
        open_: Callable[[], DuckDBSession],
        drop: Callable[[str], object],
        *,
        far: bool,
    ) -> None:
        """Keep nothing yet.

        Args:
            bytes_at_most: Of memory; 0 keeps nothing ever.
            open_: Opens a session of the engine.
            drop: Gives up a catalog of the engine.
            far: Whether objects come from another machine.

        """
        self._bytes_at_most = bytes_at_most
        self._open = open_
        self._drop = drop
        self._far = far
        self._lock = threading.RLock()  # a result that nobody holds any more is closed anywhere
        self._taking = threading.Lock()
        self._tables: dict[str, _Table] = {}
        self._left: list[_Table] = []
        self._spent: dict[str, dict[_Key, float]] = {}
        self._swelling: dict[str, float] = {}

    @property
    def bytes(self) -> int:
        """What is kept takes of memory."""
        with self._lock:
            return self._bytes()

    def rows(
        self,
        layout: Layout,
        columns: Columns,
        parts: Sequence[Part],
        read: Read,
        cleanup: ExitStack,
        *,
        tx: AttachedTransaction,
        late: Callable[[], bool],
    ) -> list[str]:
        """Return queries that together have the rows of some parts, wherever these are.

        What is taken into memory now serves the next query.

        Args:
            layout: Of their dataset.
            columns: As the query sees them.
            cleanup: Closed when the query has ended.
            tx: The query's transaction.
            late: Says whether the query's time is over.

        """
        if not self._bytes_at_most:
            return [read(tx.session, parts)]
        dataset = parts[0].dataset
        table = self._table(dataset, layout, columns, cleanup)
        if missing := _missing(table, parts):
            have = [part for part in layout.parts if table and _key(part) in table.numbers]
            every = tuple(have + missing)
            if self._spent_on(dataset, missing) >= self._cost(every, columns):
                self._take(dataset, columns, every, read, late)
            else:
                most = self._cost(missing, columns)
                cleanup.callback(self._pay, dataset, missing, most, time.monotonic())
        if table is None or table.made_at >= tx.begun_at:  # it may see a part of it only
            return [read(tx.session, parts)]
        queries = [read(tx.session, missing)] if missing else []
        if len(missing) < len(parts):
            queries.append(table.rows([part for part in parts if _key(part) in table.numbers]))
        return queries

    def clear(self) -> None:
        """Keep nothing of what was kept so far; what is being read goes when it is left."""
        with self._lock:
            for dataset in list(self._tables):
                self._forget(dataset)
        self._drop_idle()

    def tidy(self, parts_of: Callable[[str], Iterable[Part]]) -> None:
        """Give up the tables of which an object has left its dataset.

        Args:
            parts_of: Returns the parts that a dataset has now.

        """
        with self._lock:
            kept = dict(self._tables)
        for dataset, table in kept.items():
            there = set(map(_key, parts_of(dataset)))
            with self._lock:
                if self._tables.get(dataset) is table and not table.numbers.keys() <= there:
                    self._forget(dataset)
        self._drop_idle()

    def _table(
        self, dataset: str, layout: Layout, columns: Columns, cleanup: ExitStack
    ) -> _Table | None:
        """Return what is in memory of a dataset; what is not right any more goes.

        Args:
            cleanup: Closed when the table is read no more.

        """
        with self._lock:
            table = self._tables.get(dataset)
            if table and not table.fits(layout, columns):
                self._forget(dataset)
                table = None
            if table:
                table.users += 1
                table.used_at = time.monotonic()
                cleanup.callback(self._leave, table)
        self._drop_idle()
        return table

    def _spent_on(self, dataset: str, parts: Iterable[Part]) -> float:
        with self._lock:
            spent = self._spent.get(dataset, {})
            return sum(spent.get(_key(part), 0.0) for part in parts)

    def _pay(self, dataset: str, parts: Sequence[Part], most: float, begun: float) -> None:
        """Note what a query that has ended has taken, or what taking its parts would, if less."""
        seconds = min(time.monotonic() - begun, most) / max(1, sum(part.rows for part in parts))
        with self._lock:
            spent = self._spent.setdefault(dataset, {})
            if len(spent) > ACCOUNTS_AT_MOST:
                spent.clear()
            for part in parts:
                spent[_key(part)] = spent.get(_key(part), 0.0) + seconds * part.rows

    def _cost(self, parts: Sequence[Part], columns: Columns) -> float:
        """Return the seconds that taking parts into memory is expected to take."""
        values = sum(part.rows for part in parts) * len(columns)
        sent = sum(part.bytes for part in parts) / BYTES_A_SECOND if self._far else 0.0
        return values * VALUE_SECONDS + sent + len(parts) * PART_SECONDS

    def _take(
        self,
        dataset: str,
        columns: Columns,
        parts: Sequence[Part],
        read: Read,
        late: Callable[[], bool],
    ) -> None:
        """Take parts into memory, in place of what is there of their dataset, if they find room."""
        if not self._taking.acquire(blocking=False):
            return  # another query is at it
        try:
            with self._lock:
                self._spent.pop(dataset, None)
                self._forget(dataset)
                needed = round(self._swelling.get(dataset, 1.0) * sum(p.bytes for p in parts))
                has_room = self._make_room(needed)
            self._drop_idle()
            table = self._filled(columns, parts, read, late) if has_room else None
            if table:
                with self._lock:
                    table.made_at = time.monotonic_ns()
                    self._tables[dataset] = table
        finally:
            self._taking.release()

    def _make_room(self, needed: int) -> bool:
        """Give up what was not used for longest, where there is room then."""
        busy = sum(table.bytes for table in [*self._tables.values(), *self._left] if table.users)
        if busy + needed > self._bytes_at_most:
            return False
        idle = (name for name, table in self._tables.items() if not table.users)
        for name in sorted(idle, key=lambda name: self._tables[name].used_at):
            if self._bytes() + needed <= self._bytes_at_most:
                break
            self._forget(name)
        return True

    def _bytes(self) -> int:
        return sum(table.bytes for table in [*self._tables.values(), *self._left])

    def _filled(
        self, columns: Columns, parts: Sequence[Part], read: Read, late: Callable[[], bool]
    ) -> _Table | None:
        """Make a table of parts; None if it is too large, time is over, or an object is damaged."""
        table = _Table(f"{PRIVATE}cache_{next(_NUMBERS)}", columns)
        session, done = self._open(), False
        try:
            done = self._fill(session, table, parts, read, late)
        except Exception as error:
            # The query reads the objects now, and says what is wrong with them.
            if failure(error) is None and not isinstance(error, IsothermError):
                raise
        finally:
            session.close()
            if not done:
                self._drop(table.catalog)
            taken = sum(part.bytes for part in parts if _key(part) in table.numbers)
            if taken:
                self._swelling[parts[0].dataset] = table.bytes / taken
        return table if done else None

    def _fill(
        self,
        session: DuckDBSession,
        table: _Table,
        parts: Sequence[Part],
        read: Read,
        late: Callable[[], bool],
    ) -> bool:
        """Fill a table, and say whether all parts have found room and time in it."""
        before = _held(session)
        session.execute(f"ATTACH ':memory:' AS {quote(table.catalog)} (COMPRESS)")
        defined = "".join(f", {quote(c.name)} {c.type}" for c in table.columns.values())
        session.execute(f"CREATE TABLE {table.name} ({table.number} INTEGER{defined})")
        numbers = itertools.count()
        for batch in _batches(parts):
            if late() or self._bytes() + table.bytes > self._bytes_at_most:
                return False
            numbered = dict(zip(map(_key, batch), numbers, strict=False))
            selects = (f"SELECT {numbered[_key(p)]}, * FROM ({read(session, [p])})" for p in batch)
            session.execute(f"INSERT INTO {table.name} {' UNION ALL '.join(selects)}")
            table.numbers |= numbered
            table.bytes = max(0, _held(session) - before)
        session.execute(f"CHECKPOINT {quote(table.catalog)}")
        table.bytes = max(0, _held(session) - before)
        return self._bytes() + table.bytes <= self._bytes_at_most

    def _forget(self, dataset: str) -> None:
        if table := self._tables.pop(dataset, None):
            self._left.append(table)

    def _leave(self, table: _Table) -> None:
        with self._lock:
            table.users -= 1
        self._drop_idle()

    def _drop_idle(self) -> None:
        """Give the memory back of what nobody reads, or ever will."""
        with self._lock:
            idle = [table for table in self._left if not table.users]
            self._left = [table for table in self._left if table.users]
        for table in idle:
            self._drop(table.catalog)


def _held(session: DuckDBSession) -> int:
    """Return the bytes of all tables that are in the engine's memory."""
    return int(session.execute(TABLE_BYTES)[0][0])


def _key(part: Part) -> _Key:
    return part.id, part.sha256


def _missing(table: _Table | None, parts: Sequence[Part]) -> list[Part]:
    return [part for part in parts if table is None or _key(part) not in table.numbers]


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
