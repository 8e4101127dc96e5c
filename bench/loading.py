"""`load` against INSERT INTO ... SELECT FROM read_csv."""

from __future__ import annotations

from pathlib import Path

from . import data
from .ratio import Ratio, ratio_of, say, seconds

ROWS = 3_000_000
TIMES = 6
SECONDS = """SELECT * REPLACE (
    date_trunc('second', pickup) AS pickup, date_trunc('second', dropoff) AS dropoff)"""
"""As files of trips have their clocks."""


def measure(folder: Path) -> list[Ratio]:
    """Load one CSV file into a new and empty table on both sides, in turn."""
    file = folder / "trips.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with data.plain() as connection:
        connection.execute(f"COPY ({SECONDS} FROM ({data.trips(ROWS, 90)})) TO '{file}' (HEADER)")
    size = file.stat().st_size / 1e6
    say(f"  a file of {size:.0f} MB")
    pairs = []
    for number in range(TIMES):
        sides = [_load, _insert] if number % 2 else [_insert, _load]
        taken = {side: side(folder, file) for side in sides}
        pairs.append((taken[_load], taken[_insert]))
        say(f"  load {taken[_load]:.3f} s, by hand {taken[_insert]:.3f} s")
    # The first one imports what the others find.
    speed = [plain / ours for ours, plain in pairs[1:]]
    return [ratio_of("load, CSV: speed", speed, 0.8, less_is_better=False)]


def _load(folder: Path, file: Path) -> float:
    base = folder / "empty.duckdb"
    base.unlink(missing_ok=True)
    with data.plain(base) as connection:
        connection.execute(f"CREATE TABLE trips AS {data.trips(0, 1)}")
    with data.lake(folder / "loaded", base) as lake:
        taken = seconds(lambda: lake.load("trips", [file]))
        rows = lake.inventory("trips").hot
    assert sum(partition.rows for partition in rows) == ROWS
    return taken


def _insert(folder: Path, file: Path) -> float:
    by_hand = folder / "inserted.duckdb"
    by_hand.unlink(missing_ok=True)
    with data.plain(by_hand) as connection:
        connection.execute(f"CREATE TABLE trips AS {data.trips(0, 1)}")
        return seconds(
            lambda: connection.execute(f"INSERT INTO trips SELECT * FROM read_csv('{file}')")
        )
