"""What planning adds to a query as partitions grow: to one period's, and to the hot rows'."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import isotherm
from isotherm.lake import Lake
from isotherm.model.period import Period, Unit
from isotherm.opening import init_lake

from . import data
from .querying import ALLOWED, pairs_of
from .ratio import Found, Point, Ratio, point_of, ratio_of, say, seconds

STEPS = ((12, "month"), (144, "month"), (1_000, "day"), (3_650, "day"))
FULL_STEPS = (*STEPS, (30_000, "hour"), (87_600, "hour"))
BOUND = 3_650
"""Up to so many partitions planning may take as long as allowed."""
MOVED = 4_000
"""So many are moved at most; the others are in control alone, and no query needs them."""
A_PERIOD = 20
START = datetime(2010, 1, 1)


def measure(folder: Path) -> Found:
    """Ask about up to 3,650 days."""
    return curve(folder / "overhead", STEPS)


def measure_full(folder: Path) -> Found:
    """Ask about up to 87,600 hours, too."""
    return curve(folder / "overhead", FULL_STEPS)


def curve(folder: Path, steps: tuple[tuple[int, str], ...], times: int = 15) -> Found:
    """Ask lakes of more and more partitions."""
    found: list[Ratio | Point] = []
    for partitions, unit in steps:
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, partitions, Unit(unit))
        with (
            isotherm.open(folder / "isotherm.toml") as lake,
            data.plain(folder / "plain.duckdb") as plain,
        ):
            for what, when, rows in _questions(lake, partitions, Unit(unit)):
                query = "SELECT count(*), sum(fare) FROM {table} WHERE {when}"
                pairs = pairs_of(lake, plain, query, when, rows, times)
                more = [(ours - hand) * 1_000 for ours, hand in pairs]
                found.append(point_of("overhead", what, partitions, more))
                name = f"sql, {what} of {partitions:,} {unit}s: milliseconds more than by hand"
                bar = ALLOWED * 1_000 if partitions <= BOUND else None
                found.append(ratio_of(name, more, bar))
    shutil.rmtree(folder)
    return found


def _make(folder: Path, partitions: int, unit: Unit) -> None:
    """Make a lake of so many cold partitions and a hot one, and a plain table of the hot one."""
    init_lake(folder / "isotherm.toml", data.CONFIG.format(period=unit.value))
    moved = min(partitions, MOVED)
    first = _period(0, unit)
    last = _period(moved, unit)
    now = last.end - timedelta(seconds=1)
    with data.plain(folder / "warehouse.duckdb") as connection:
        connection.execute(_rows(first, last, moved))
    with data.plain(folder / "plain.duckdb") as connection:
        connection.execute(_rows(last, last, 0))
    with isotherm.open(folder / "isotherm.toml", clock=lambda: now) as lake:
        taken = seconds(lambda: lake.apply(lake.plan("trips", even_if_uneconomic=True)))
        if len(lake.inventory("trips").parts) != moved:
            raise AssertionError(f"{len(lake.inventory('trips').parts)} partitions, not {moved}")
        if partitions > moved:
            _pretend(lake, partitions - moved, unit)
    say(f"  {moved:,} {unit.value}s unloaded in {taken:.0f} s")


def _rows(first: Period, last: Period, many: int) -> str:
    """Return the table of a few rows in each period."""
    step = (last.start - first.start) / max(many * A_PERIOD, 1) or (last.end - last.start) / 20
    return (
        f"CREATE TABLE trips AS SELECT i AS trip_id, TIMESTAMP '{first.start}' + "
        f"to_microseconds(i * {round(step.total_seconds() * 1e6)}) AS pickup, "
        f"(i % 97)::DECIMAL(9, 2) AS fare FROM range({(many + 1) * A_PERIOD}) t(i) "
        f"WHERE pickup < TIMESTAMP '{last.end}'"
    )


def _pretend(lake: Lake, many: int, unit: Unit) -> None:
    """Write into control as many partitions that lie before those that were moved."""
    form = {Unit.MONTH: "%Y-%m", Unit.DAY: "%Y-%m-%d", Unit.HOUR: "%Y-%m-%dT%H"}[unit]
    with lake.warehouse.transaction() as tx:
        tx.execute(
            "INSERT INTO isotherm.parts SELECT md5('pretended ' || i), dataset, "
            f"strftime(TIMESTAMP '{START}' - to_{unit.value}s((i + 1)::INTEGER), ?), tier, place, "
            "'trips/pretended/' || i || '.parquet', rows, bytes, sha256(i::VARCHAR), created_at, "
            "NULL, NULL, NULL, NULL "
            "FROM range(?) r(i), (SELECT * FROM isotherm.parts ORDER BY period LIMIT 1)",
            [form, many],
        )


def _period(number: int, unit: Unit) -> Period:
    """Return the n-th period, the first is 0."""
    if unit is Unit.MONTH:
        start = START.replace(year=START.year + number // 12, month=number % 12 + 1)
    else:
        start = START + number * timedelta(**{f"{unit.value}s": 1})
    return Period.of(start, unit)


def _questions(lake: Lake, partitions: int, unit: Unit) -> list[tuple[str, str, str]]:
    """Return what is asked: its name, the condition, and what one reads by hand for it."""
    moved = min(partitions, MOVED)
    parts = {part.period: part for part in lake.inventory("trips").parts}
    cold, hot = _period(moved // 2, unit), _period(moved, unit)
    file = lake.storage.url(parts[cold].location).removeprefix("file://")
    return [
        ("one period", _within(cold), f"read_parquet('{file}')"),
        ("hot rows", _within(hot), "trips"),
    ]


def _within(period: Period) -> str:
    return f"pickup >= TIMESTAMP '{period.start}' AND pickup < TIMESTAMP '{period.end}'"
