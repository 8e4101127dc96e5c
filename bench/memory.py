"""The memory that the process takes at most while a month of 100M rows leaves the warehouse."""

from __future__ import annotations

import resource
from pathlib import Path

from isotherm.moves.applying import Limits

from . import data
from .ratio import Ratio, say, seconds

ROWS = 110_000_000
DAYS = 34
"""The first month has 100M of the rows; those of the next lie scattered among them."""
BAR = 2.0


def make(folder: Path) -> list[Ratio]:
    """Make the rows; in a process of its own, so that its memory does not count."""
    data.warehouse(folder / "month.duckdb", data.trips(ROWS, DAYS, shuffled=True))
    return []


def measure(folder: Path) -> list[Ratio]:
    """Unload the month and ask the operating system for the peak of this process's memory."""
    with data.lake(folder / "month", folder / "month.duckdb") as lake:
        limits = Limits(max_moves=1)
        taken = seconds(lambda: lake.apply(name="trips", limits=limits))
        rows = sum(part.rows for part in lake.inventory("trips").parts)
    assert rows > 100_000_000, rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux tells KiB
    say(f"  {rows:,} rows in {taken:.0f} s, {peak:.2f} GB at most")
    return [Ratio("apply, a month of 100M shuffled rows: peak memory in GB", peak, 0.0, BAR)]
