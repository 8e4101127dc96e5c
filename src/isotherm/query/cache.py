"""Cold rows that queries read again and again, kept in memory as tables of the engine.

An object never changes, so what was read of it once is true for as long as the dataset has it. It
is taken into memory whole once the queries that read it have taken as long as that will take: all
together they take about twice as long as without at most, and one query alone takes nothing. The
tables are compressed, and bounded in size. When an object of one has left its dataset, it goes at
the end of the apply that did it, or with the next query of the dataset: nobody's rows stay there
who was forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field

from ..engine.failures import Failure, failure
from ..engine.session import DuckDBSession
from ..engine.threads import INTERVAL, ended
from ..model.part import Part
from ..warehouse.attached import AttachedTransaction
from .cached import Key, Read, Table, fill, held, key_of
from .cold import Columns
from .layout import Layout

VALUE_SECONDS = 60e-9
"""What taking one value takes: decompressed, and compressed in another way (measured, TPC-DS)."""
PART_SECONDS = 0.005
"""What taking a part takes besides."""
BYTES_A_SECOND = 50_000_000
"""What comes from a store that is not this machine's, at least."""
TABLES_AT_MOST = 8
"""Of a dataset: what is taken after that is taken with all that is there, as one."""
WHOLE_AT_MOST = 20_000
"""So many parts of payments are remembered before these are divided among them."""
PARTS_AT_MOST = 10_000
"""A query of more reads objects: going through them would take longer than it saves."""


@dataclass
class _Account:
    """What queries of a dataset have spent on parts that are not in memory.

    Attributes:
        total: Seconds, on whatever parts.
        undivided: How many parts the payments are for.
        payments: What was not divided among its parts yet: these, and the seconds for each row.
        seconds: Of each part.

    """

    total: float = 0.0
    undivided: int = 0
    payments: list[tuple[Sequence[Part], float]] = field(default_factory=list)
    seconds: dict[Key, float] = field(default_factory=dict)

    def pay(self, parts: Sequence[Part], seconds: float) -> None:
        """Note what a query has spent."""
        self.total += seconds
        self.payments.append((parts, seconds / max(1, sum(part.rows for part in parts))))
        self.undivided += len(parts)
        if self.undivided > WHOLE_AT_MOST:
            self._divide()

    def spent_on(self, parts: Iterable[Part]) -> float:
        """Return the seconds that were spent on some parts."""
        self._divide()
        return sum(self.seconds.get(key_of(part), 0.0) for part in parts)

    def _divide(self) -> None:
        for parts, seconds in self.payments:
            for part in parts:
                key = key_of(part)
                self.seconds[key] = self.seconds.get(key, 0.0) + seconds * part.rows
        self.payments.clear()
        self.undivided = 0


class Cache:
    """Keeps cold rows in memory. Several threads may use it at once."""

    def __init__(
        self,
        bytes_at_most: int,
        open_: Callable[[], DuckDBSession],
        drop: Callable[[str], object],
        *,
        far: bool,
        busy: Callable[[], bool],
    ) -> None:
        """Keep nothing yet.

        Args:
            bytes_at_most: Of memory; 0 keeps nothing ever.
            open_: Opens a session of the engine.
            drop: Gives up a catalog of the engine.
            far: Whether objects come from another machine.
            busy: Says whether the engine's memory is needed for something else now.

        """
        self._bytes_at_most = bytes_at_most
        self._open = open_
        self._drop = drop
        self._far = far
        self._busy = busy
        self._lock = threading.RLock()  # a result that nobody holds any more is closed anywhere
        self._taking = threading.Lock()
        self._tables: list[Table] = []
        self._retired: list[Table] = []
        self._emptied_at = 0
        self._dropped = 0
        self._accounts: dict[str, _Account] = {}
        self._too_large: dict[str, int] = {}

    @property
    def bytes(self) -> int:
        """What is kept takes of memory."""
        with self._lock:
            return sum(table.bytes for table in [*self._tables, *self._retired])

    def rows(
        self,
        layout: Layout,
        columns: Columns,
        parts: Sequence[Part],
        read: Read,
        cleanup: ExitStack,
        *,
        tx: AttachedTransaction,
        share: float,
        late: Callable[[], bool],
    ) -> list[str]:
        """Return queries that together have the rows of some parts, wherever these are.

        What is not right any more must be given up before (`check`). What is taken into memory now
        serves the next query.

        Args:
            layout: Of their dataset.
            columns: As the query sees them.
            cleanup: Closed when the query has ended.
            tx: The query's transaction.
            share: Of the time that the query takes, what is this dataset's.
            late: Says whether the query's time is over.

        """
        if not self._bytes_at_most or len(parts) > PARTS_AT_MOST:
            return [read(tx.session, parts)]
        dataset, queries = parts[0].dataset, list[str]()
        missing: Sequence[Part] = parts
        tables = self._entered(dataset, parts, cleanup)
        for table in tables:
            if table.made_at < tx.begun_at:  # of one that is newer it may see a part
                found = [part for part in missing if key_of(part) in table.numbers]
                missing = [part for part in missing if key_of(part) not in table.numbers]
                queries += [table.rows(found)] if found else []
        if missing:
            queries.append(read(tx.session, missing))
            begun, unpaid = time.monotonic(), missing
            # Where another query is taking, or moves need the memory, nothing is taken now.
            if not self._busy() and self._taking.acquire(blocking=False):
                try:
                    unpaid = self._take_paid(layout, columns, missing, read, tx.begun_at, late)
                finally:
                    self._taking.release()
            cleanup.callback(self._pay, columns, unpaid, begun, share)
        return queries

    def clear(self) -> None:
        """Keep nothing of what was kept so far; what is being read goes when it is left."""
        with self._lock:
            self._emptied_at = time.monotonic_ns()
            self._too_large.clear()
        self._retire(lambda _: True)

    def tidy(self, parts_of: Callable[[str], Iterable[Part]]) -> None:
        """Give up the tables of which an object has left its dataset.

        Args:
            parts_of: Returns the parts that a dataset has now.

        """
        with self._lock:
            self._emptied_at = time.monotonic_ns()
            names = {table.dataset for table in self._tables}
        now = {name: frozenset(map(key_of, parts_of(name))) for name in names}
        self._retire(lambda table: not table.numbers.keys() <= now.get(table.dataset, frozenset()))

    def check(self, dataset: str, layout: Layout, columns: Columns) -> None:
        """Give up what is not right any more of a dataset."""
        self._retire(
            lambda table: table.dataset == dataset and not table.still_fits(layout, columns)
        )

    def _entered(self, dataset: str, parts: Sequence[Part], cleanup: ExitStack) -> list[Table]:
        """Return the tables that have some of the parts.

        Args:
            cleanup: Closed when they are read no more.

        """
        with self._lock:
            tables = [table for table in self._tables if table.dataset == dataset]
            if tables:
                keys = frozenset(map(key_of, parts))
                tables = [table for table in tables if not keys.isdisjoint(table.numbers)]
            for table in tables:
                table.users += 1
                table.used_at = time.monotonic()
                cleanup.callback(self._release, table)
        return tables

    def _take_paid(
        self,
        layout: Layout,
        columns: Columns,
        parts: Sequence[Part],
        read: Read,
        begun_at: int,
        late: Callable[[], bool],
    ) -> Sequence[Part]:
        """Take parts into memory if that is paid for; return those that are to be paid for."""
        dataset = parts[0].dataset
        with self._lock:
            account = self._accounts.setdefault(dataset, _Account())
            tables = [table for table in self._tables if table.dataset == dataset]
            kept = {key for table in tables for key in table.numbers}
            new = [part for part in parts if key_of(part) not in kept] if kept else parts
        every, instead_of = new, list[Table]()
        if len(tables) >= TABLES_AT_MOST:
            cold = (part for found in layout.cold.values() for part in found)
            both = [*(part for part in cold if key_of(part) in kept), *new]
            if self._has_room(sum(part.bytes for part in both)):
                every, instead_of = both, tables
        cost = self._cost(every, columns)
        with self._lock:
            if not new or account.total < cost or account.spent_on(new) < cost:
                return new
            del self._accounts[dataset]
        table = Table(dataset, columns)
        if self._taken(table, every, read, begun_at, late):
            self._retire(lambda other: other in instead_of)
        return ()

    def _pay(self, columns: Columns, parts: Sequence[Part], begun: float, share: float) -> None:
        """Note what a query has taken, until its result was closed; at most what a take would."""
        if not parts:
            return
        seconds = min((time.monotonic() - begun) * share, self._cost(parts, columns))
        with self._lock:
            self._accounts.setdefault(parts[0].dataset, _Account()).pay(parts, seconds)

    def _cost(self, parts: Sequence[Part], columns: Columns) -> float:
        """Return the seconds that taking parts into memory is expected to take."""
        values = sum(part.rows for part in parts) * len(columns)
        sent = sum(part.bytes for part in parts) / BYTES_A_SECOND if self._far else 0.0
        return values * VALUE_SECONDS + sent + len(parts) * PART_SECONDS

    def _taken(
        self,
        table: Table,
        parts: Sequence[Part],
        read: Read,
        begun_at: int,
        late: Callable[[], bool],
    ) -> bool:
        """Take parts into memory, and say whether they have found room.

        Args:
            begun_at: When the query's transaction began; what it sees may have left by now.

        """
        size = sum(part.bytes for part in parts)
        if size >= self._too_large.get(table.dataset, size + 1) or not self._make_room(size):
            return False
        complete = False
        try:
            complete = self._filled(table, parts, read, late)
            with self._lock:
                complete = complete and self._emptied_at < begun_at
                if complete:
                    table.made_at = time.monotonic_ns()
                    self._tables.append(table)
        finally:
            if not complete:
                self._drop(table.catalog)
        return complete

    def _has_room(self, size: int) -> bool:
        """Say whether there is room for so many bytes beside what is being read."""
        with self._lock:
            in_use = (t.bytes for t in [*self._tables, *self._retired] if t.users)
            return sum(in_use) + size <= self._bytes_at_most

    def _make_room(self, size: int) -> bool:
        """Give up what was not used for longest, if there is room for so many bytes then."""
        with self._lock:
            if not self._has_room(size):
                return False
            left = self._bytes_at_most - size
            left -= sum(t.bytes for t in [*self._tables, *self._retired] if t.users)
            going = []
            for table in sorted(self._tables, key=lambda table: -table.used_at):
                left -= 0 if table.users else table.bytes
                if left < 0 and not table.users:
                    going.append(table)
        self._retire(lambda table: table in going)
        return True

    def _filled(
        self, table: Table, parts: Sequence[Part], read: Read, late: Callable[[], bool]
    ) -> bool:
        """Fill a table in a thread of its own, and say whether all parts are in it.

        A signal is answered here meanwhile, and the time looked at: the engine is told to stop.
        """
        session, stop, pool = self._open(), threading.Event(), ThreadPoolExecutor(1)
        filling: list[Future[bool]] = []
        before = held(session) + self._dropped

        def has_room() -> bool:
            table.bytes = max(table.bytes, held(session) + self._dropped - before)
            if table.bytes > self._bytes_at_most:
                self._too_large[table.dataset] = sum(part.bytes for part in parts)
            return self._make_room(table.bytes)

        try:
            filling.append(pool.submit(fill, table, session, parts, read, has_room, stop))
            while not filling[0].done():
                if late():
                    stop.set()
                    session.interrupt()
                wait(filling, INTERVAL)
            return filling[0].result()
        except Exception as error:
            # The query reads the objects itself, and says what is wrong with them.
            if failure(error) is Failure.FATAL:
                raise
            return False
        finally:
            stop.set()
            ended(filling, [session])
            pool.shutdown()
            session.close()

    def _retire(self, is_over: Callable[[Table], bool]) -> None:
        """Keep some tables no longer, and give the memory back of what nobody reads."""
        with self._lock:
            over = [table for table in self._tables if is_over(table)]
            self._tables = [table for table in self._tables if table not in over]
            self._retired += over
            idle = [table for table in self._retired if not table.users]
            self._retired = [table for table in self._retired if table.users]
        try:
            while idle:
                self._drop(idle[-1].catalog)
                self._dropped += idle.pop().bytes
        finally:  # what could not be dropped is, another time
            with self._lock:
                self._retired += idle

    def _release(self, table: Table) -> None:
        with self._lock:
            table.users -= 1
        self._retire(lambda _: False)
