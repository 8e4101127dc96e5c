"""Run one query over whole datasets, in one read-only transaction: names, guard, answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from functools import cached_property, partial
from typing import Any, TypeVar

from ..control import parts as control_parts
from ..cost.prices import PriceBook
from ..engine.failures import Failure, failure
from ..engine.session import DuckDBSession
from ..model.dataset import Dataset
from ..model.part import Part
from ..model.period import span
from ..model.schema import Column
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction, AttachedWarehouse
from . import guard, whole
from .cache import Cache
from .cached import Read
from .cold import Columns, cold_rows, together
from .estimate import Estimate, Reads, columns_used, estimate, share_of
from .failing import Context
from .guard import Needed
from .kept import Kept, Understood
from .layout import Layout, Memory
from .names import Named, Rules, resolve
from .owned import Owned, engine_functions, fleeting_words
from .parse import Statement, one_query
from .place import Places
from .refusal import refusal
from .result import Result
from .whole import Whole

OPENED = 256
"""So many files of a dataset are opened rather than asked about; not those that are far away."""

Found = TypeVar("Found")


class Archived(StrEnum):
    """What happens to a query that may need archived partitions."""

    REFUSE = "refuse"
    SKIP = "skip"


class Way(Enum):
    """How the guard is asked what a query may need."""

    PROVABLE = auto()
    """In a spelling of which more can be proved."""
    WRITTEN = auto()
    BLIND = auto()
    """Not at all: everything may be needed."""


@dataclass(frozen=True)
class Options:
    """How a query is run.

    Attributes:
        readable_at: Restored copies must be readable at this time, UTC.
        timeout: Seconds that the query may take, its reading included.

    """

    readable_at: datetime
    archived: Archived = Archived.REFUSE
    allow_files: bool = False
    timeout: float = 1_800.0


@dataclass(frozen=True)
class Planned:
    """A query that is known to be one, with what it may need."""

    tx: AttachedTransaction
    named: Named
    wholes: tuple[Whole, ...]
    places: Places
    needed: Mapping[str, Needed]


class Reader:
    """Reads whole datasets. Several threads may use it at once.

    Another engine may run what was planned here: it has `check`, `asked` and `answer` of its own.
    """

    def __init__(
        self,
        warehouse: AttachedWarehouse,
        storage: Storage,
        datasets: Mapping[str, Dataset],
        book: PriceBook,
        cache_bytes: int = 0,
    ) -> None:
        """Read nothing yet.

        Args:
            cache_bytes: So much of cold rows at most is kept in memory.

        """
        self.warehouse = warehouse
        self.storage = storage
        self.datasets = datasets
        self._book = book
        self.memory = Memory()
        self.kept = Kept(warehouse.engine.detach, lambda: self._fleeting)
        engine = warehouse.engine
        self.cache = Cache(
            cache_bytes,
            engine.session,
            engine.detach,
            far=storage.access() is not None,
            busy=lambda: engine.is_bounded,
        )

    def run(self, sql: str, options: Options) -> Result:
        """Plan and run a query; the result holds the transaction until it is read.

        Raises:
            QueryError: it is not one query, it writes, or it fails.
            ArchivedError: it may need archived partitions; they are named.
            SchemaError: a table no longer fits its cold rows.
            StorageError: an object is missing or damaged.

        """
        return _asking(partial(self._run, sql, options))

    def _run(self, sql: str, options: Options, *, way: Way) -> Result:
        with self._opened(options) as (tx, context, cleanup):
            plan = self._plan(tx, cleanup, sql, options, way)
            archived = {name: n.archived for name, n in plan.needed.items() if n.archived}
            if archived and options.archived is Archived.REFUSE:
                raise refusal(self._book, plan.named.nodes, plan.wholes, plan.needed)
            context.parts = [part for n in plan.needed.values() for part in n.cold]
            notes = [note for data in plan.wholes for note in whole.notes(data, sql)]
            notes += [
                f"left out, archived: {name} {span({part.period for part in parts})}"
                for name, parts in archived.items()
            ]
            session = self.answer(plan, context, cleanup)
            return Result(session, tuple(notes), context, cleanup.pop_all())

    def answer(self, plan: Planned, context: Context, cleanup: ExitStack) -> DuckDBSession:
        """Run a query, and return the session whose cursor has its rows.

        Args:
            cleanup: Closed once they are read.

        """
        if plan.named.sees_catalogue:  # it is to see none of ours that nobody reads
            self.cache.clear()
            self._furnish(plan)
        else:
            rows = partial(self.cache.rows, cleanup=cleanup, tx=plan.tx, late=lambda: context.late)
            self._furnish(plan, partial(rows, share=1 / max(1, len(plan.wholes))))
        if context.late:
            raise context.too_long()
        plan.tx.session.cursor.execute(plan.named.text)
        return plan.tx.session

    def explain(self, sql: str, options: Options) -> Estimate:
        """Say what a query would read, and what that costs; nothing is run.

        Raises:
            QueryError: it is not one query, or it writes.
            SchemaError: a table no longer fits its cold rows.

        """
        return _asking(partial(self._explain, sql, options))

    def _explain(self, sql: str, options: Options, *, way: Way) -> Estimate:
        with self._opened(options) as (tx, context, cleanup):
            plan = self._plan(tx, cleanup, sql, options, way)
            context.parts = [part for n in plan.needed.values() for part in n.cold]
            self._furnish(plan)
            operators = guard.plan_of(tx.session, plan.named.text)
            return estimate(
                self._book,
                {data.dataset.name: self._reads(plan, data, operators) for data in plan.wholes},
                [note for data in plan.wholes for note in whole.notes(data, sql)],
            )

    def _reads(self, plan: Planned, data: Whole, operators: Sequence[Mapping[str, Any]]) -> Reads:
        name = plan.tx.scanned(data.dataset.table)
        hot = [int(i["Estimated Cardinality"]) for i in operators if i.get("Table") == name]
        found = plan.needed[data.dataset.name]
        used = columns_used(operators, (field.name for field in data.fields))
        share = share_of(
            plan.tx.session,
            [self.storage.url(part.readable_location) for part in found.cold],
            (field.id for field in data.fields if field.name in used),
        )
        return Reads(sum(hot) if hot else None, found.cold, found.archived, share)

    def tidy(self) -> None:
        """Give up what is in memory of objects that no dataset has any more."""
        try:
            self.cache.tidy(self._parts_of)
        except Exception:  # who knows what is there
            self.cache.clear()

    def _parts_of(self, dataset: str) -> tuple[Part, ...]:
        with self.warehouse.snapshot(control_only=True) as tx:
            return control_parts.of_dataset(tx, dataset)

    @contextmanager
    def _opened(self, options: Options) -> Iterator[tuple[AttachedTransaction, Context, ExitStack]]:
        """Open the transaction; what the engine complains of is said in Isotherm's words."""
        context = Context(
            self.storage, list(self.datasets), self.warehouse.looking, options.timeout
        )
        with ExitStack() as cleanup:
            try:
                tx = cleanup.enter_context(self.warehouse.snapshot())
                cleanup.callback(_timer(tx.session, context).cancel)
                yield tx, context, cleanup
            except Exception as error:
                raise context.translated(error) from error

    def _plan(
        self,
        tx: AttachedTransaction,
        cleanup: ExitStack,
        sql: str,
        options: Options,
        way: Way,
    ) -> Planned:
        self.warehouse.prepare(sql)
        # A file may be another one each time.
        known = None if options.allow_files else self.kept.query(tx.state, sql)
        if known and all(self._is_still(data, tx, options) for data in known.wholes):
            places = Places(tx, self.warehouse.engine.session, known.named, cleanup)
            self.check(tx, known.named)
            return Planned(tx, known.named, known.wholes, places, known.needed)
        statement = one_query(tx.session, sql)
        named = self.named(tx, statement, allow_files=options.allow_files)
        wholes = tuple(
            whole.read(tx, dataset, options.readable_at, self.memory) for dataset in named.datasets
        )
        places = Places(tx, self.warehouse.engine.session, named, cleanup)
        self.check(tx, named)
        asked = None if way is Way.BLIND else self.asked(tx, named)
        if asked is None:
            return Planned(tx, named, wholes, places, {d.dataset.name: _all(d) for d in wholes})
        opened = OPENED if self.storage.access() is None else 0
        provable = way is Way.PROVABLE
        try:
            needed = guard.needed(
                tx.session, places, asked, wholes, provable=provable, opened=opened
            )
        except Exception as error:
            if provable or asked is named or failure(error) is Failure.STOPPED:
                raise
            raise _BlindError from error
        if not options.allow_files:
            self.kept.keep_query(tx.state, sql, Understood(named, wholes, needed))
        return Planned(tx, named, wholes, places, needed)

    def check(self, tx: AttachedTransaction, named: Named) -> None:
        """Check that the engine can read a query; DuckDB can read what it has parsed.

        Raises:
            QueryError: it cannot.

        """

    def asked(self, tx: AttachedTransaction, named: Named) -> Named | None:
        """Return the query that the guard is asked about; None where it is no judge of it."""
        return named

    def named(self, tx: AttachedTransaction, statement: Statement, *, allow_files: bool) -> Named:
        """Look into a query and everything that it names; see `names.resolve`."""
        owned = Owned(tx, self.warehouse.name, self.warehouse.default_schema)
        loaded = self.warehouse.engine.loaded
        rules = Rules(self.datasets, lambda: engine_functions(tx, loaded), allow_files)
        return resolve(tx.session, statement, owned, rules)

    def _furnish(
        self,
        plan: Planned,
        rows_of: Callable[[Layout, Columns, Sequence[Part], Read], list[str]] | None = None,
    ) -> None:
        """Give the datasets' names the rows that the query may need.

        Args:
            rows_of: Looks for cold rows in memory first; see `Cache.rows`.

        """
        rows = {}
        for data in plan.wholes:
            parts = plan.needed[data.dataset.name].cold
            hot = rows[data.dataset.name] = whole.hot_rows(data, data.columns)
            columns = {field.id: Column(field.name, field.type) for field in data.fields}
            self.cache.check(data.dataset.name, data.layout, columns)
            if parts:
                data.check_lost()
                read = partial(cold_rows, columns, self.storage.url, self.memory)
                if rows_of:
                    cold = rows_of(data.layout, columns, parts, read)
                else:
                    cold = [read(plan.tx.session, parts)]
                rows[data.dataset.name] = together(data.columns, hot, *cold)
        plan.places.share(self.kept, rows, plan.wholes)

    def _is_still(self, data: Whole, tx: AttachedTransaction, options: Options) -> bool:
        """Say whether the same parts of a dataset are readable, in the same state."""
        layout, _ = self.memory.read(tx, data.dataset.name, options.readable_at)
        return layout is data.layout

    @cached_property
    def _fleeting(self) -> frozenset[str]:
        with self.warehouse.snapshot() as tx:
            return fleeting_words(tx, self.warehouse.engine.loaded)


class _BlindError(Exception):
    """What the guard was asked about cannot be planned; the transaction is of no more use."""


def _asking(act: Callable[..., Found]) -> Found:
    """Ask about the provable spelling of a query; as it is written, where that has no meaning.

    So what is wrong with it is said of the query as it was written. Where it is the guard's own
    spelling that has none, nothing is asked.
    """
    try:
        return act(way=Way.PROVABLE)
    except guard.UnprovableError:
        pass
    try:
        return act(way=Way.WRITTEN)
    except _BlindError:
        return act(way=Way.BLIND)


def _all(data: Whole) -> Needed:
    """Return all there is of a dataset."""
    cold, archived = (
        tuple(part for found in parts.values() for part in found)
        for parts in (data.layout.cold, data.layout.archived)
    )
    return Needed(cold, archived)


def _timer(session: DuckDBSession, context: Context) -> threading.Timer:
    """Start what stops the query when its time is over."""

    def stop() -> None:
        context.late = True
        session.interrupt()

    timer = threading.Timer(context.timeout, stop)
    timer.daemon = True
    timer.start()
    return timer
