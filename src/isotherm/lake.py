"""The lake: the one object that the command line, Python users and servers hold."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from . import config as configuration
from .config import Config
from .control import inventory, migrations, requests
from .cost.prices import PriceBook
from .engine.duckdb import DuckDBEngine
from .model.dataset import Dataset
from .model.errors import (
    BusyError,
    ConfigError,
    IsothermError,
    MovesFailed,
    RequestError,
    StalePlanError,
)
from .model.part import Inventory
from .model.period import Duration, Period
from .model.request import RequestKind
from .plan.plan import Kind, Move, Plan, state_of
from .plan.planner import Subject, make_plan
from .plan.restoring import make_restore_plan
from .plan.steps import Step
from .query.query import Archived, Options, Query
from .query.result import Result
from .storage.base import Storage
from .storage.folder import FolderStorage
from .warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    from .catalog.iceberg import IcebergCatalog
    from .moves.base import Ports
    from .moves.runner import Outcome

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Applied:
    """What an apply did.

    Attributes:
        done: Every move that is finished.
        left: Moves of the plan that a limit kept from being made.

    """

    done: tuple[Outcome, ...] = ()
    left: tuple[Move, ...] = ()
    failures: dict[str, IsothermError] = field(default_factory=dict)


class Lake:
    """Datasets, and everything that can be done with them.

    Open one with `isotherm.open(path)`. It holds the warehouse until it is closed; use it as a
    context manager.
    """

    def __init__(
        self,
        config: Config,
        warehouse: DuckDBWarehouse,
        storage: Storage,
        catalog: Callable[[], IcebergCatalog],
        clock: Clock = utc_now,
    ) -> None:
        self.config = config
        self.warehouse = warehouse
        self.storage = storage
        self.clock = clock
        self._make_catalog = catalog
        self._holder = uuid.uuid4().hex
        self._moving = threading.Lock()

    @cached_property
    def catalog(self) -> IcebergCatalog:
        """The Iceberg tables; opened when they are first needed."""
        return self._make_catalog()

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
        now = self.clock()
        return make_plan(
            self._subjects(name),
            as_of=as_of or now,
            now=now,
            book=self.prices,
            even_if_uneconomic=even_if_uneconomic,
        )

    def sql(
        self, query: str, *, archived: str = Archived.REFUSE, allow_files: bool = False
    ) -> Result:
        """Run one query over whole datasets.

        Args:
            archived: `refuse` a query that may need archived partitions, or `skip` them.
            allow_files: Let the query read files that are no dataset.

        Raises:
            QueryError: it is not one query, it writes, or it fails.
            ArchivedError: it may need archived partitions; they are named.

        """
        settings = self.config.settings
        margin = settings.restore_margin.after(self.clock())
        options = Options(
            readable_at=margin,
            archived=Archived(archived),
            allow_files=allow_files,
            timeout=_seconds(settings.query_timeout),
        )
        return Query(self.warehouse, self.config.datasets, self.prices, options).run(query)

    # -- acting

    def apply(
        self,
        plan: Plan | None = None,
        *,
        name: str | None = None,
        as_of: datetime | None = None,
        expire: bool = False,
        exclusive: bool = False,
        max_moves: int | None = None,
        max_bytes: int | None = None,
        observe: Callable[[Move, Step], None] = lambda move, step: None,
        done: Callable[[Outcome], None] = lambda outcome: None,
    ) -> Applied:
        """Run a plan, one warehouse transaction a move.

        Args:
            plan: What to run; made now if it is not given.
            expire: Run moves that delete expired periods, too.
            exclusive: Nobody else writes: tables need no fence.
            max_moves: Stop after so many moves.
            max_bytes: Stop before a move that would take the bytes read beyond this.
            observe: Called before each step of each move.
            done: Called after each move.

        Raises:
            RequestError: the plan's as-of lies in the future.
            StalePlanError: the plan no longer fits what is there; nothing was done.
            MovesFailed: some moves failed; the others are done.

        """
        from .moves import recovery
        from .moves.runner import Runner

        with self._moving, self._memory():
            ports = self.ports(exclusive=exclusive)
            recovery.recover(ports)
            plan = plan or self.plan(name, as_of=as_of)
            self._check(plan)
            runner = Runner(ports, observe)
            finished: list[Outcome] = []
            failures: dict[str, IsothermError] = {}
            todo, left = _within(plan.moves, expire, max_moves, max_bytes)
            stuck: set[tuple[str, Period]] = set()
            for move in todo:
                places = {(move.dataset, period) for period in move.periods}
                if places & stuck:  # what it stands on has failed
                    left.append(move)
                    continue
                try:
                    finished.append(runner.run(self.config.dataset(move.dataset), move))
                    done(finished[-1])
                except IsothermError as error:
                    failures[move.id] = error
                    stuck |= places
            recovery.tidy(ports, sorted({move.dataset for move in plan.moves}))
            self.warehouse.compact()
        if failures:
            raise _failed(plan, finished, failures)
        return Applied(tuple(finished), tuple(left))

    def restore_plan(self, name: str, periods: Iterable[Period], time: Duration) -> Plan:
        """Plan the restore of archived partitions for a time; nothing is done.

        Raises:
            RequestError: a period has no archived part.

        """
        now = self.clock()
        subject = self._subjects(name)[0]
        return make_restore_plan(subject, tuple(periods), time.after(now), now, self.prices)

    def pause(self, name: str) -> None:
        """Make no moves of a dataset until it is resumed.

        Raises:
            RequestError: it is paused already.

        """
        self.config.dataset(name)
        with self.warehouse.transaction() as tx:
            if any(r.kind is RequestKind.PAUSE for r in requests.standing(tx, name)):
                raise RequestError(f"{name} is paused already")
            requests.ask(tx, RequestKind.PAUSE, name, self.clock())

    def resume(self, name: str) -> None:
        """Make moves of a dataset again.

        Raises:
            RequestError: it is not paused.

        """
        self.config.dataset(name)
        with self.warehouse.transaction() as tx:
            found = [r for r in requests.standing(tx, name) if r.kind is RequestKind.PAUSE]
            if not found:
                raise RequestError(f"{name} is not paused")
            for request in found:
                requests.end(tx, request.id, self.clock())

    # -- holding

    def ports(self, *, exclusive: bool = False) -> Ports:
        """Return what the moves act on."""
        from .moves.base import Ports

        with self.warehouse.snapshot() as tx:
            lake = migrations.lake_id(tx)
        return Ports(
            self.warehouse,
            self.storage,
            self.catalog,
            self.clock,
            timedelta(seconds=_seconds(self.config.settings.grace)),
            lake,
            self._holder,
            exclusive,
        )

    def close(self) -> None:
        """Give up the warehouse."""
        self.warehouse.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _subjects(self, name: str | None) -> list[Subject]:
        datasets: Sequence[Dataset] = (
            [self.config.dataset(name)] if name else list(self.config.datasets.values())
        )
        with self.warehouse.snapshot() as tx:
            return [
                Subject(dataset, inventory.take(tx, dataset), requests.standing(tx, dataset.name))
                for dataset in datasets
            ]

    def _check(self, plan: Plan) -> None:
        """Hold a plan against what is there now."""
        if plan.as_of > self.clock():
            raise RequestError(
                f"the plan is as of {plan.as_of:%Y-%m-%d}, which is in the future",
                hint="plan and status show what would be; apply acts on what is.",
            )
        changed = []
        for name, periods in plan.basis.items():
            there = self.inventory(name).partitions
            for period, before in periods.items():
                now = state_of(there.get(Period.parse(period)))
                if now != before:
                    changed.append(f"  {name} {period}: {before} when planned, {now} now")
        if changed:
            raise StalePlanError(
                "the plan no longer fits what is there:\n" + "\n".join(changed),
                hint="Make a new one: isotherm plan",
            )

    def _memory(self) -> _MemoryLimit:
        return _MemoryLimit(self.warehouse.engine, self.config.settings.memory)


class _MemoryLimit:
    """Bounds the engine's memory while moves run."""

    def __init__(self, engine: DuckDBEngine, limit: str) -> None:
        self.engine, self.limit = engine, limit

    def __enter__(self) -> None:
        self.engine.limit_memory(self.limit)

    def __exit__(self, *error: object) -> None:
        self.engine.limit_memory(None)


def open_lake(
    path: str | Path = configuration.DEFAULT_FILE,
    *,
    read_only: bool = False,
    wait: float = 0.0,
    clock: Clock = utc_now,
) -> Lake:
    """Open a lake by its config file.

    Args:
        read_only: Only look; other processes may look at the same time.
        wait: For how many seconds to wait for a warehouse that another process holds.
        clock: Returns the time, UTC without zone.

    Raises:
        ConfigError: the config is wrong, or `isotherm init` has not been run.
        BusyError: another process holds the warehouse.

    """
    config = configuration.read(path)
    file = _scheme(config, "warehouse", config.warehouse.url, "duckdb")
    objects = config.folder / _scheme(config, "storage", config.storage.url, "file")
    database = config.folder / _scheme(config, "catalog", config.catalog.url, "sqlite")
    tiers = {name: config.folder / place for name, place in config.storage.tiers.items()}
    warehouse = _attached(config, config.folder / file, read_only, wait)
    with warehouse.snapshot() as tx:
        made = migrations.is_made(tx)
    if not made:
        warehouse.close()
        raise ConfigError(f"{config.file}: this lake was not set up yet", hint="Run: isotherm init")

    def catalog() -> IcebergCatalog:
        from .catalog.iceberg import IcebergCatalog

        return IcebergCatalog(f"sqlite:///{database}", f"file://{objects}/iceberg")

    return Lake(config, warehouse, FolderStorage(objects, tiers), catalog, clock)


def init_lake(path: str | Path, template: str) -> tuple[Config, bool]:
    """Write a config where there is none, and make control, store and catalogue.

    Returns:
        The config, and whether it was written now.

    """
    file = Path(path).absolute()
    fresh = not file.exists()
    if fresh:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template, encoding="utf-8")
    config = configuration.read(file)
    warehouse = _attached(
        config,
        config.folder / _scheme(config, "warehouse", config.warehouse.url, "duckdb"),
        False,
        0.0,
    )
    try:
        with warehouse.transaction() as tx:
            migrations.migrate(tx)
    finally:
        warehouse.close()
    with open_lake(file) as lake:
        assert isinstance(lake.storage, FolderStorage)
        lake.storage.root.mkdir(parents=True, exist_ok=True)
        _ = lake.catalog
    return config, fresh


def _attached(config: Config, file: Path, read_only: bool, wait: float) -> DuckDBWarehouse:
    end = time.monotonic() + wait
    while True:
        engine = DuckDBEngine(temp=file.with_suffix(".tmp"), threads=config.settings.threads)
        try:
            return DuckDBWarehouse(file, engine, read_only=read_only)
        except BusyError:
            engine.close()
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)


def _scheme(config: Config, section: str, url: str, *known: str) -> str:
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in known or not rest:
        raise ConfigError(
            f"{config.file}: {section}.url: found {url!r}; it begins with "
            + " or ".join(f"{name}:" for name in known)
        )
    return rest.removeprefix("//") if scheme == "file" else rest


def _seconds(duration: Duration) -> float:
    return duration.in_months * 30.4375 * 86_400


def _within(
    moves: Sequence[Move], expire: bool, max_moves: int | None, max_bytes: int | None
) -> tuple[list[Move], list[Move]]:
    """Split moves into those that the limits allow, and the rest."""
    todo: list[Move] = []
    left: list[Move] = []
    total = 0
    for move in moves:
        total += move.bytes
        over = (max_moves is not None and len(todo) >= max_moves) or (
            max_bytes is not None and total > max_bytes
        )
        if over or (move.kind is Kind.EXPIRE and not expire):
            left.append(move)
        else:
            todo.append(move)
    return todo, left


def _failed(
    plan: Plan, finished: Sequence[Outcome], failures: dict[str, IsothermError]
) -> MovesFailed:
    names = {move.id: str(move) for move in plan.moves}
    lines = [f"  {names[id_]}: {error.message}" for id_, error in failures.items()]
    return MovesFailed(
        f"{len(failures)} of {len(plan.moves)} moves failed, {len(finished)} are done:\n"
        + "\n".join(lines),
        hint="What failed is as it was before. Mend it, then run apply again.",
        failures=failures,
    )
