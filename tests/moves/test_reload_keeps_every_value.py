"""Rows that go back into the warehouse bring every value, or do not go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from conftest import make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed
from isotherm.model.policy import Policy

AS_OF = datetime(2019, 7, 1)


@pytest.fixture
def cold(make_lake: Callable[..., Lake]) -> Lake:
    """Return a lake with cold months."""
    lake = make_lake()
    run_sql(lake, make_trips(600, minutes=1310))
    lake.apply(lake.plan(as_of=AS_OF, even_if_uneconomic=True))
    return lake


def all_hot(lake: Lake, **changes: object) -> None:
    """Apply a policy that keeps everything hot."""
    trips = replace(lake.config.datasets["trips"], policy=Policy(), **changes)
    lake.config.datasets["trips"] = trips  # type: ignore[index]
    lake.apply(lake.plan(as_of=AS_OF))


def sums(lake: Lake) -> list[tuple[object, ...]]:
    return run_sql(lake, "SELECT count(*), sum(fare), sum(id), min(tag) FROM main.trips")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE main.trips RENAME fare TO price",
        "ALTER TABLE main.trips DROP COLUMN fare",
        "ALTER TABLE main.trips ALTER fare TYPE BOOLEAN",
    ],
)
def test_a_column_that_cannot_take_its_cold_values_stops_the_reload(
    cold: Lake, change: str
) -> None:
    run_sql(cold, change)
    before = cold.inventory("trips").parts
    with pytest.raises(MovesFailed, match="would be lost"):
        all_hot(cold)
    after = {part.id for part in cold.inventory("trips").parts}
    assert after == {part.id for part in before}


def test_a_column_that_is_written_in_another_case_keeps_its_values(cold: Lake) -> None:
    run_sql(cold, 'ALTER TABLE main.trips RENAME fare TO "Fare"')
    all_hot(cold)
    assert run_sql(cold, "SELECT count(*), count(fare) FROM main.trips") == [(600, 600)]


def test_a_renamed_column_takes_its_cold_values(cold: Lake) -> None:
    run_sql(cold, "ALTER TABLE main.trips RENAME fare TO price")
    all_hot(cold, renamed={"fare": "price"})
    assert run_sql(cold, "SELECT count(price) FROM main.trips") == [(600,)]


def test_rows_outside_bounds_that_came_later_go_back_and_never_age(cold: Lake) -> None:
    all_hot(cold, earliest=datetime(2018, 6, 15))
    assert sums(cold)[0][0] == 600
    assert cold.inventory("trips").parts == ()
