"""Periods: their form, their order, and their ordinals, which are Iceberg's."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyiceberg.transforms import DayTransform, HourTransform, MonthTransform
from pyiceberg.types import TimestampType

from isotherm.model.period import Period, Unit, as_instant, between, moment, ranges, span

UNITS = st.sampled_from(list(Unit))
INSTANTS = st.datetimes(datetime.min, datetime.max)
ICEBERG = {
    Unit.MONTH: MonthTransform().transform(TimestampType()),
    Unit.DAY: DayTransform().transform(TimestampType()),
    Unit.HOUR: HourTransform().transform(TimestampType()),
}
EPOCH = datetime(1970, 1, 1)


def micros(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


@given(INSTANTS, UNITS)
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999), Unit.MONTH)
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999), Unit.DAY)
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999), Unit.HOUR)
@example(datetime(1968, 2, 29), Unit.MONTH)
@example(datetime.min, Unit.HOUR)
@example(datetime.max, Unit.HOUR)
def test_the_ordinal_is_icebergs(instant: datetime, unit: Unit) -> None:
    assert Period.of(instant, unit).ordinal == ICEBERG[unit](micros(instant))


@given(INSTANTS, UNITS)
def test_a_period_holds_its_instants_from_its_start_to_before_its_end(
    instant: datetime, unit: Unit
) -> None:
    period = Period.of(instant, unit)
    assert period.start <= instant <= period.end
    assert instant < period.end or period.end == datetime.max
    assert Period.of(period.start, unit) == period


@given(INSTANTS, UNITS)
@example(datetime(99, 3, 1), Unit.MONTH)
@example(datetime(1, 1, 1), Unit.DAY)
@example(datetime(9999, 12, 31, 23), Unit.HOUR)
def test_what_is_written_is_read_back(instant: datetime, unit: Unit) -> None:
    period = Period.of(instant, unit)
    assert Period.parse(str(period)) == period
    assert len(str(period)) == {Unit.MONTH: 7, Unit.DAY: 10, Unit.HOUR: 13}[unit]


@given(INSTANTS, INSTANTS, UNITS)
def test_periods_sort_by_time_and_so_do_their_names(
    one: datetime, other: datetime, unit: Unit
) -> None:
    a, b = Period.of(one, unit), Period.of(other, unit)
    assert (a < b) == (a.start < b.start) == (str(a) < str(b))


@pytest.mark.parametrize(
    ("text", "unit", "start"),
    [
        ("2019-03", Unit.MONTH, datetime(2019, 3, 1)),
        ("1969-12", Unit.MONTH, datetime(1969, 12, 1)),
        ("2020-02-29", Unit.DAY, datetime(2020, 2, 29)),
        ("2019-03-05T07", Unit.HOUR, datetime(2019, 3, 5, 7)),
        (" 2019-03 ", Unit.MONTH, datetime(2019, 3, 1)),
    ],
)
def test_the_form_says_the_unit(text: str, unit: Unit, start: datetime) -> None:
    period = Period.parse(text)
    assert (period.unit, period.start) == (unit, start)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2019",
        "2019-3",
        "2019-13",
        "2019-00",
        "0000-01",
        "2019-02-29",
        "2019-03-05T24",
        "2019-03-05 07",
        "2019-03-05T07:00",
        "2019-03\n2019-04",
        "\uff12\uff10\uff11\uff19-03",
        "-2019-03",
        "12019-03",
    ],
)
def test_what_is_no_period_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no period") as error:
        Period.parse(text)
    assert repr(text) in str(error.value)


def test_the_last_period_ends_with_the_last_instant() -> None:
    for text in ("9999-12", "9999-12-31", "9999-12-31T23"):
        assert Period.parse(text).end == datetime.max
    assert Period.parse("9999-11").end == datetime(9999, 12, 1)


@given(st.lists(st.integers(-30, 30)), UNITS)
def test_ranges_hold_the_same_periods_and_never_touch(ordinals: list[int], unit: Unit) -> None:
    periods = [Period(unit, ordinal) for ordinal in ordinals]
    found = list(ranges(periods))
    members = [o for first, last in found for o in range(first.ordinal, last.ordinal + 1)]
    assert members == sorted(set(ordinals))
    for (_, last), (first, _) in pairwise(found):
        assert last.ordinal + 1 < first.ordinal


def test_periods_of_two_units_are_not_joined() -> None:
    assert len(list(ranges([Period(Unit.DAY, 1), Period(Unit.MONTH, 2)]))) == 2


def test_a_span_names_ranges_by_their_ends() -> None:
    texts = ["2019-08", "2018-12", "2019-01", "2019-02"]
    assert span(Period.parse(text) for text in texts) == "2018-12..2019-02, 2019-08"
    assert span([]) == ""


def test_a_range_is_read_with_both_ends() -> None:
    assert [str(p) for p in between("2018-11..2019-02")] == [
        "2018-11",
        "2018-12",
        "2019-01",
        "2019-02",
    ]
    assert between("2019-03") == (Period.parse("2019-03"),)


@pytest.mark.parametrize("text", ["2019-03..", "..2019-03", "2019-04..2019-03", "2019..2020"])
def test_a_range_that_runs_backwards_or_ends_nowhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        between(text)


def test_a_range_from_a_month_to_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="month and day are mixed"):
        between("2019-03..2019-03-05")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2020-05", datetime(2020, 5, 1)),
        ("2020-05-17", datetime(2020, 5, 17)),
        ("2020-05-17T08", datetime(2020, 5, 17, 8)),
        ("2020-05-17 08:30", datetime(2020, 5, 17, 8, 30)),
        ("2020-05-17 08:30:15", datetime(2020, 5, 17, 8, 30, 15)),
        ("2020-05-17T08:30+02:00", datetime(2020, 5, 17, 6, 30)),
        ("2020-05-17T08:30Z", datetime(2020, 5, 17, 8, 30)),
    ],
)
def test_an_as_of_is_read_in_utc(text: str, instant: datetime) -> None:
    assert moment(text) == instant


@pytest.mark.parametrize("text", ["", "May", "2020-13", "2020-05-32", "0001-01-01T00:00+02:00"])
def test_what_is_no_as_of_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no date: write 2020-05"):
        moment(text)


def test_a_date_is_its_first_instant() -> None:
    assert as_instant(date(2009, 1, 1)) == datetime(2009, 1, 1)
