"""TPC-DS: the sales and returns as datasets whose older half is cold, against plain DuckDB tables.

All 99 queries have to give the same answers, values and all; then their times are compared.
"""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb

import isotherm
from isotherm.engine.duckdb import load_extension
from isotherm.lake import Lake
from isotherm.opening import init_lake

from . import data
from .ratio import Found, Point, Ratio, in_turn, point_of, ratio_of, say, seconds

SCALE = 1
FULL_SCALE = 10
TIMES = 3
FULL_TIMES = 1
"""Each query has been asked once before, for its answer."""
QUERIES = range(1, 100)
CLOCKS = {
    "store_sales": "ss_sold_date_sk",
    "catalog_sales": "cs_sold_date_sk",
    "web_sales": "ws_sold_date_sk",
    "store_returns": "sr_returned_date_sk",
    "catalog_returns": "cr_returned_date_sk",
    "web_returns": "wr_returned_date_sk",
}
"""The clock of each dataset: a Julian day number."""
AS_OF = datetime(2000, 8, 1)
"""What was sold before is cold: half of it; sales go from 1998 to 2002."""
BAR = 1.15
FULL_CACHE = "4GB"
"""Compressed in memory, the cold rows of scale factor 1 take 130 MB; here are ten times as many."""
FROM_OBJECTS = "Isotherm, nothing in memory"
LINES = ("Isotherm", FROM_OBJECTS, "plain DuckDB")


@dataclass(frozen=True)
class Timed:
    """A query, and how long both sides took for it, seconds, each time."""

    number: int
    pairs: tuple[tuple[float, float], ...]

    @property
    def best(self) -> tuple[float, float]:
        ours, plain = (min(side) for side in zip(*self.pairs, strict=True))
        return ours, plain

    @property
    def ratio(self) -> float:
        ours, plain = self.best
        return ours / plain


def point(scale: float, line: str, query: int, *taken: float) -> Point:
    """Return a place of the chart: the seconds of a query."""
    return point_of(f"tpcds-{scale:g}", line, str(query), taken)


def measure(folder: Path) -> Found:
    """Ask all queries at scale factor 1."""
    return _measure(folder / "tpcds", SCALE, TIMES, "1GB")


def measure_full(folder: Path) -> Found:
    """Ask all queries at scale factor 10."""
    return _measure(folder / "tpcds-10", FULL_SCALE, FULL_TIMES, FULL_CACHE)


def _measure(folder: Path, scale: float, times: int, cache: str) -> Found:
    make(folder, scale)
    name = f"TPC-DS SF{scale:g}, against plain tables"
    return [
        *_asked(folder, scale, times, cache, name, LINES[0], BAR),
        *_asked(folder, scale, times, "0GB", f"{name}, nothing in memory", FROM_OBJECTS, None),
    ]


def _asked(
    folder: Path, scale: float, times: int, cache: str, name: str, line: str, bar: float | None
) -> Found:
    """Ask all queries in one process, which keeps so much of cold rows in memory."""
    config = folder / "lake" / "isotherm.toml"
    data.set_cache(config, cache)
    with isotherm.open(config) as lake, plain(folder) as connection:
        cold = sum(part.rows for each in CLOCKS for part in lake.inventory(each).parts)
        hot = sum(item.rows for each in CLOCKS for item in lake.inventory(each).hot)
        say(f"  {cold:,} rows are cold, {hot:,} hot; {cache} of memory for cold ones")
        timed = [_ask(lake, connection, number, times) for number in QUERIES]
    totals = [
        tuple(map(sum, zip(*turn, strict=True)))
        for turn in zip(*(item.pairs for item in timed), strict=True)
    ]
    ratios = [
        Ratio(
            f"{name}: geometric mean of 99 queries",
            round(math.exp(sum(math.log(t.ratio) for t in timed) / len(timed)), 4),
            0.0,
            bar,
        ),
        ratio_of(
            f"{name}: all queries together",
            [ours / hand for ours, hand in totals],
            None,
        ),
    ]
    points = [
        point(scale, side, item.number, *taken)
        for item in timed
        for side, taken in zip((line, LINES[-1]), zip(*item.pairs, strict=True), strict=True)
        if bar or side == line  # plain tables are drawn once
    ]
    return [*ratios, *points]


def make(folder: Path, scale: float, as_of: datetime = AS_OF) -> None:
    """Make a lake of the benchmark's tables, and the same tables beside it.

    Args:
        as_of: What was sold before is cold.

    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "lake").mkdir(parents=True)
    file = folder / "lake" / "warehouse.duckdb"
    with data.plain(file) as connection:
        load_extension(connection, "tpcds")
        say(f"  made in {seconds(lambda: connection.execute(f'CALL dsdgen(sf={scale})')):.0f} s")
    shutil.copyfile(file, folder / "plain.duckdb")
    config = "".join(
        f'[datasets.{name}]\ntable = "{name}"\nclock = "{clock}"\nclock_unit = "julian days"\n'
        f'[datasets.{name}.policy]\nSTANDARD = "1 month"\n'
        for name, clock in CLOCKS.items()
    )
    init_lake(folder / "lake" / "isotherm.toml", config)
    with isotherm.open(folder / "lake" / "isotherm.toml") as lake:
        plan = lake.plan(as_of=as_of, even_if_uneconomic=True)
        say(f"  {len(plan.moves)} moves made in {seconds(lambda: lake.apply(plan)):.0f} s")


@contextmanager
def plain(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the plain tables."""
    with data.plain(folder / "plain.duckdb") as connection:
        load_extension(connection, "tpcds")
        yield connection


def text_of(connection: duckdb.DuckDBPyConnection, number: int) -> str:
    """Return a query of the benchmark."""
    found = connection.execute(
        "SELECT query FROM tpcds_queries() WHERE query_nr = ?", [number]
    ).fetchone()
    assert found
    return str(found[0])


def same(one: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> bool:
    """Say whether two answers are alike in whatever order; sums of floats may differ in the end."""
    return Counter(map(_rounded, one)) == Counter(map(_rounded, other))


def check(lake: Lake, connection: duckdb.DuckDBPyConnection, number: int) -> int:
    """Hold a query's answer against the plain tables, and return how many rows it has."""
    query = text_of(connection, number)
    ours, hand = lake.sql(query).fetchall(), connection.execute(query).fetchall()
    if not same(ours, hand):
        raise AssertionError(f"query {number}: {len(ours)} rows, and {len(hand)} by hand, differ")
    return len(ours)


def _rounded(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(
        float(f"{value:.9g}") if isinstance(value, float | Decimal) else value for value in row
    )


def _ask(lake: Lake, connection: duckdb.DuckDBPyConnection, number: int, times: int) -> Timed:
    query = text_of(connection, number)
    check(lake, connection, number)
    pairs = in_turn(
        lambda: lake.sql(query).arrow(),
        lambda: connection.execute(query).to_arrow_table(),
        times,
    )
    timed = Timed(number, tuple(pairs))
    ours, hand = timed.best
    say(f"  query {number}: {ours:.3f} s, by hand {hand:.3f} s, {timed.ratio:.2f}")
    return timed
