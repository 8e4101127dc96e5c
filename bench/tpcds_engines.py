"""TPC-DS beside Sail and Apache Spark: the same tables as Parquet, the same 99 queries.

Each side is alone when its turn comes: all queries once to warm up, and then with a clock, one
round after the other. So none is asked again right after it was asked, which would spare Isotherm
to look into it.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from operator import truediv
from pathlib import Path

import duckdb
import pyarrow as pa

import isotherm
from isotherm.lake import Lake

from . import tpcds
from .engines import Client, FailedError, client, engines
from .ratio import Found, Point, Ratio, ratio_of, say, seconds

FASTER_THAN_SPARK = 10.0
TIMES = 3
FULL_TIMES = 1
"""Rounds with a clock; at factor 10 one takes half an hour."""
SPARK = "Apache Spark"
FILE_BYTES = "128MB"
"""About how large a file of a table becomes; small tables are one file."""
NULLS = "nulls_first_on_asc_last_on_desc"
"""Where Spark sorts NULL to, if a query does not say: query 12 ends after 100 rows."""
TOLERANCE = 1e-4
"""Spark's averages and quotients of decimals have six digits; those of DuckDB are DOUBLE."""


@dataclass(frozen=True)
class Asked:
    """A query: its rows by plain DuckDB, and how long it takes here each time, seconds."""

    text: str
    answer: pa.Table
    ours: tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """What an engine made of a query, and how long each time; no time where it made nothing."""

    number: int
    seconds: tuple[float, ...]
    right: bool


def measure(folder: Path) -> Found:
    """Ask all queries at scale factor 1."""
    return _measure(folder / "tpcds-engines", tpcds.SCALE, TIMES)


def measure_full(folder: Path) -> Found:
    """Ask all queries at scale factor 10."""
    return _measure(folder / "tpcds-engines-full", tpcds.FULL_SCALE, FULL_TIMES)


def _measure(folder: Path, scale: float, times: int) -> Found:
    tpcds.make(folder, scale)
    tables = folder / "parquet"
    with tpcds.plain(folder) as connection:
        write_parquet(connection, tables)
        connection.execute(f"SET default_null_order = '{NULLS}'")  # for its answers alone
        queries = {number: tpcds.text_of(connection, number) for number in tpcds.QUERIES}
        answers = {n: connection.execute(text).to_arrow_table() for n, text in queries.items()}
    with isotherm.open(folder / "lake" / "isotherm.toml") as lake:
        asks = {n: partial(_ask_lake, lake, text) for n, text in queries.items()}
        ours = in_rounds(asks, times)
    say(f"  Isotherm: {sum(map(statistics.median, ours.values())):.1f} s for all")
    asked = {n: Asked(spelled(text), answers[n], ours[n]) for n, text in queries.items()}
    figures: list[Ratio | Point] = []
    for engine in engines():
        with client(engine, tables) as found:
            answers_ = _answers(found, asked, times)
        figures += summed_up(f"TPC-DS SF{scale:g}, {engine.name}", answers_, asked)
        figures += [
            tpcds.point(scale, engine.name, item.number, *item.seconds)
            for item in answers_
            if item.seconds
        ]
    return figures


def write_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write every table to a folder of its own."""
    for (name,) in connection.execute("SHOW TABLES").fetchall():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"COPY {name} TO '{folder / name}' (FORMAT parquet, FILE_SIZE_BYTES '{FILE_BYTES}')"
        )


def spelled(query: str) -> str:
    """Return a query as Spark reads it: names are quoted otherwise, one statement has no end."""
    return query.strip().rstrip(";").replace('"', "`")


def in_rounds(asks: Mapping[int, Callable[[], object]], times: int) -> dict[int, tuple[float, ...]]:
    """Ask all queries once, and then so many rounds more; return the seconds of those.

    A query that fails has none, and is not asked again.
    """
    taken: dict[int, list[float]] = {number: [] for number in asks}
    for _ in range(1 + times):
        for number in list(taken):
            try:
                taken[number].append(seconds(asks[number]))
            except FailedError as error:
                say(f"  query {number} failed: {error}")
                del taken[number]
    return {number: tuple(taken.get(number, ())[1:]) for number in asks}


def alike(one: pa.Table, other: pa.Table) -> bool:
    """Say whether each column has the same values, its numbers in sum alone and about."""
    if (one.num_rows, one.num_columns) != (other.num_rows, other.num_columns):
        return False
    pairs = zip(one.columns, other.columns, strict=True)
    return all(_alike(a.to_pylist(), b.to_pylist()) for a, b in pairs)


def _alike(one: list[object], other: list[object]) -> bool:
    (numbers, others), (more_numbers, more_others) = map(_split, (one, other))
    return (
        Counter(others) == Counter(more_others)
        and len(numbers) == len(more_numbers)
        and math.isclose(sum(numbers), sum(more_numbers), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    )


def _split(values: list[object]) -> tuple[list[float], list[object]]:
    numbers = [float(v) for v in values if isinstance(v, int | float | Decimal)]
    return numbers, [v for v in values if not isinstance(v, int | float | Decimal)]


def _ask_lake(lake: Lake, query: str) -> pa.Table:
    return lake.sql(query).arrow()


def _answers(found: Client, asked: Mapping[int, Asked], times: int) -> list[Answer]:
    """Ask an engine; what it cannot do, or does otherwise, is told."""
    name, right = found.engine.name, {}

    def ask(number: int) -> None:
        answer = found.ask(asked[number].text)
        if number not in right:  # later ones need not be compared
            right[number] = alike(answer, asked[number].answer)
            if not right[number]:
                say(f"  query {number}: {name} answers otherwise, {answer.num_rows} rows")

    taken = in_rounds({number: partial(ask, number) for number in asked}, times)
    for number, theirs in taken.items():
        if theirs:
            ours = statistics.median(asked[number].ours)
            say(f"  query {number}: {name} {statistics.median(theirs):.2f} s, here {ours:.3f} s")
    return [Answer(n, theirs, right=right.get(n, False)) for n, theirs in taken.items()]


def summed_up(name: str, answers: list[Answer], asked: Mapping[int, Asked]) -> list[Ratio]:
    """Sum up an engine; queries that it did not answer, or otherwise, are counted."""
    done = [item for item in answers if item.seconds]
    failed = [item.number for item in answers if not item.seconds]
    other = [item.number for item in done if not item.right]
    say(f"  {name}: not answered: {failed or 'none'}; answered otherwise: {other or 'none'}")
    # Each time by itself: what all queries took there, and here.
    theirs = list(zip(*(item.seconds for item in done), strict=True))
    ours = list(zip(*(asked[item.number].ours for item in done), strict=True))
    turns = list(zip(theirs, ours, strict=True))
    means = [statistics.geometric_mean(map(truediv, *turn)) for turn in turns]
    sums = [sum(there) / sum(here) for there, here in turns]
    bar = FASTER_THAN_SPARK if SPARK in name else None
    long = f"{name}: times as long, {{}} of {len(done)} queries"
    return [
        ratio_of(long.format("geometric mean"), means or [math.nan], bar, less_is_better=False),
        ratio_of(long.format("sum"), sums or [math.nan], None),
        Ratio(f"{name}: queries not answered", len(failed), 0.0, None),
        Ratio(f"{name}: queries answered otherwise", len(other), 0.0, None),
    ]
