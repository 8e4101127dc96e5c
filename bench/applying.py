"""`apply`, month by month, against COPY, hashes of both sides, DELETE and CHECKPOINT."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from isotherm.lake import Lake
from isotherm.moves.applying import Limits
from isotherm.plan.steps import Step

from . import data
from .ratio import Ratio, pair, ratio_of, say

SEVERAL = (range(1, 5), range(5, 9))
"""The months that one apply each unloads; the first of all warms both sides up."""
ALONE = (range(9, 10),)
COLD = 10
"""So many months have left the warehouse then; the others stay for the queries on hot rows."""
ROUNDS = 3


def month(number: int) -> str:
    """Return the condition of a month of the data, the first is 0."""
    start = datetime.fromisoformat(data.START)
    first, last = (
        start.replace(year=start.year + n // 12, month=n % 12 + 1) for n in (number, number + 1)
    )
    return f"pickup >= TIMESTAMP '{first}' AND pickup < TIMESTAMP '{last}'"


def unload(
    connection: duckdb.DuckDBPyConnection,
    condition: str,
    file: Path | str,
    step: Callable[[Step], None] = lambda _: None,
) -> int:
    """Do by hand what a careful person does, and return how many rows left.

    Args:
        step: Told what begins.

    """
    names = [row[0] for row in connection.execute("DESCRIBE trips").fetchall()]
    ids = ", ".join(f'"{name}": {number}' for number, name in enumerate(names, start=1))
    rows = f"(SELECT * FROM trips WHERE {condition})"
    step(Step.COPY)
    connection.execute(
        f"COPY {rows} TO '{file}' (FORMAT parquet, PARQUET_VERSION v1, COMPRESSION zstd, "
        f"FIELD_IDS {{{ids}}}, ROW_GROUP_SIZE 122880)"
    )
    step(Step.VERIFY)
    hash_ = "SELECT count(*), sum(hash(t)::HUGEINT), bit_xor(hash(t)) FROM"
    hot = connection.execute(f"{hash_} {rows} t").fetchone()
    cold = connection.execute(f"{hash_} read_parquet('{file}') t").fetchone()
    step(Step.DELETE)
    deleted = connection.execute(f"DELETE FROM trips WHERE {condition}").fetchone()
    if hot is None or deleted is None or hot != cold or hot[0] != deleted[0]:
        raise AssertionError(f"{condition}: {hot} hot, {cold} cold, {deleted} deleted")
    step(Step.COMMIT)
    connection.execute("CHECKPOINT")
    return int(deleted[0])


def measure(folder: Path) -> list[Ratio]:
    """Unload months on both sides, in turn; both keep what they have for the queries."""
    base = data.warehouse(folder / "trips.duckdb", data.trips(data.ROWS, data.DAYS))
    files = folder / "plain"
    several: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    for turn in range(ROUNDS):
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        shutil.rmtree(folder / "lake", ignore_errors=True)
        connection = data.plain(shutil.copyfile(base, folder / "plain.duckdb"))

        def by_hand(number: int) -> None:
            unload(connection, month(number), files / f"{number}.parquet")  # noqa: B023

        with connection, data.lake(folder / "lake", base) as lake:
            months_of(lake, by_hand, [range(1)])  # imports what the others find
            several += months_of(lake, by_hand, SEVERAL)
            alone += months_of(lake, by_hand, ALONE, turn=turn)
    return [
        compared("apply, month by month", several, 1.3),
        compared("apply, a call for each month", alone, None),
    ]


def months_of(
    lake: Lake, by_hand: Callable[[int], None], calls: Sequence[range], *, turn: int = 0
) -> list[tuple[float, float]]:
    """Unload months by an apply a call, and by hand, each first every other time.

    Args:
        calls: The months of each.
        turn: By hand first, if it is even.

    """

    def apply(months: range) -> None:
        lake.apply(name="trips", limits=Limits(max_moves=len(months)))

    def plainly(months: range) -> None:
        for number in months:
            by_hand(number)

    return [
        pair(partial(apply, months), partial(plainly, months), ours_first=bool(number % 2))
        for number, months in enumerate(calls, turn)
    ]


def compared(name: str, pairs: Sequence[tuple[float, float]], bar: float | None) -> Ratio:
    """Say how long both sides took each time, and return the ratio."""
    for ours, plain in pairs:
        say(f"  {name}: {ours:.3f} s, by hand {plain:.3f} s")
    return ratio_of(name, [ours / plain for ours, plain in pairs], bar)
