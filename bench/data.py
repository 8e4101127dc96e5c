"""The data: trips of 20 columns, made by hashing the row's number, so that every run has the same.

Like real trips: an id, two clocks, people, places, money in cents, few words, many NULLs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

import isotherm
from isotherm.lake import Lake
from isotherm.opening import init_lake

START = "2023-01-01"
DAYS = 365
ROWS = 20_000_000
"""In twelve months, the shortest of 1.5M rows."""
DAY = 86_400_000_000

CONFIG = """settings.cache = "0GB"  # objects are read each time
[datasets.trips]
table = "main.trips"
clock = "pickup"
period = "{period}"

[datasets.trips.policy]
STANDARD = "1 {period}"
"""


def set_cache(config: Path, size: str) -> None:
    """Have the next one who opens a lake keep so much of cold rows in memory."""
    lines = config.read_text(encoding="utf-8").splitlines()
    others = [line for line in lines if not line.startswith("settings.cache")]
    config.write_text("\n".join([f'settings.cache = "{size}"', *others]), encoding="utf-8")


def trips(rows: int, days: int, *, start: str = START, shuffled: bool = False) -> str:
    """Return the query of so many trips over so many days.

    Args:
        start: The first day.
        shuffled: The clock jumps through all the days instead of going on.

    """
    span = days * DAY
    clock = f"h % {span}" if shuffled else f"i * ({span} // {max(rows, 1)}) + h % 60000000"
    return f"""
    SELECT i AS trip_id,
           TIMESTAMP '{start}' + to_microseconds({clock}) AS pickup,
           pickup + to_seconds(60 + (h >> 8) % 3600) AS dropoff,
           (h >> 3) % 2000000 AS rider_id,
           ((h >> 5) % 40000)::INTEGER AS driver_id,
           ['standard', 'airport', 'negotiated'][(h >> 7) % 3 + 1] AS rate,
           ((h >> 9) % 6)::INTEGER AS passengers,
           round(((h >> 11) % 300000) / 10000.0, 2) AS distance,
           ((h >> 17) % 263)::INTEGER AS from_zone,
           ((h >> 29) % 263)::INTEGER AS to_zone,
           round(40.5 + ((h >> 15) % 400000) / 1e6, 6) AS from_lat,
           round(-74.2 + ((h >> 31) % 500000) / 1e6, 6) AS from_lon,
           ['card', 'cash', 'app', 'none'][(h >> 13) % 4 + 1] AS payment,
           (((h >> 19) % 10000) / 100)::DECIMAL(9, 2) AS fare,
           (((h >> 23) % 500) / 100)::DECIMAL(9, 2) AS extra,
           (((h >> 33) % 2000) / 100)::DECIMAL(9, 2) AS tip,
           (CASE WHEN (h >> 37) % 20 = 0 THEN 6.55 ELSE 0 END)::DECIMAL(9, 2) AS tolls,
           (fare + extra + tip + tolls)::DECIMAL(9, 2) AS total,
           (h >> 41) % 50 = 0 AS shared,
           CASE WHEN (h >> 43) % 40 = 0 THEN 'note ' || (h >> 44) % 5000 END AS note
    FROM (SELECT i, (hash(i) >> 1)::BIGINT AS h FROM range({rows}) t(i))"""


def few(rows: int, days: int, *, start: str = START, first: int = 0) -> str:
    """Return the query of the same trips with six columns alone, for the largest tables.

    Args:
        first: The first trip's number is this, not 0.

    """
    return (
        f"SELECT trip_id + {first} AS trip_id, date_trunc('second', pickup) AS pickup, driver_id, "
        f"from_zone, payment, fare FROM ({trips(rows, days, start=start)})"
    )


def warehouse(file: Path, query: str) -> Path:
    """Make a warehouse file with the trips of a query; keep one that is there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        making = file.with_suffix(".making")
        making.unlink(missing_ok=True)
        with plain(making) as connection:
            connection.execute(f"CREATE TABLE trips AS {query}")
        making.rename(file)
    return file


def plain(file: Path | str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Open DuckDB as a person would, with the engine's settings that bear on speed."""
    connection = duckdb.connect(str(file))
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def lake(
    folder: Path, warehouse_file: Path | None, period: str = "month", subject: str = ""
) -> Lake:
    """Set up a lake over a copy of a warehouse file, and open it.

    Args:
        subject: The column that identifies people, if any.

    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if warehouse_file:
        shutil.copyfile(warehouse_file, folder / "warehouse.duckdb")
    config = CONFIG.format(period=period)
    if subject:
        config = config.replace("period =", f'subject = ["{subject}"]\nperiod =')
    init_lake(folder / "isotherm.toml", config)
    return isotherm.open(folder / "isotherm.toml")
