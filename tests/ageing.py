"""Lakes whose clock the test sets, and what must hold of them whatever has happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from isotherm.control import intents, journal, parts, pins, removals
from isotherm.lake import Lake
from isotherm.model.tier import CLASSES
from isotherm.moves.applying import Applied, Limits
from isotherm.plan.plan import Plan
from isotherm.storage.base import Storage
from isotherm.storage.folder import MARK, FolderStorage

DATASET = """
[datasets.trips]
table = "trips"
clock = "pickup"
"""
NOW = datetime(2019, 7, 1)
SOME_MONTHS = (
    "(['2018-03-01', '2018-04-01', '2018-05-01', '2018-09-01', '2018-12-01', '2019-03-01', "
    "'2019-06-01'][i % 7 + 1])::TIMESTAMP + INTERVAL (i * 7 % 650) HOUR AS pickup"
)
"""The clock of the i-th row: few months of many ages, for each of them is moved by itself."""
GRACE = timedelta(hours=1)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, time: timedelta) -> None:
        self.now += time


def policy(**ages: str) -> str:
    """Return the config of a dataset with this policy; `policy()` keeps everything hot."""
    lines = "".join(f'{tier} = "{age}"\n' for tier, age in ages.items())
    return f"{DATASET}\n[datasets.trips.policy]\n{lines}"


def set_config(lake: Lake, config: str) -> None:
    """Let the next one who opens the lake find another config."""
    lake.config.file.write_text(config, encoding="utf-8")


def plan_of(lake: Lake, *periods: str) -> Plan:
    """Plan everything that is due, or what is due of some periods."""
    plan = lake.plan(even_if_uneconomic=True)
    if not periods:
        return plan
    chosen = [m for m in plan.moves if any(str(period) in periods for period in m.periods)]
    return replace(plan, moves=tuple(chosen))


def age(lake: Lake, *periods: str) -> Applied:
    """Make every move that is due, or those of some periods."""
    return lake.apply(plan_of(lake, *periods), limits=Limits(expire=True))


def ids(lake: Lake) -> list[int]:
    """Return the id of every row wherever it is, in order; of an archive its objects are read."""
    with lake.warehouse.snapshot() as tx:
        kept = parts.of_dataset(tx, "trips")
    closed = [part for part in kept if not part.readable_at(lake.clock() + timedelta(minutes=5))]
    found = [row[0] for row in lake.sql("select id from trips", archived="skip").fetchall()]
    session = lake.warehouse.session()
    for part in closed:
        lake.storage.restore(part.location)
        source = session.parquet([lake.storage.url(part.location)])
        found += [row[0] for row in session.execute(f"select id from {source}")]
    session.close()
    return sorted(found)


def untidy(lake: Lake) -> list[str]:
    """Return everything that should not be there, or not be so, once an apply is over."""
    found = []
    if isinstance(lake.storage, FolderStorage):
        found += [f"staged: {path}" for path in lake.storage.staged()]
    with lake.warehouse.snapshot() as tx:
        found += [f"open intent: {item}" for item in intents.in_state(tx, intents.OPEN)]
        found += [f"unsealed: {entry}" for entry in journal.entries(tx) if entry.seq is None]
        journal.verify(tx)
        pin = pins.latest(tx, "trips")
        waiting = removals.waiting(tx)
        kept = parts.of_dataset(tx, "trips")
    needed = {part.location for part in kept} | {part.restored for part in kept if part.restored}
    found += [f"missing: {item}" for item in needed if lake.storage.size(item) is None]
    present = {item for tier in _tiers(lake.storage) for item in lake.storage.list(tier)}
    found += [f"orphan: {item}" for item in present - needed - waiting]
    if lake.catalog.exists("trips"):
        table = lake.catalog.look("trips")
        assert table
        head = lake.catalog.head("trips")
        found += [f"branch: {name}" for name in table.table.refs() if name != "main"]
        if pin and head.snapshot != pin.snapshot:
            found.append(f"main is {head.snapshot}, the pin is {pin.snapshot}")
        pinned = {task.file.file_path for task in table.table.scan().plan_files()}
        read = {lake.storage.url(part.readable_location) for part in kept if part.pinned_location}
        found += [f"main and control differ by {url}" for url in pinned ^ read]
        files = lake.catalog.metadata_files("trips") | ({pin.metadata} if pin else set())
        there = {lake.storage.url(item) for item in lake.storage.list("iceberg")}
        found += [f"metadata is missing: {url}" for url in files - there]
        gone = {lake.storage.url(item) for item in waiting}
        found += [f"metadata nobody needs: {url}" for url in there - files - gone]
    return found


def waiting(lake: Lake) -> list[str]:
    """Return what is still to be removed."""
    with lake.warehouse.snapshot() as tx:
        return [str(item) for item in removals.waiting(tx)]


def tiers_of(lake: Lake) -> dict[str, str]:
    """Return the tier of each partition by its period."""
    return {str(item.period): item.tier.name for item in lake.inventory("trips")}


OTHERS = ("iceberg", "control", MARK)
"""What lies beside the tiers in a store's folder."""


def _tiers(storage: Storage) -> Iterable[str]:
    if isinstance(storage, FolderStorage):
        return [item.name for item in storage.root.iterdir() if item.name not in OTHERS]
    return CLASSES
