"""What a setting changes: the same rows, kept with it and without it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import isotherm
from isotherm.lake import Lake
from isotherm.model.person import DataSubject
from isotherm.opening import init_lake

from . import data
from .ratio import Ratio, ratio_of, say, seconds
from .reading import bytes_read

ROWS = 3_000_000
DAYS = 31
LOADS = 20
TIMES = 7
DAY = "pickup >= TIMESTAMP '2023-01-15' AND pickup < TIMESTAMP '2023-01-16'"
ONE_DAY = f"SELECT count(*), sum(total) FROM trips WHERE {DAY}"
ALL = "SELECT driver_id, count(*), sum(total) FROM trips GROUP BY ALL"
CONFIG = """
[datasets.trips]
table = "main.trips"
clock = "pickup"
subject = ["rider_id"]
{settings}

[datasets.trips.policy]
STANDARD = "1 month"
"""


def measure(folder: Path, rows: int = ROWS, times: int = TIMES) -> list[Ratio]:
    """Keep a month's rows in several ways, and ask the same of each."""
    folder /= "tuning"
    base = data.warehouse(folder / "base.duckdb", data.trips(rows, DAYS, shuffled=True))
    small = max(1, rows * 40 // 16)  # an object of all is about 40 bytes a row
    ways = {
        "said": _kept(folder, base, ""),
        "unsorted": _kept(folder, base, "order_by = []"),
        "pieces": _kept(folder, base, f"target_object_bytes = {small}"),
        "days": _kept(folder, base, 'period = "day"'),
    }
    try:
        return [
            *_against("order_by, the clock against none", ways["said"], ways["unsorted"], times),
            *_against("16 objects a month against one", ways["pieces"], ways["said"], times),
            *_against("days against a month", ways["days"], ways["said"], times),
            *_compacted(folder, rows, times),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Kept:
    """A lake with the month in the store, and how long it took to get it there."""

    def __init__(self, file: Path, taken: float) -> None:
        self.file, self.taken = file, taken

    def ask(self, query: str) -> tuple[float, float]:
        """Return the bytes that a query reads of what was never read before, and its seconds."""
        with isotherm.open(self.file) as lake:
            before, begun = bytes_read(), time.perf_counter()
            assert lake.sql(query).arrow().num_rows
            return bytes_read() - before, time.perf_counter() - begun

    def rewritten(self) -> int:
        """Return the bytes of the objects that have somebody who has made one trip."""
        with isotherm.open(self.file) as lake:
            rider = "SELECT rider_id FROM trips GROUP BY ALL HAVING count(*) = 1 ORDER BY 1 LIMIT 1"
            person = DataSubject((("rider_id", str(lake.sql(rider).fetchall()[0][0])),))
            return sum(part.bytes for part in lake.erasing.find("trips", [person]).cold)

    def bytes(self) -> int:
        """Return the bytes of all objects."""
        with isotherm.open(self.file) as lake:
            return sum(part.bytes for part in lake.inventory("trips").parts)


def _kept(folder: Path, base: Path, settings: str) -> _Kept:
    place = folder / f"lake-{len(list(folder.iterdir()))}"
    place.mkdir()
    shutil.copyfile(base, place / "warehouse.duckdb")
    init_lake(place / "isotherm.toml", CONFIG.format(settings=settings))
    with isotherm.open(place / "isotherm.toml") as lake:
        taken = _leave(lake)
    return _Kept(place / "isotherm.toml", taken)


def _leave(lake: Lake) -> float:
    plan = lake.plan("trips", even_if_uneconomic=True)
    return seconds(lambda: lake.apply(plan))


def _against(name: str, one: _Kept, other: _Kept, times: int) -> list[Ratio]:
    """Compare what a day's query reads and takes, all rows', and what it took to move them."""
    day = [(one.ask(ONE_DAY), other.ask(ONE_DAY)) for _ in range(times)]
    every = [(one.ask(ALL), other.ask(ALL)) for _ in range(times)]
    return [
        _ratio(name, "bytes read by a query of one day", [a[0] / b[0] for a, b in day]),
        _ratio(name, "seconds of a query of one day", [a[1] / b[1] for a, b in day]),
        _ratio(name, "seconds of a query of all rows", [a[1] / b[1] for a, b in every]),
        _ratio(name, "seconds of the unload", [one.taken / other.taken]),
        _ratio(name, "bytes of all objects", [one.bytes() / other.bytes()]),
        _ratio(name, "bytes rewritten for one person", [one.rewritten() / other.rewritten()]),
    ]


def _compacted(folder: Path, rows: int, times: int) -> list[Ratio]:
    """Compare a month that came in many loads, before and after it was made one object."""
    place = folder / "loads"
    place.mkdir()
    init_lake(place / "isotherm.toml", CONFIG.format(settings="compact_min_objects = 0"))
    with data.plain(place / "warehouse.duckdb") as connection:
        connection.execute(f"CREATE TABLE trips AS {data.trips(0, 1)}")
    for number in range(LOADS):
        with data.plain(place / "warehouse.duckdb") as connection:
            connection.execute(
                f"INSERT INTO trips SELECT * REPLACE (trip_id + {number * rows} AS trip_id) "
                f"FROM ({data.trips(rows // LOADS // 4, DAYS, shuffled=True)})"
            )
        with isotherm.open(place / "isotherm.toml") as lake:
            _leave(lake)
    kept = _Kept(place / "isotherm.toml", 0.0)
    before = _asked(kept, times)
    kept.file.write_text(CONFIG.format(settings="compact_min_objects = 2"))
    with isotherm.open(kept.file) as lake:
        assert len(lake.inventory("trips").parts) == LOADS
        _leave(lake)
        assert len(lake.inventory("trips").parts) == 1
    after = _asked(kept, times)
    name = f"one object instead of {LOADS}"
    return [
        _ratio(name, what, [new / old for new, old in zip(after[what], before[what], strict=True)])
        for what in before
    ]


def _asked(kept: _Kept, times: int) -> dict[str, Sequence[float]]:
    day = [kept.ask(ONE_DAY) for _ in range(times)]
    return {
        "bytes read by a query of one day": [bytes_ for bytes_, _ in day],
        "seconds of a query of one day": [taken for _, taken in day],
        "seconds of a query of all rows": [kept.ask(ALL)[1] for _ in range(times)],
        "bytes of all objects": [kept.bytes()],
    }


def _ratio(name: str, what: str, figures: Sequence[float]) -> Ratio:
    found = ratio_of(f"tuning, {name}: {what}", figures, None)
    say(f"  {found.name}: {found.ratio:.3f}")
    return found
