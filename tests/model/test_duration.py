"""Durations: calendar arithmetic, clamped to the month's end."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.model.period import Duration, Unit

INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9000, 1, 1))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("6 months", Duration(months=6)),
        ("1 month", Duration(months=1)),
        ("12 years", Duration(months=144)),
        ("2y", Duration(months=24)),
        ("6mo", Duration(months=6)),
        ("2 weeks", Duration(seconds=14 * 86_400)),
        ("7 days", Duration(seconds=7 * 86_400)),
        ("7d", Duration(seconds=7 * 86_400)),
        ("36h", Duration(seconds=36 * 3_600)),
        ("90 min", Duration(seconds=5_400)),
        ("5m", Duration(seconds=300)),
        ("30s", Duration(seconds=30)),
        (" 6  Months ", Duration(months=6)),
    ],
)
def test_a_duration_is_read(text: str, duration: Duration) -> None:
    assert Duration.parse(text) == duration


@pytest.mark.parametrize(
    "text", ["", "6", "months", "-6 months", "1.5 years", "6 moons", "6 months 3 days", "٦ months"]
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write 6 months"):
        Duration.parse(text)


@given(st.integers(0, 5_000), st.sampled_from(["months", "years", "days", "hours", "weeks", "s"]))
def test_what_is_written_is_read_back(count: int, word: str) -> None:
    duration = Duration.parse(f"{count} {word}")
    assert Duration.parse(str(duration)) == duration


def test_nothing_of_a_duration_is_left_out_when_it_is_written() -> None:
    assert str(Duration(months=30, seconds=86_400)) == "30 months 1 day"
    assert str(Duration(months=24)) == "2 years"
    assert str(Duration(months=12)) == "12 months"


@given(INSTANTS, st.integers(0, 1_000))
def test_months_are_added_by_the_calendar_and_clamped(instant: datetime, months: int) -> None:
    found = Duration(months=months).after(instant)
    assert (found.year * 12 + found.month) - (instant.year * 12 + instant.month) == months
    assert found.day == min(instant.day, calendar.monthrange(found.year, found.month)[1])
    assert found.time() == instant.time()


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (datetime(2019, 1, 31), 1, datetime(2019, 2, 28)),
        (datetime(2020, 1, 31), 1, datetime(2020, 2, 29)),
        (datetime(2020, 2, 29), 12, datetime(2021, 2, 28)),
        (datetime(2019, 12, 31), 2, datetime(2020, 2, 29)),
        (datetime(2019, 11, 1), 6, datetime(2020, 5, 1)),
    ],
)
def test_the_ends_of_months_are_clamped(start: datetime, months: int, end: datetime) -> None:
    assert Duration(months=months).after(start) == end


@given(INSTANTS, st.integers(0, 10**8))
def test_seconds_are_added_as_they_are(instant: datetime, seconds: int) -> None:
    assert Duration(seconds=seconds).after(instant) == instant + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["1 month", "9000 years", "999999999999 years", f"{10**18} days"])
def test_what_lies_beyond_the_calendar_is_its_last_instant(text: str) -> None:
    assert Duration.parse(text).after(datetime(9999, 12, 31)) == datetime.max


@given(INSTANTS, INSTANTS, st.integers(0, 500), st.integers(0, 10**7))
def test_who_starts_later_is_never_aged_earlier(
    one: datetime, other: datetime, months: int, seconds: int
) -> None:
    duration = Duration(months, seconds)
    earlier, later = sorted((one, other))
    assert duration.after(earlier) <= duration.after(later)


def test_a_duration_fits_a_period_that_divides_it() -> None:
    fits = {
        text: [unit.value for unit in Unit if Duration.parse(text).fits(unit)]
        for text in ("6 months", "7 days", "36 hours", "90 minutes")
    }
    assert fits == {
        "6 months": ["month", "day", "hour"],
        "7 days": ["day", "hour"],
        "36 hours": ["hour"],
        "90 minutes": [],
    }
