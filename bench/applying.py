"""`apply`, month by month, against COPY, hashes of both sides, DELETE and CHECKPOINT."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from isotherm.lake import Lake
from isotherm.moves.applying import Limits, Watch
from isotherm.moves.runner import Outcome
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step

from . import data
from .ratio import Ratio, pair, ratio_of, say, seconds

COLD = 10
"""So many months leave the warehouse; the others stay for the queries on hot rows."""
TOGETHER = 8
"""So many of them by one apply, the others by one each."""


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
    """Unload month after month on both sides, in turn; both keep what they have for the queries."""
    base = data.warehouse(folder / "trips.duckdb", data.trips(data.ROWS, data.DAYS))
    connection = data.plain(shutil.copyfile(base, folder / "plain.duckdb"))
    files = folder / "plain"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()

    def by_hand(number: int) -> None:
        unload(connection, month(number), files / f"{number}.parquet")

    def one_month() -> None:
        lake.apply(name="trips", limits=Limits(max_moves=1))

    with connection, data.lake(folder / "lake", base) as lake:
        pair(one_month, partial(by_hand, 0), ours_first=False)  # imports what the others find
        many = together(lake, by_hand, range(1, TOGETHER))
        alone = [
            pair(one_month, partial(by_hand, number), ours_first=bool(number % 2))
            for number in range(TOGETHER, COLD)
        ]
    for ours, plain in many + alone:
        say(f"  apply {ours:.3f} s, by hand {plain:.3f} s")
    return [
        ratio_of("apply, month by month", [ours / plain for ours, plain in many], 1.3),
        ratio_of("apply, a call for each month", [ours / plain for ours, plain in alone], None),
    ]


def together(
    lake: Lake, by_hand: Callable[[int], None], months: range
) -> list[tuple[float, float]]:
    """Unload months by one apply, which stands still after each while it is done by hand.

    What apply does beside its moves (recover, plan, tidy, checkpoint) is shared out among them.
    """
    waiting, begun = iter(months), 0.0
    ours: list[float] = []
    plain: list[float] = []

    def step(_: Move, which: Step) -> None:
        nonlocal begun
        begun = time.perf_counter() if which is Step.INTENT else begun

    def done(_: Outcome) -> None:
        ours.append(time.perf_counter() - begun)
        number = next(waiting)
        plain.append(seconds(lambda: by_hand(number)))

    limits, watch = Limits(max_moves=len(months)), Watch(step, done)
    whole = seconds(lambda: lake.apply(name="trips", limits=limits, watch=watch))
    beside = (whole - sum(ours) - sum(plain)) / len(months)
    say(f"  beside the moves {beside:.3f} s a month")
    return [(own + beside, hand) for own, hand in zip(ours, plain, strict=True)]
