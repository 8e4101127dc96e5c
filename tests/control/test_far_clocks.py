"""Clocks that no period can be written of: typing errors, and ends of time."""

from __future__ import annotations

from datetime import datetime

import pytest

from conftest import MakeLake, run_sql

CLOCKS = [
    "0001-01-01",
    "0201-05-07",
    "1969-12-31",
    "2019-03-05",
    "9999-12-31",
    "20019-03-05",
    "0044-03-15 (BC)",
    "infinity",
    "-infinity",
]


@pytest.mark.parametrize("unit", ["month", "day", "hour"])
@pytest.mark.parametrize("clock_type", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
def test_a_clock_beyond_the_calendar_never_ages_and_breaks_nothing(
    make_lake: MakeLake, clock_type: str, unit: str
) -> None:
    if (clock_type, unit) == ("DATE", "hour"):
        pytest.skip("a date has no hours")
    lake = make_lake(
        f'[datasets.t]\ntable = "main.t"\nclock = "seen"\nperiod = "{unit}"\n'
        '[datasets.t.policy]\nSTANDARD = "1 month"\n'
    )
    values = ", ".join(f"('{clock}'::{clock_type})" for clock in CLOCKS)
    run_sql(lake, f"CREATE TABLE main.t AS SELECT * FROM (VALUES {values}, (NULL)) v(seen)")
    found = lake.inventory("t")
    beyond = {item.reason: item.rows for item in found.ageless}
    assert beyond == {
        "seen is NULL": 1,
        "seen is infinite": 2,
        "seen lies outside the years 1 to 9999": 2,
    }
    assert [str(partition.period)[:4] for partition in found] == [
        "0001",
        "0201",
        "1969",
        "2019",
        "9999",
    ]
    plan = lake.plan(as_of=datetime(2020, 1, 1), even_if_uneconomic=True)
    lake.apply(plan)
    tiers = [partition.tier.name for partition in lake.inventory("t")]
    assert tiers == ["STANDARD"] * 4 + ["hot"]
    assert lake.sql("SELECT count(*) FROM t").fetchall() == [(len(CLOCKS) + 1,)]
