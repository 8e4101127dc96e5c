"""Periods of time and the durations between them.

A period is a month, a day or an hour of UTC. Its ordinal counts from 1970-01-01, as the Iceberg
transforms `month`, `day` and `hour` do, so that the two can be compared without conversion.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1)
HOUR = timedelta(hours=1)


class Unit(StrEnum):
    """How long a period is."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


_PATTERNS = {
    Unit.MONTH: re.compile(r"(\d{4})-(\d\d)$"),
    Unit.DAY: re.compile(r"(\d{4})-(\d\d)-(\d\d)$"),
    Unit.HOUR: re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)$"),
}
_FORMATS = {Unit.MONTH: "%Y-%m", Unit.DAY: "%Y-%m-%d", Unit.HOUR: "%Y-%m-%dT%H"}


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
        for unit, pattern in _PATTERNS.items():
            if pattern.match(text.strip()):
                return cls.of(datetime.strptime(text.strip(), _FORMATS[unit]), unit)
        raise ValueError(f"{text!r} is no period: write 2019-03, 2019-03-05 or 2019-03-05T07")

    @classmethod
    def of(cls, instant: datetime, unit: Unit) -> Period:
        """Return the period that holds `instant` (UTC, without zone)."""
        if unit is Unit.MONTH:
            return cls(unit, (instant.year - 1970) * 12 + instant.month - 1)
        step = timedelta(days=1) if unit is Unit.DAY else HOUR
        return cls(unit, (instant - EPOCH) // step)

    @property
    def start(self) -> datetime:
        """The first instant of the period, UTC without zone."""
        if self.unit is Unit.MONTH:
            return datetime(1970 + self.ordinal // 12, self.ordinal % 12 + 1, 1)
        return EPOCH + self.ordinal * (timedelta(days=1) if self.unit is Unit.DAY else HOUR)

    @property
    def end(self) -> datetime:
        """The first instant after the period, UTC without zone."""
        return self.shifted(1).start

    def shifted(self, count: int) -> Period:
        """Return the period `count` units later."""
        return Period(self.unit, self.ordinal + count)

    def __str__(self) -> str:
        # strftime drops the zeros before a year below 1000.
        return self.start.strftime(_FORMATS[self.unit]).rjust(len(self._blank()), "0")

    def _blank(self) -> str:
        return {Unit.MONTH: "0000-00", Unit.DAY: "0000-00-00", Unit.HOUR: "0000-00-00T00"}[
            self.unit
        ]


def ranges(periods: Iterable[Period]) -> Iterator[tuple[Period, Period]]:
    """Join periods that follow each other into `(first, last)` ranges, in order."""
    ordered = sorted(set(periods))
    first = last = None
    for period in ordered:
        if first is None or last is None:
            first = last = period
        elif period.ordinal == last.ordinal + 1:
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
    if first.unit is not last.unit or last < first:
        raise ValueError(f"{text!r} is no range of periods: write the earlier one first")
    return tuple(first.shifted(n) for n in range(last.ordinal - first.ordinal + 1))


_DURATION = re.compile(r"(\d+)\s*([a-z]+)$", re.IGNORECASE)
_WORDS = {
    "y": "year",
    "mo": "month",
    "w": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "m": "minute",
    "s": "second",
}
_SECONDS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


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
        match = _DURATION.match(text.strip())
        word = match.group(2).lower() if match else ""
        word = _WORDS.get(word, word.removesuffix("s"))
        if match and word in ("year", "month"):
            return cls(months=int(match.group(1)) * (12 if word == "year" else 1))
        if match and word in _SECONDS:
            return cls(seconds=int(match.group(1)) * _SECONDS[word])
        raise ValueError(f"{text!r} is no duration: write 6 months, 12 years, 7 days or 36 hours")

    def fits(self, unit: Unit) -> bool:
        """Say whether the duration is a whole number of periods of `unit`."""
        if unit is Unit.MONTH:
            return self.seconds == 0
        return self.seconds % (86_400 if unit is Unit.DAY else 3_600) == 0

    def after(self, instant: datetime) -> datetime:
        """Add the duration to `instant` by the calendar, clamped to the month's end."""
        month = instant.month - 1 + self.months
        year, month = instant.year + month // 12, month % 12 + 1
        day = min(instant.day, calendar.monthrange(year, month)[1])
        return instant.replace(year=year, month=month, day=day) + timedelta(seconds=self.seconds)

    @property
    def in_months(self) -> float:
        """The length in months of 30.4375 days; for comparing and for dollars."""
        return self.months + self.seconds / (30.4375 * 86_400)

    def __str__(self) -> str:
        if self.months:
            years = self.months % 12 == 0 and self.months >= 24
            count, word = (self.months // 12, "year") if years else (self.months, "month")
        else:
            word = next((w for w, s in _SECONDS.items() if self.seconds % s == 0 and w != "week"))
            count = self.seconds // _SECONDS[word]
        return f"{count} {word}" + ("" if count == 1 else "s")


def moment(text: str) -> datetime:
    """Read an as-of: a month, a day, an hour or `YYYY-MM-DD HH:MM[:SS]`, UTC.

    Raises:
        ValueError: `text` is none of these.

    """
    try:
        return Period.parse(text).start
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write 2020-05 or 2020-05-17") from None
    return found.replace(tzinfo=None) if found.tzinfo is None else _utc(found)


def _utc(instant: datetime) -> datetime:
    offset = instant.utcoffset() or timedelta(0)
    return (instant - offset).replace(tzinfo=None)


def as_instant(value: date | datetime) -> datetime:
    """Return a date or time as an instant, UTC without zone."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value if value.tzinfo is None else _utc(value)
