"""Lakes with rows about people in every tier, and requests about them that are seen through."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ageing import SOME_MONTHS, Clock, age, policy, tiers_of
from conftest import lake_at, run_sql
from isotherm.erasing import Erased
from isotherm.lake import Lake
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject

NOW = datetime(2019, 7, 1)
TABLE = (
    f"CREATE TABLE trips AS SELECT {SOME_MONTHS}, "
    "i::INTEGER AS id, (i % 10)::INTEGER AS rider_id, 'r' || (i % 10) || '@x.org' AS email, "
    "((i % 97) * 1.25)::DECIMAL(9,2) AS fare FROM range(700) t(i)",
    "INSERT INTO trips VALUES (NULL, 1000, 3, 'r3@x.org', 1), (NULL, 1001, 4, 'r4@x.org', 1)",
)
THREE = DataSubject.parse("rider_id=3")


def about_riders(**ages: str) -> str:
    """Return a config of trips by these ages, of which riders are the data subjects."""
    subject = 'clock = "pickup"\nsubject = ["rider_id", "email"]'
    return policy(**ages).replace('clock = "pickup"', subject)


CONFIG = about_riders(STANDARD="6 months", STANDARD_IA="9 months", GLACIER="12 months")


def riding(request: pytest.FixtureRequest) -> Lake:
    """Make a lake with hot, cold, archived and restored rows, and rows that never age."""
    made = lake_at(request, request.param, CONFIG, clock=Clock(NOW))
    run_sql(made, *TABLE)
    age(made)
    made.apply(made.restore_plan("trips", [Period.parse("2018-04")], Duration.parse("30d")))
    assert set(tiers_of(made).values()) == {"hot", "STANDARD", "STANDARD_IA", "GLACIER"}
    made.erasing.new_key()
    return made


def finish(lake: Lake, case: str = "DSR") -> Erased:
    """Go on with a request until the grace is over, and the rest is done."""
    assert isinstance(lake.clock, Clock)
    for _ in range(4):
        erased = lake.erasing.run(case)
        if erased.request.proven_at:
            return erased
        lake.clock.forward(timedelta(hours=2))
    raise AssertionError(erased.waits_for)
