"""Cold rows that queries read again and again, kept in memory as tables of the engine.

An object never changes, so what was read of it once is true for as long as the dataset has it. It
is taken into memory whole once the queries that read it have taken as long as that will take: all
of them together never take more than twice as long as without, and one query alone takes nothing.
The tables are compressed, and bounded in size. One goes as soon as an object of it has left its
dataset, so that nobody's rows stay there who was forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial

from ..engine.duckdb import DuckDBSession
from ..engine.failures import Failure, failure
from ..engine.threads import INTERVAL, ended
from ..model.part import Part
from ..warehouse.attached import AttachedTransaction
from .cached import Key, Read, Table, fill, key_of
from .cold import Columns
from .layout import Layout

VALUE_SECONDS = 60e-9
"""What taking one value takes: it is decompressed, and compressed otherwise (measured, TPC-DS)."""
PART_SECONDS = 0.005
"""What taking a part takes besides."""
BYTES_A_SECOND = 50_000_000
"""What comes from a store that is not this machine's, at least."""
TABLES_AT_MOST = 8
"""Of a dataset: what is taken after that is taken with all that is there, as one."""
ACCOUNTS_AT_MOST = 100_000
"""So many parts of a dataset are known to have been read; then they are counted anew."""


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
        self._tables: list[Table] = []
        self._retired: list[Table] = []
        self._round = 0
        self._spent: dict[str, dict[Key, float]] = {}
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
        dataset, queries = parts[0].dataset, list[str]()
        missing: Sequence[Part] = parts
        tables = self._entered(dataset, layout, columns, parts, cleanup)
        for table in tables:
            if table.made_at < tx.begun_at:  # of one that is newer it may see a part
                found = [part for part in missing if key_of(part) in table.numbers]
                missing = [part for part in missing if key_of(part) not in table.numbers]
                queries += [table.rows(found)] if found else []
        if missing:
            queries.append(read(tx.session, missing))
            begun = time.monotonic()
            if self._taking.acquire(blocking=False):  # where another query is at it, it does it
                try:
                    missing = self._take_paid(layout, columns, missing, read, late)
                finally:
                    self._taking.release()
            cleanup.callback(self._pay, columns, missing, begun)
        return queries

    def clear(self) -> None:
        """Keep nothing of what was kept so far; what is being read goes when it is left."""
        with self._lock:
            self._round += 1
            self._too_large.clear()
        self._retire(lambda _: True)

    def tidy(self, parts_of: Callable[[str], Iterable[Part]]) -> None:
        """Give up the tables of which an object has left its dataset.

        Args:
            parts_of: Returns the parts that a dataset has now.

        """
        with self._lock:
            self._round += 1  # what is being taken now may have left as well
            names = {table.dataset for table in self._tables}
        there = {name: frozenset(map(key_of, parts_of(name))) for name in names}
        self._retire(lambda t: t.dataset in there and not t.numbers.keys() <= there[t.dataset])

    def _entered(
        self,
        dataset: str,
        layout: Layout,
        columns: Columns,
        parts: Sequence[Part],
        cleanup: ExitStack,
    ) -> list[Table]:
        """Return the tables that have some of the parts; what is not right any more goes.

        Args:
            cleanup: Closed when they are read no more.

        """
        self._retire(lambda table: table.dataset == dataset and not table.fits(layout, columns))
        keys = frozenset(map(key_of, parts))
        with self._lock:
            tables = [
                table
                for table in self._tables
                if table.dataset == dataset and not keys.isdisjoint(table.numbers)
            ]
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
        late: Callable[[], bool],
    ) -> Sequence[Part]:
        """Take parts into memory if that is paid for; return those that are to be paid for."""
        dataset = parts[0].dataset
        with self._lock:
            spent = self._spent.get(dataset, {})
            there = [table for table in self._tables if table.dataset == dataset]
            kept = {key for table in there for key in table.numbers}
            new = [part for part in parts if key_of(part) not in kept]
            paid = sum(spent.get(key_of(part), 0.0) for part in new)
        every = new
        if len(there) < TABLES_AT_MOST:
            there = []
        else:
            cold = (part for found in layout.cold.values() for part in found)
            every = [*(part for part in cold if key_of(part) in kept), *new]
        if not new or paid < self._cost(every, columns):
            return new
        self._take(columns, every, read, late, there)
        return ()

    def _pay(self, columns: Columns, parts: Sequence[Part], begun: float) -> None:
        """Note what a query that has ended has taken, or what taking its parts would, if less."""
        if not parts:
            return
        seconds = min(time.monotonic() - begun, self._cost(parts, columns))
        rows = max(1, sum(part.rows for part in parts))
        with self._lock:
            spent = self._spent.setdefault(parts[0].dataset, {})
            if len(spent) > ACCOUNTS_AT_MOST:
                spent.clear()
            for part in parts:
                spent[key_of(part)] = spent.get(key_of(part), 0.0) + seconds * part.rows / rows

    def _cost(self, parts: Sequence[Part], columns: Columns) -> float:
        """Return the seconds that taking parts into memory is expected to take."""
        values = sum(part.rows for part in parts) * len(columns)
        sent = sum(part.bytes for part in parts) / BYTES_A_SECOND if self._far else 0.0
        return values * VALUE_SECONDS + sent + len(parts) * PART_SECONDS

    def _take(
        self,
        columns: Columns,
        parts: Sequence[Part],
        read: Read,
        late: Callable[[], bool],
        instead_of: Collection[Table],
    ) -> None:
        """Take parts into memory, if there is room."""
        dataset, size = parts[0].dataset, sum(part.bytes for part in parts)
        with self._lock:
            self._spent.pop(dataset, None)
            has_room = size < self._too_large.get(dataset, size + 1) and self._make_room(size)
            round_ = self._round
        if not has_room:
            return
        table = Table(dataset, columns)
        complete = False
        try:
            complete = self._filled(table, parts, read, late)
            with self._lock:
                complete = complete and self._round == round_
                if complete:
                    table.made_at = time.monotonic_ns()
                    self._tables.append(table)
        finally:
            if not complete:
                self._drop(table.catalog)
        self._retire(lambda other: complete and other in instead_of)

    def _make_room(self, size: int) -> bool:
        """Give up what was not used for longest, if there is room for so many bytes then."""
        with self._lock:
            room = self._bytes_at_most - size
            room -= sum(t.bytes for t in [*self._tables, *self._retired] if t.users)
            if room < 0:
                return False
            going = []
            for table in sorted(self._tables, key=lambda table: -table.used_at):
                room -= 0 if table.users else table.bytes
                if room < 0 and not table.users:
                    going.append(table)
        self._retire(lambda table: table in going)
        return True

    def _has_room(self, dataset: str, parts: Sequence[Part], size: int) -> bool:
        """Say whether a table of some parts may take so many bytes."""
        if size > self._bytes_at_most:
            self._too_large[dataset] = sum(part.bytes for part in parts)
        return self._make_room(size)

    def _filled(
        self, table: Table, parts: Sequence[Part], read: Read, late: Callable[[], bool]
    ) -> bool:
        """Fill a table in a thread of its own, and say whether all parts are in it.

        A signal is answered here meanwhile, and the time looked at: the engine is told to stop.
        """
        session, stop = self._open(), threading.Event()
        pool = ThreadPoolExecutor(1)
        filling: Future[bool] = pool.submit(
            fill, table, session, parts, read, partial(self._has_room, table.dataset, parts), stop
        )
        try:
            while not filling.done():
                if late():
                    stop.set()
                    session.interrupt()
                wait([filling], INTERVAL)
            return filling.result()
        except Exception as error:
            # The query reads the objects itself, and says what is wrong with them.
            if failure(error) is Failure.FATAL:
                raise
            return False
        finally:
            stop.set()
            ended([filling], [session])
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
        for table in idle:
            self._drop(table.catalog)

    def _release(self, table: Table) -> None:
        with self._lock:
            table.users -= 1
        self._retire(lambda _: False)
