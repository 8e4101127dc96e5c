"""Restored partitions: read until their time is over, less a margin, and then guarded again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError
from isotherm.model.period import Duration, between

NOW = datetime(2019, 7, 1)
WEEK = timedelta(days=7)
MARGIN = timedelta(minutes=5)
ALL = "SELECT count(*), sum(id)::BIGINT FROM trips"


@pytest.fixture
def clock() -> Clock:
    """Return the time of the lake."""
    return Clock(NOW)


@pytest.fixture
def lake(make_lake: MakeLake, clock: Clock) -> Lake:
    """Return a lake of 18 months of which 2018-01 to 2018-04 are archived."""
    lake = make_lake(clock=clock)
    run_sql(lake, make_trips(), "CREATE TABLE everything AS FROM trips")
    lake.apply(lake.plan(even_if_uneconomic=True))
    return lake


def restore(lake: Lake, periods: str, days: int = 7) -> None:
    lake.apply(lake.restore_plan("trips", between(periods), Duration.parse(f"{days}d")))


def refused(lake: Lake, query: str) -> list[tuple[str, str]]:
    """Return the ranges that a query is refused for."""
    with pytest.raises(ArchivedError) as caught:
        lake.sql(query)
    return [(first, last) for _, first, last in caught.value.partitions]


def test_a_restored_partition_is_read_and_only_the_others_are_missed(lake: Lake) -> None:
    assert refused(lake, ALL) == [("2018-01", "2018-04")]
    restore(lake, "2018-02..2018-03")
    assert refused(lake, ALL) == [("2018-01", "2018-01"), ("2018-04", "2018-04")]
    within = "WHERE pickup >= '2018-02-01' AND pickup < '2018-04-01'"
    assert lake.sql(f"{ALL} {within}").fetchall() == run_sql(
        lake, f"SELECT count(*), sum(id)::BIGINT FROM everything {within}"
    )
    restore(lake, "2018-01..2018-04")
    assert lake.sql(ALL).fetchall() == run_sql(lake, ALL.replace("trips", "everything"))


def test_it_is_guarded_again_before_its_time_is_over_though_the_pin_still_has_it(
    lake: Lake, clock: Clock
) -> None:
    restore(lake, "2018-01..2018-04")
    clock.now = NOW + WEEK - MARGIN - timedelta(seconds=1)
    assert lake.sql(ALL).fetchall() == run_sql(lake, ALL.replace("trips", "everything"))
    clock.now = NOW + WEEK - MARGIN
    assert refused(lake, ALL) == [("2018-01", "2018-04")]
    clock.now = NOW + WEEK + WEEK
    assert refused(lake, ALL) == [("2018-01", "2018-04")]


def test_what_has_lapsed_is_left_out_as_what_was_never_restored_is(
    lake: Lake, clock: Clock
) -> None:
    restore(lake, "2018-02", days=7)
    restore(lake, "2018-03", days=30)
    clock.forward(WEEK)
    result = lake.sql(ALL, archived="skip")
    assert result.notes == ("left out, archived: trips 2018-01..2018-02, 2018-04",)
    readable = "WHERE pickup >= '2018-05-01' OR strftime(pickup, '%Y-%m') = '2018-03'"
    assert result.fetchall() == run_sql(
        lake, f"SELECT count(*), sum(id)::BIGINT FROM everything {readable}"
    )


def test_a_restore_that_is_prolonged_is_read_for_longer(lake: Lake, clock: Clock) -> None:
    restore(lake, "2018-01..2018-04", days=7)
    clock.forward(timedelta(days=5))
    restore(lake, "2018-01..2018-04", days=7)
    clock.forward(timedelta(days=5))
    assert lake.sql(ALL).fetchall() == run_sql(lake, ALL.replace("trips", "everything"))


def test_when_the_archive_has_it_back_it_is_guarded(lake: Lake, clock: Clock) -> None:
    restore(lake, "2018-01..2018-04")
    clock.forward(WEEK)
    lake.apply(lake.plan(even_if_uneconomic=True))
    assert refused(lake, ALL) == [("2018-01", "2018-04")]


def test_late_rows_of_an_archived_month_are_there_when_it_is_left_out(lake: Lake) -> None:
    late = "INSERT INTO {} VALUES (TIMESTAMP '2018-02-11 10:00:00', 99999, 1, 'late')"
    run_sql(lake, late.format("trips"))
    assert refused(lake, "SELECT id FROM trips WHERE pickup::DATE = '2018-02-11'") == [
        ("2018-02", "2018-02")
    ]
    month = "SELECT id FROM trips WHERE date_trunc('month', pickup) = '2018-02-01'"
    assert lake.sql(month, archived="skip").fetchall() == [(99999,)]
    assert lake.sql("SELECT id FROM hot.trips WHERE tag = 'late'").fetchall() == [(99999,)]


def test_a_refusal_names_what_restoring_costs_takes_and_the_command(lake: Lake) -> None:
    with pytest.raises(ArchivedError) as caught:
        lake.sql("SELECT max(fare) FROM trips WHERE pickup < '2018-02-15'")
    error = caught.value
    assert error.exit_code == 5
    assert error.partitions == (("trips", "2018-01", "2018-02"),)
    assert "trips 2018-01..2018-02: 649 rows" in error.message
    assert "in GLACIER; restoring for 7 days $" in error.message
    assert "up to 5 h" in error.message
    assert "isotherm restore trips 2018-01..2018-02 --for 7d" in error.hint
    assert "--archived skip" in error.hint


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("strftime(pickup, '%Y') = '2019'", "Nothing can be proved of strftime(pickup)"),
        ("pickup + INTERVAL 1 DAY > '2019-06-01'", "Nothing can be proved of pickup + ..."),
        ("month(pickup) = 6", "Nothing can be proved of month(pickup)"),
        ("pickup > (SELECT max(pickup) FROM hot.trips)", "What a subquery yields is not known"),
        ("tag = 'x3'", "Or bound pickup more closely"),
    ],
)
def test_a_refusal_names_the_spelling_that_helps(lake: Lake, condition: str, said: str) -> None:
    with pytest.raises(ArchivedError) as caught:
        lake.sql(f"SELECT count(*) FROM trips WHERE {condition}")
    assert said in caught.value.hint
