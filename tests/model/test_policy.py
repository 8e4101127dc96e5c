"""The policy: which tier at which age."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.model.period import Duration, Period, Unit
from isotherm.model.policy import Policy, Rule
from isotherm.model.tier import EXPIRED, HOT, TIERS


def policy(**ages: str) -> Policy:
    names = {"expire": EXPIRED.name}
    return Policy(
        tuple(Rule(TIERS[names.get(name, name)], Duration.parse(age)) for name, age in ages.items())
    )


TRIPS = policy(STANDARD="6 months", STANDARD_IA="12 months", GLACIER="15 months", expire="12 years")


@pytest.mark.parametrize(
    ("period", "tier"),
    [
        ("2020-05", "hot"),
        ("2020-06", "hot"),
        ("2019-12", "hot"),
        ("2019-11", "STANDARD"),
        ("2019-06", "STANDARD"),
        ("2019-05", "STANDARD_IA"),
        ("2019-03", "STANDARD_IA"),
        ("2019-02", "GLACIER"),
        ("2008-06", "GLACIER"),
        ("2008-05", "expired"),
        ("0001-01", "expired"),
        ("9999-12", "hot"),
    ],
)
def test_a_month_is_where_its_age_puts_it_as_of_may_2020(period: str, tier: str) -> None:
    assert TRIPS.tier_at(Period.parse(period), Period.parse("2020-05")).name == tier


def test_the_day_within_the_as_of_month_makes_no_difference() -> None:
    november = Period.parse("2019-11")
    for day in (1, 15, 31):
        as_of = Period.of(datetime(2020, 5, day, 23, 59), Unit.MONTH)
        assert TRIPS.tier_at(november, as_of).name == "STANDARD"


@pytest.mark.parametrize(
    ("as_of", "tier"),
    [("2020-02-29", "STANDARD"), ("2020-02-28", "hot"), ("2020-03-01", "STANDARD")],
)
def test_the_last_of_january_is_a_month_old_on_the_last_of_february(as_of: str, tier: str) -> None:
    found = policy(STANDARD="1 month").tier_at(Period.parse("2020-01-31"), Period.parse(as_of))
    assert found.name == tier


def test_hours_enter_a_tier_at_the_very_hour() -> None:
    rules, hour = policy(STANDARD="36 hours"), Period.parse("2019-03-05T07")
    assert rules.tier_at(hour, hour.shifted(35)) == HOT
    assert rules.tier_at(hour, hour.shifted(36)).name == "STANDARD"


@given(st.integers(-3_000, 3_000), st.integers(0, 300))
def test_a_partition_never_gets_warmer_by_getting_older(ordinal: int, months: int) -> None:
    period = Period(Unit.MONTH, ordinal)
    now, later = period.shifted(months), period.shifted(months + 1)
    assert TRIPS.tier_at(period, now).rank <= TRIPS.tier_at(period, later).rank


def test_without_a_policy_everything_stays_hot() -> None:
    assert Policy().tier_at(Period.parse("1970-01"), Period.parse("2020-05")) == HOT


def test_a_rule_is_written_as_it_stands_in_the_config() -> None:
    assert [str(rule) for rule in TRIPS.rules] == [
        'STANDARD = "6 months"',
        'STANDARD_IA = "12 months"',
        'GLACIER = "15 months"',
        'expire = "12 years"',
    ]


def test_the_line_that_leads_on_is_the_next_colder_one() -> None:
    assert str(TRIPS.next_rule(TIERS["STANDARD"])) == 'STANDARD_IA = "12 months"'
    assert str(TRIPS.next_rule(TIERS["GLACIER_IR"])) == 'GLACIER = "15 months"'
    assert TRIPS.next_rule(EXPIRED) is None
    assert TRIPS.enters(TIERS["DEEP_ARCHIVE"]) is None
