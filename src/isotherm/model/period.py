"""Periods of time and the durations between them.

A period is a month, a day or an hour of UTC. Its ordinal counts from 1970-01-01, as the Iceberg
transforms `month`, `day` and `hour` do, so that the two can be compared without conversion.

Instants are `datetime`s in UTC without zone, and so lie in the years 1 to 9999. What would lie
beyond is the last of them: no plan gets there.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Unit(StrEnum):
    """How long a period is."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


_FORMS = {
    Unit.MONTH: re.compile(r"([0-9]{4})-([0-9]{2})"),
    Unit.DAY: re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"),
    Unit.HOUR: re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})"),
}
_LENGTHS = {Unit.MONTH: 7, Unit.DAY: 10, Unit.HOUR: 13}


@dataclass(frozen=True, order=True, slots=True)
class Period:
    """One month, day or hour; written `2019-03`, `2019-03-05` or `2019-03-05T07`."""

    unit: Unit
    ordinal: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period; its unit follows from its form.

        Raises:
            ValueError: `text` is no period.

        """
        for unit, form in _FORMS.items():
            if match := form.fullmatch(text.strip()):
                year, month, *rest = (int(group) for group in match.groups())
                day, hour = [*rest, 0][:2] if rest else [1, 0]
                try:
                    return cls.of(datetime(year, month, day, hour), unit)
                except ValueError as error:
                    raise ValueError(f"{text!r} is no period: {error}") from None
        raise ValueError(f"{text!r} is no period: write 2019-03, 2019-03-05 or 2019-03-05T07")

    @classmethod
    def of(cls, instant: datetime, unit: Unit) -> Period:
        """Return the period that holds `instant` (UTC, without zone)."""
        if unit is Unit.MONTH:
            return cls(unit, (instant.year - 1970) * 12 + instant.month - 1)
        return cls(unit, (instant - EPOCH) // (DAY if unit is Unit.DAY else HOUR))

    @property
    def start(self) -> datetime:
        """The first instant of the period, UTC without zone."""
        if self.unit is Unit.MONTH:
            return datetime(1970 + self.ordinal // 12, self.ordinal % 12 + 1, 1)
        return EPOCH + self.ordinal * (DAY if self.unit is Unit.DAY else HOUR)

    @property
    def end(self) -> datetime:
        """The first instant after the period, UTC without zone; for the last one its last."""
        try:
            return self.shifted(1).start
        except (ValueError, OverflowError):
            return datetime.max

    def shifted(self, count: int) -> Period:
        """Return the period `count` units later."""
        return Period(self.unit, self.ordinal + count)

    def __str__(self) -> str:
        return self.start.isoformat()[: _LENGTHS[self.unit]]


def ranges(periods: Iterable[Period]) -> Iterator[tuple[Period, Period]]:
    """Join periods that follow each other into `(first, last)` ranges, in order."""
    first = last = None
    for period in sorted(set(periods)):
        if first is None or last is None:
            first = last = period
        elif period == last.shifted(1):
            last = period
        else:
            yield first, last
            first = last = period
    if first is not None and last is not None:
        yield first, last


def span(periods: Iterable[Period]) -> str:
    """Write periods as ranges: `2019-03..2019-05, 2019-08`."""
    return ", ".join(str(a) if a == b else f"{a}..{b}" for a, b in ranges(periods))


def between(text: str) -> tuple[Period, ...]:
    """Read a period or a range of periods, `2019-03` or `2019-03..2019-08`.

    Raises:
        ValueError: `text` is neither, or the range runs backwards.

    """
    first_text, dots, last_text = text.partition("..")
    first = Period.parse(first_text)
    last = Period.parse(last_text) if dots else first
    if first.unit is not last.unit:
        raise ValueError(f"{text!r} is no range of periods: {first.unit} and {last.unit} are mixed")
    if last < first:
        raise ValueError(f"{text!r} is no range of periods: write the earlier one first")
    return tuple(first.shifted(n) for n in range(last.ordinal - first.ordinal + 1))


_DURATION = re.compile(r"([0-9]+)\s*([a-z]+)", re.IGNORECASE)
_WORDS = {
    "y": "year",
    "mo": "month",
    "w": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "mins": "minute",
    "m": "minute",
    "s": "second",
}
_SECONDS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_MONTHS = {"year": 12, "month": 1}


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of calendar time: months, and seconds beside them."""

    months: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `6 months`, `12 years`, `7 days`, `7d` or `36h`.

        Raises:
            ValueError: `text` is no duration.

        """
        if match := _DURATION.fullmatch(text.strip()):
            word = match.group(2).lower()
            word = _WORDS.get(word, word.removesuffix("s"))
            if word in _MONTHS:
                return cls(months=int(match.group(1)) * _MONTHS[word])
            if word in _SECONDS:
                return cls(seconds=int(match.group(1)) * _SECONDS[word])
        raise ValueError(f"{text!r} is no duration: write 6 months, 12 years, 7 days or 36 hours")

    def fits(self, unit: Unit) -> bool:
        """Say whether the duration is a whole number of periods of `unit`."""
        if unit is Unit.MONTH:
            return self.seconds == 0
        return self.seconds % (86_400 if unit is Unit.DAY else 3_600) == 0

    def after(self, instant: datetime) -> datetime:
        """Add the duration to `instant` by the calendar, clamped to the month's end.

        What lies beyond the year 9999 is its last instant.
        """
        month = instant.month - 1 + self.months
        year, month = instant.year + month // 12, month % 12 + 1
        day = instant.day
        try:
            if day > 28:
                day = min(day, calendar.monthrange(year, month)[1])
            moved = instant.replace(year=year, month=month, day=day)
            return moved + timedelta(seconds=self.seconds)
        except (ValueError, OverflowError):
            return datetime.max

    @property
    def length(self) -> timedelta:
        """The length, with months of 30.4375 days."""
        return timedelta(days=self.months * 30.4375, seconds=self.seconds)

    @property
    def in_months(self) -> float:
        """The length in months of 30.4375 days; for comparing and for dollars."""
        return self.months + self.seconds / (30.4375 * 86_400)

    def __str__(self) -> str:
        years = self.months % 12 == 0 and self.months >= 24
        parts = []
        if self.months:
            parts.append((self.months // 12, "year") if years else (self.months, "month"))
        if self.seconds or not self.months:
            word = next(w for w, s in _SECONDS.items() if w != "week" and self.seconds % s == 0)
            parts.append((self.seconds // _SECONDS[word], word))
        return " ".join(f"{count} {word}" + ("" if count == 1 else "s") for count, word in parts)


def moment(text: str) -> datetime:
    """Read an as-of: a month, a day, an hour or `YYYY-MM-DD HH:MM[:SS]`; UTC without a zone.

    Raises:
        ValueError: `text` is none of these.

    """
    try:
        return Period.parse(text).start
    except ValueError:
        pass
    try:
        return as_instant(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no date: write 2020-05, 2020-05-17 or 2020-05-17 08:30"
        ) from None


def as_instant(value: date | datetime) -> datetime:
    """Return a date or time as an instant, UTC without zone."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
