"""Rows of an object are in the order of the clock, whatever order they were loaded in."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ageing import Clock, age, policy
from conftest import MakeLake, lake_at, run_sql
from isotherm.lake import Lake

ROWS = 600_000
CONFIG = policy(STANDARD="6 months")
ABOUT = "i - i % 1000 + i * 389 % 1000"
"""In order, but for a thousand rows beside each other."""
BY_THREADS = f"i // 2000 % 2 * {ROWS // 2} + i // 4000 * 2000 + i % 2000"
"""As two threads would load it, each its half, in turn."""
ANYHOW = f"i * 7919 % {ROWS}"


def fill(lake: Lake, number: str, clock: str = "pickup TIMESTAMP") -> None:
    """Make a table whose rows have this number of seconds since the month began."""
    name, type_ = clock.split()
    at = "TIMESTAMP '2018-04-01' + {} * INTERVAL '1' SECOND"
    if type_ == "BIGINT":
        at = "1522540800 + {}"
    generated = f"generate_series(0, {ROWS - 1}) t(i)"
    run_sql(lake, f"CREATE TABLE trips ({name} {type_}, id BIGINT)")
    run_sql(lake, f"INSERT INTO trips SELECT {at.format(f'({number})')}, i FROM {generated}")


def in_order(lake: Lake) -> float:
    """Return the share of an object's neighbours of which the first is not after the second."""
    (part,) = lake.inventory("trips").parts
    session = lake.warehouse.session()
    source = f"read_parquet('{lake.storage.url(part.location)}', file_row_number = true)"
    rows = session.execute(f"SELECT pickup FROM {source} ORDER BY file_row_number")
    session.close()
    assert len(rows) == ROWS
    return sum(a <= b for a, b in pairwise(rows)) / (ROWS - 1)


@pytest.mark.parametrize("where", ["duckdb", "postgres"])
def test_scattered_rows_are_sorted_by_the_clock(request: pytest.FixtureRequest, where: str) -> None:
    lake = lake_at(request, where, CONFIG, clock=Clock())
    fill(lake, ANYHOW)
    age(lake)
    assert in_order(lake) == 1


def test_so_are_those_of_a_clock_that_counts(make_lake: MakeLake) -> None:
    unit = CONFIG.replace('clock = "pickup"', 'clock = "pickup"\nclock_unit = "seconds"')
    lake = make_lake(unit, clock=Clock())
    fill(lake, ANYHOW, "pickup BIGINT")
    age(lake)
    assert in_order(lake) == 1


@pytest.mark.parametrize(
    ("number", "setting"),
    [(ABOUT, ""), (BY_THREADS, ""), (ANYHOW, "order_by = []"), (ANYHOW, 'order_by = ["id"]')],
    ids=["about in order", "loaded by threads", "as they are", "by another column"],
)
def test_rows_are_not_sorted_by_the_clock_where(
    make_lake: MakeLake, number: str, setting: str
) -> None:
    lake = make_lake(CONFIG.replace('clock = "pickup"', f'clock = "pickup"\n{setting}'))
    fill(lake, number)
    age(lake)
    assert 0.4 < in_order(lake) < 1


def test_a_column_that_is_called_rowid_is_the_owners(make_lake: MakeLake) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips (pickup TIMESTAMP, rowid VARCHAR)",
        "INSERT INTO trips SELECT TIMESTAMP '2018-04-01' + "
        f"({ANYHOW}) * INTERVAL '1' SECOND, 'x' FROM range({ROWS}) t(i)",
    )
    age(lake)
    assert lake.sql("select count(*) from trips where rowid = 'x'").fetchall() == [(ROWS,)]
