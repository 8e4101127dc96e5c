"""Clocks: columns that age rows, and how their values stand for instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = ["INTEGER_TYPES", "TIME_TYPES", "ZONED", "Clock", "ClockUnit"]

ZONED = "TIMESTAMP WITH TIME ZONE"
TIME_TYPES = ("TIMESTAMP", ZONED, "DATE")
"""The types of clocks that say themselves what they mean."""
INTEGER_TYPES = ("INTEGER", "BIGINT")
"""The types of clocks that count units since an instant."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400_000_000


class ClockUnit(StrEnum):
    """What a clock of whole numbers counts."""

    SECONDS = "seconds"
    """Since 1970-01-01, UTC; so do the next three."""
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"
    DAYS = "days"
    JULIAN_DAYS = "julian days"
    """Julian day numbers: 2,440,588 is 1970-01-01."""

    @property
    def microseconds(self) -> int:
        """How many microseconds one of it is."""
        return _MICROSECONDS[self]

    @property
    def zero(self) -> int:
        """The number of 1970-01-01."""
        return 2_440_588 if self is ClockUnit.JULIAN_DAYS else 0

    @property
    def is_day(self) -> bool:
        """Whether it has no hours."""
        return self.microseconds == _DAY

    def number(self, instant: datetime) -> int:
        """Return the first number whose instant is not before this one, UTC without zone."""
        return self.zero - (_EPOCH - instant) // _MICROSECOND // self.microseconds


_MICROSECONDS = {
    ClockUnit.SECONDS: 1_000_000,
    ClockUnit.MILLISECONDS: 1_000,
    ClockUnit.MICROSECONDS: 1,
    ClockUnit.DAYS: _DAY,
    ClockUnit.JULIAN_DAYS: _DAY,
}


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a dataset, as the warehouse has it.

    Attributes:
        type: Of the column.
        unit: What it counts, where it is a whole number.

    """

    name: str
    type: str
    unit: ClockUnit | None = None

    @property
    def has_hours(self) -> bool:
        """Whether it tells the hours of a day apart."""
        return self.type != "DATE" and not (self.unit and self.unit.is_day)

    def clamped(self, number: int) -> int:
        """Return the nearest number that a clock of whole numbers can hold."""
        last = (1 << (31 if self.type == "INTEGER" else 63)) - 1
        return max(-last - 1, min(number, last))

    def last_before(self, instant: datetime) -> datetime:
        """Return the last instant before this one that a value of it stands for."""
        step = self.unit.microseconds if self.unit else _DAY if self.type == "DATE" else 1
        return instant - timedelta(microseconds=step)
