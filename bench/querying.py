"""`sql` against what a person would write who knows where the rows are."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import duckdb

import isotherm
from isotherm.lake import Lake

from . import data
from .applying import COLD, month
from .ratio import Ratio, in_turn, ratio_of, say

TIMES = 15
ALLOWED = 0.020
"""Seconds that planning may take."""
QUERIES = {
    "all columns of dear trips": "SELECT * FROM {table} WHERE {when} AND fare > 70",
    "by day": "SELECT pickup::DATE, payment, count(*), sum(total), avg(distance) FROM {table} "
    "WHERE {when} GROUP BY ALL",
    "by driver": "SELECT driver_id, count(*), sum(total), max(tip) FROM {table} "
    "WHERE {when} GROUP BY ALL",
}


def measure(folder: Path) -> list[Ratio]:
    """Query a cold month and a hot one, on the lake that `applying` has left."""
    config, cold, hot = folder / "lake" / "isotherm.toml", COLD // 2, COLD + 1
    data.set_cache(config, "0GB")
    with data.plain(folder / "plain.duckdb") as connection:
        with isotherm.open(config) as lake:
            file = f"read_parquet('{_object(lake, cold)}')"
            ratios = [
                *_ratios(lake, connection, "cold", month(cold), file, 1.15),
                *_ratios(lake, connection, "hot", month(hot), "trips", 1.05),
            ]
        data.set_cache(config, "1GB")
        with isotherm.open(config) as lake:
            for name, query in QUERIES.items():
                pairs = pairs_of(lake, connection, query, month(cold), file)
                kept = [ours / plain for ours, plain in pairs]
                ratios.append(ratio_of(f"sql, cold month, {name}: kept in memory", kept, None))
    return ratios


def _ratios(
    lake: Lake, connection: duckdb.DuckDBPyConnection, tier: str, when: str, table: str, bar: float
) -> list[Ratio]:
    ratios = []
    for name, query in QUERIES.items():
        pairs = pairs_of(lake, connection, query, when, table)
        less = [(ours - ALLOWED) / plain for ours, plain in pairs]
        as_it_is = [ours / plain for ours, plain in pairs]
        ratios += [
            ratio_of(f"sql, {tier} month, {name}: less 20 ms", less, bar),
            ratio_of(f"sql, {tier} month, {name}: as it is", as_it_is, None),
        ]
    return ratios


def pairs_of(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    query: str,
    when: str,
    table: str,
    times: int = TIMES,
) -> list[tuple[float, float]]:
    """Ask both sides a query, in turn, and return the seconds that each of them took.

    Each time it is another text: what has been asked before is not looked into again.
    """
    number = count()

    def text(table: str) -> str:
        return f"{query.format(table=table, when=when)} -- {next(number)}"

    answer = lake.sql(text("trips")).arrow().num_rows
    assert answer == connection.execute(text(table)).to_arrow_table().num_rows > 0
    pairs = in_turn(
        lambda: lake.sql(text("trips")).arrow(),
        lambda: connection.execute(text(table)).to_arrow_table(),
        times,
    )
    middle = sorted(pairs)[len(pairs) // 2]
    say(f"  sql {middle[0]:.3f} s, by hand {middle[1]:.3f} s")
    return pairs


def _object(lake: Lake, number: int) -> str:
    """Return the file of a cold partition, the first is 0."""
    parts = sorted(lake.inventory("trips").parts, key=lambda part: part.period)
    return str(lake.storage.url(parts[number].location)).removeprefix("file://")
