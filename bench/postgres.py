"""A move of 2M rows out of PostgreSQL, against a scanner's read to Parquet and a native DELETE."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import duckdb

import isotherm
from isotherm.engine.duckdb import load_extension
from isotherm.opening import init_lake

from . import data
from .applying import compared, month, months_of
from .ratio import Ratio
from .servers import running

MONTH = 2_000_000
MONTHS = 9
"""The first warms both sides up and does not count."""
CALLS = (range(1, 5), range(5, MONTHS))
"""The months that one apply each unloads."""
CONFIG = data.CONFIG.format(period="month").replace("main.trips", "public.trips")


def measure(folder: Path) -> list[Ratio]:
    """Move month after month on both sides, in turn."""
    shutil.rmtree(folder / "postgres", ignore_errors=True)
    (folder / "postgres").mkdir(parents=True)
    with running() as server:
        url = server.database()
        plain = connect(url)
        for table in ("trips", "plain"):
            rows = data.trips(MONTH * MONTHS, 30 * MONTHS + 1)
            plain.execute(f"CREATE TABLE pg.{table} AS {rows}")
        with server.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")  # the server may be at it by itself
            for table in ("trips", "plain"):
                connection.execute(f"CREATE INDEX ON {table} (pickup)")  # type: ignore[arg-type]
            connection.execute("VACUUM ANALYZE")

        def by_hand(number: int) -> None:
            parquet = folder / "postgres" / f"{number}.parquet"
            plain.execute(
                f"COPY (SELECT * FROM pg.plain WHERE {month(number)}) TO '{parquet}' "
                "(FORMAT parquet, PARQUET_VERSION v1, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
            )
            with server.connect(url) as connection:
                connection.execute(f"DELETE FROM plain WHERE {month(number)}")  # type: ignore[arg-type]

        file = folder / "postgres" / "isotherm.toml"
        init_lake(file, f'warehouse.url = "{url}"\n{CONFIG}')
        with isotherm.open(file, clock=lambda: datetime(2024, 1, 1)) as lake:
            months_of(lake, by_hand, [range(1)])  # warms both sides up
            pairs = months_of(lake, by_hand, CALLS)
    return [compared("PostgreSQL, a month of 2M rows", pairs, 1.3)]


def connect(url: str) -> duckdb.DuckDBPyConnection:
    plain = duckdb.connect()
    plain.execute("SET enable_progress_bar = false")
    plain.execute("SET TimeZone = 'UTC'")
    plain.execute("SET preserve_insertion_order = false")
    load_extension(plain, "postgres_scanner")
    plain.execute(f"ATTACH '{url}' AS pg (TYPE postgres)")
    return plain
