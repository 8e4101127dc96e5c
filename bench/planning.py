"""A plan of many partitions in many datasets: time and memory from ten thousand to ten millions.

There is no data, but all that a plan looks at: the tables, and control with a part a partition. A
month has just begun, and what has come of age is due: one partition in 140.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

import isotherm
from isotherm.lake import Lake
from isotherm.opening import init_lake

from .ratio import Ratio, say

NOW = datetime(2026, 6, 1)
STEPS = ((10_000, 10), (100_000, 100), (1_000_000, 1_000))
LARGEST = (10_000_000, 10_000)
SECONDS_A_MILLION, GIGABYTES_A_MILLION = 5.0, 1.0
LINEAR = 1.5
"""How many times as much as ten times fewer a partition may take."""

_DATASET = """
[datasets.d{number}]
table = "d{number}"
clock = "pickup"
period = "day"
policy = {{ STANDARD = "30 days", STANDARD_IA = "300 days", GLACIER = "600 days" }}
"""


def measure(folder: Path) -> list[Ratio]:
    """Plan up to a million partitions."""
    return _curve(folder, STEPS)


def measure_full(folder: Path) -> list[Ratio]:
    """Plan up to ten million partitions."""
    return _curve(folder, (*STEPS, LARGEST))


def _curve(folder: Path, steps: tuple[tuple[int, int], ...]) -> list[Ratio]:
    found = []
    each: list[float] = []
    for partitions, datasets in steps:
        place = folder / f"plan-{partitions}"
        _alone(_make, place, partitions, datasets)
        taken, peak, moves = _alone(_plan, place, partitions, datasets)
        say(
            f"  {partitions:>12,} partitions of {datasets:,}: {taken:.2f} s, {peak:.2f} GB, "
            f"{moves:,} moves"
        )
        each.append(taken / partitions)
        name = f"plan, {partitions:,} partitions of {datasets:,} datasets"
        millions = partitions / 1_000_000
        bars = (SECONDS_A_MILLION, GIGABYTES_A_MILLION) if millions == 1 else (None, None)
        found.append(Ratio(f"{name}: seconds", round(taken, 3), 0.0, bars[0]))
        found.append(Ratio(f"{name}: peak memory in GB", round(peak, 3), 0.0, bars[1]))
        if len(each) > 1:
            grown = each[-1] / each[-2]
            found.append(
                Ratio(f"{name}: time a partition against ten times fewer", grown, 0.0, LINEAR)
            )
    return found


def _alone(
    act: Callable[..., tuple[float, float, int]], *given: object
) -> tuple[float, float, int]:
    """Run in a process of its own, whose peak of memory is that of the act."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(act, *given).result()


def _open(place: Path) -> Lake:
    return isotherm.open(place / "isotherm.toml", clock=lambda: NOW)


def _make(place: Path, partitions: int, datasets: int) -> tuple[float, float, int]:
    shutil.rmtree(place, ignore_errors=True)
    config = "".join(_DATASET.format(number=number) for number in range(datasets))
    init_lake(place / "isotherm.toml", config)
    days = partitions // datasets
    with _open(place) as lake, lake.warehouse.transaction() as tx:
        for number in range(datasets):
            table = tx.relation(lake.config.dataset(f"d{number}").table)
            tx.execute(f"CREATE TABLE {table} (pickup TIMESTAMP, id BIGINT)")
        tx.execute(
            "INSERT INTO isotherm.parts SELECT md5(i::VARCHAR), 'd' || (i // ?), "
            "strftime(day, '%Y-%m-%d'), tier, tier, 'd' || (i // ?) || '/' || i || '.parquet', "
            "100000 + i % 7, 5000000 + i % 1000, sha256(i::VARCHAR), day, NULL, NULL, NULL, NULL "
            "FROM ("
            # Of every 140, one has come of age.
            "SELECT i, age, TIMESTAMP '2026-06-01' - to_days(31 + age) AS day, CASE "
            "WHEN i % 100 = 0 AND age >= 269 THEN 'STANDARD' WHEN age < 269 THEN 'STANDARD' "
            "WHEN age < 569 THEN 'STANDARD_IA' ELSE 'GLACIER' END AS tier "
            "FROM (SELECT i, (i % ?)::INTEGER AS age FROM range(?) r(i)))",
            [days, days, days, partitions],
        )
    return 0.0, 0.0, 0


def _plan(place: Path, partitions: int, datasets: int) -> tuple[float, float, int]:
    with _open(place) as lake:
        begun = time.perf_counter()
        plan = lake.plan(even_if_uneconomic=True)
        taken = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux tells KiB
    return taken, peak, len(plan.moves)
