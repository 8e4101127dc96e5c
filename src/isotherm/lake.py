"""The lake: the one object that the command line, Python users and servers hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from . import subjects
from .asking import Asking
from .backup import copies
from .control import intents, inventory, journal, migrations
from .control.intents import Intent
from .control.journal import Entry, Head
from .cost.dollars import Quote
from .cost.prices import PriceBook
from .lifecycle.bucket import BucketRules, classes_of
from .model.dataset import Dataset
from .model.errors import IsothermError
from .model.part import Inventory, Location, Part
from .model.period import Duration, Period
from .model.tier import CLASSES
from .plan import stale
from .plan.explain import Explanation, explain
from .plan.plan import Plan
from .plan.planner import Subject, make_plan
from .plan.restoring import make_restore_plan, quote_of
from .plan.status import Status, make_status
from .query.estimate import Estimate
from .query.reader import Archived, Options, Reader
from .query.result import Result

if TYPE_CHECKING:
    from .check.audit import Audited
    from .erasing import Erasing
    from .load.loader import Loaded, Progress
    from .load.options import ReadOptions
    from .moves.applying import Applied, Limits, Watch


class Lake(Asking):
    """Datasets, and everything that can be done with them.

    Open one with `isotherm.open(path)`. It holds the warehouse until it is closed; use it as a
    context manager.
    """

    @cached_property
    def prices(self) -> PriceBook:
        """The prices that plans and reports are made with."""
        return PriceBook(hot=self.config.prices.hot)

    # -- looking

    def inventory(self, name: str) -> Inventory:
        """Return what is where of a dataset."""
        with self.warehouse.snapshot() as tx:
            return inventory.take(tx, self.config.dataset(name))

    def plan(
        self,
        name: str | None = None,
        *,
        as_of: datetime | None = None,
        even_if_uneconomic: bool = False,
    ) -> Plan:
        """Plan what brings a dataset, or all of them, where the policy wants it.

        Args:
            as_of: The instant that ages are taken at, UTC; now by default.

        """
        from .moves.obstacles import obstacles

        now = self.clock()
        with self.warehouse.snapshot() as tx:
            looked_at = subjects.due(tx, self._datasets(name), as_of or now)
            plan = make_plan(
                looked_at,
                as_of=as_of or now,
                now=now,
                book=self.prices,
                even_if_uneconomic=even_if_uneconomic,
            )
            found = (*obstacles(tx, self.config.datasets, plan), *self.lifecycle.warnings())
        return replace(plan, warnings=found)

    @cached_property
    def lifecycle(self) -> BucketRules:
        """The lifecycle rules of the store's bucket."""
        with self.warehouse.snapshot() as tx:
            return BucketRules(self.storage, self.config.datasets, migrations.lake_id(tx))

    def status(self, name: str | None = None, *, as_of: datetime | None = None) -> Status:
        """Say where every partition of a dataset, or of all, stands, and what it costs.

        Args:
            as_of: The instant that ages are taken at, UTC; now by default.

        """
        found, plan = self._planned(name, as_of)
        every = (part for subject in found for part in subject.inventory.parts)
        return make_status(found, plan, self.prices, self.classes_of(every))

    def explain(
        self, name: str, period: Period, *, as_of: datetime | None = None
    ) -> tuple[Explanation, Intent | None]:
        """Explain one partition, and return its last move with it.

        Raises:
            RequestError: the dataset has nothing in that period.

        """
        found, plan = self._planned(name, as_of)
        explanation = explain(found[0], plan, period, self.prices)
        with self.warehouse.snapshot() as tx:
            return explanation, intents.last_done(tx, name, str(period))

    def classes_of(self, parts: Iterable[Part]) -> dict[Location, str]:
        """Ask S3 in which class it has the objects that its rules move: see `lifecycle.bucket`."""
        return classes_of(self.storage, parts)

    def sql(
        self,
        query: str,
        *,
        archived: str = Archived.REFUSE,
        allow_files: bool = False,
        here: bool = False,
    ) -> Result:
        """Run one query over whole datasets.

        Args:
            archived: `refuse` a query that may need archived partitions, or `skip` them.
            allow_files: Let the query read files that are no dataset.
            here: By DuckDB in this process, whatever `[engine]` says.

        Raises:
            QueryError: it is not one query, it writes, or it fails.
            ArchivedError: it may need archived partitions; they are named.

        """
        self._reach()
        reader = self._reader if here else self._engine
        return reader.run(query, self._options(Archived(archived), allow_files))

    def explain_sql(self, query: str, *, allow_files: bool = False) -> Estimate:
        """Say what a query would read, tier by tier, and what that costs; nothing is run.

        Raises:
            QueryError: it is not one query, or it writes.

        """
        self._reach()
        return self._engine.explain(query, self._options(Archived.REFUSE, allow_files))

    def confine(self) -> None:
        """Let no query reach files outside the store from now on, whatever it is made of.

        This lake can only look then. It is a second wall: queries are held against the first.
        """
        self._reach()  # nothing more can be loaded after it
        places = [self.storage.url(Location(name, "")) for name in CLASSES]
        self.warehouse.engine.confine([*places, self.storage.metadata_url("")])

    @cached_property
    def _reader(self) -> Reader:
        cache = self.config.settings.cache
        return Reader(self.warehouse, self.storage, self.config.datasets, self.prices, cache)

    @cached_property
    def _engine(self) -> Reader:
        if not self.config.engine.is_spark:
            return self._reader
        from .spark.reader import SparkReader

        return SparkReader(
            self.config.engine.url, self.warehouse, self.storage, self.config.datasets, self.prices
        )

    def _options(self, archived: Archived, allow_files: bool) -> Options:
        settings = self.config.settings
        return Options(
            readable_at=settings.restore_margin.after(self.clock()),
            archived=archived,
            allow_files=allow_files,
            timeout=settings.query_timeout.length.total_seconds(),
        )

    # -- acting

    def load(
        self,
        name: str,
        files: Iterable[str | Path],
        options: ReadOptions | None = None,
        *,
        observe: Callable[[Progress], None] = lambda _progress: None,
    ) -> tuple[Loaded, ...]:
        """Load files into a dataset's table: each whole or not at all, and once by its content.

        Args:
            options: How they are read; found out if not given.
            observe: Told how far each file is, from a thread of its own.

        Raises:
            LoadError: a file cannot be loaded, and nothing of it was; those before it are in.
            SchemaError: its types do not go with those of the table and its cold rows.

        """
        from .load.loader import load_file

        dataset = self.config.dataset(name)
        try:
            return tuple(
                load_file(self.warehouse, dataset, file, options, now=self.clock(), observe=observe)
                for file in files
            )
        finally:
            self._seal()

    def apply(
        self,
        plan: Plan | None = None,
        *,
        name: str | None = None,
        as_of: datetime | None = None,
        exclusive: bool = False,
        limits: Limits | None = None,
        watch: Watch | None = None,
    ) -> Applied:
        """Run a plan, one warehouse transaction a move.

        Args:
            plan: What to run; made now if it is not given.
            name: The dataset to plan for, where no plan is given.
            exclusive: Nobody else writes: tables need no fence.
            limits: How much it may touch; expired periods stay unless they say otherwise.
            watch: Who looks on.

        Raises:
            RequestError: the plan's as-of lies in the future.
            BusyError: another process is at work on this lake.
            StalePlanError: the plan no longer fits what is there; nothing was done.
            MovesFailed: some moves failed; the others are done.

        """
        from .moves import recovery
        from .moves.applying import Limits, Watch, apply_plan

        memory = self.warehouse.engine.bounded(self.config.settings.memory)
        with self._moving, self.warehouse.lease() as held, memory, ExitStack() as at_last:
            ports = self.ports(exclusive=exclusive, held=held)
            at_last.callback(self._reader.tidy)
            recovery.recover(ports)
            self._keep()
            if plan:
                self.check(plan)
            else:  # made here and now, it fits
                plan = self.plan(name, as_of=as_of)
                stale.check_as_of(plan, self.clock())
            try:
                return apply_plan(
                    ports, self.config.datasets, plan, limits or Limits(), watch or Watch()
                )
            finally:
                self._keep()
                self.warehouse.compact()

    def restore_plan(
        self, name: str, periods: Iterable[Period], time: Duration, speed: str = "Standard"
    ) -> Plan:
        """Plan the restore of archived partitions for a time; nothing is done.

        Args:
            speed: `Bulk`, `Standard` or `Expedited`, where the class has it.

        Raises:
            RequestError: a period has no archived part, or its class not that speed.

        """
        now = self.clock()
        subject = self._subjects(name)[0]
        return make_restore_plan(subject, tuple(periods), time.after(now), now, self.prices, speed)

    def restore_quote(self, plan: Plan) -> Quote:
        """Return what a restore plan costs in all, and how long it takes."""
        return quote_of(plan, self.prices)

    def journal(self, name: str | None = None, limit: int = 1_000) -> list[Entry]:
        """Return the newest rows of the journal, the oldest of them first."""
        if name:
            self.config.dataset(name)
        with self.warehouse.snapshot() as tx:
            return journal.entries(tx, name, limit)

    def audit(
        self,
        name: str | None = None,
        *,
        share: float = 0.1,
        rate: float | None = None,
        watch: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Audited:
        """Look whether everything is there and unchanged, of one dataset or of all.

        Args:
            share: Which part of the objects is read whole, 0 to 1: those not read for longest.
            rate: Bytes a second at most that are read so; as fast as it goes if not given.
            watch: Told how many of how many objects are done.

        """
        from .check.audit import Auditor
        from .check.reading import Readings

        datasets = self.config.datasets
        chosen = [self.config.dataset(name)] if name else list(datasets.values())
        self._reach()
        before: list[copies.Copy] = []
        with suppress(IsothermError):  # said by the audit itself
            before = copies.every(self.storage)
        with self.warehouse.snapshot() as tx:
            now = self.clock()
            readings = Readings(tx.session, self.storage, now, rate)
            auditor = Auditor(tx, self.storage, self.catalog, readings, share, watch, now, before)
            return auditor.audit(chosen)

    def backup(self, file: str | Path) -> Path:
        """Write control and the config to one file, from which a lake can be rebuilt.

        It holds what control knows of people: who is held or to be erased, rows in quarantine. The
        key of certificates is not in it, nor is a single row of a dataset.

        Raises:
            RequestError: there is a file already.
            StorageError: it cannot be written.

        """
        config = self.config.file.read_text(encoding="utf-8")
        with self.warehouse.snapshot() as tx:
            copies.save(tx, Path(file), config=config)
        return Path(file)

    def verify_journal(self) -> tuple[Head, dict[str, str]]:
        """Follow the journal's chain, and look in it for the heads that Iceberg has noted.

        Returns:
            The chain's head, and the head noted in each dataset's pinned snapshot.

        Raises:
            JournalError: a row was changed or removed, or the tail was cut.

        """
        from .check.journal import verify

        with self.warehouse.snapshot() as tx:
            return verify(tx, self.catalog, self.config.datasets)

    @property
    def erasing(self) -> Erasing:
        """The right to be forgotten: requests, from the first search to the certificate."""
        from .erasing import Erasing

        return Erasing(self)

    # -- what several of them need

    def _planned(self, name: str | None, as_of: datetime | None) -> tuple[list[Subject], Plan]:
        """Return all that is there, and the plan of it."""
        now, every = self.clock(), self._subjects(name)
        return every, make_plan(every, as_of=as_of or now, now=now, book=self.prices)

    def _subjects(self, name: str | None) -> list[Subject]:
        with self.warehouse.snapshot() as tx:
            return subjects.whole(tx, self._datasets(name))

    def _datasets(self, name: str | None) -> list[Dataset]:
        return [self.config.dataset(each) for each in ([name] if name else self.config.datasets)]

    def check(self, plan: Plan) -> None:
        """Hold a plan against what is there now.

        Raises:
            RequestError: its as-of lies in the future.
            StalePlanError: something it speaks of has changed.

        """
        stale.check_as_of(plan, self.clock())
        stale.check(plan, [subject for name in plan.terms for subject in self._subjects(name)])
