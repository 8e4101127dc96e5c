"""The memory that the process takes at most while a month of 100M rows leaves the warehouse."""

from __future__ import annotations

import resource
from pathlib import Path

from . import data
from .ratio import Ratio, say, seconds

ROWS = 100_000_000
DAYS = 31
BAR = 2.0


def make(folder: Path) -> list[Ratio]:
    """Make the month; in a process of its own, so that its memory does not count."""
    data.warehouse(folder / "month.duckdb", data.trips(ROWS, DAYS, shuffled=True))
    return []


def measure(folder: Path) -> list[Ratio]:
    """Unload the month and ask the operating system for the peak of this process's memory."""
    with data.lake(folder / "month", folder / "month.duckdb") as lake:
        taken = seconds(lambda: lake.apply(name="trips"))
        rows = sum(part.rows for part in lake.inventory("trips").parts)
    assert rows == ROWS, rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux tells KiB
    say(f"  {rows:,} rows in {taken:.0f} s, {peak:.2f} GB at most")
    return [Ratio(f"apply, a month of {ROWS:,} shuffled rows: peak memory in GB", peak, 0.0, BAR)]
