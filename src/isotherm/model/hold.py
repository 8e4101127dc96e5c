"""Holds: what must be kept although its time is over, or somebody wants it gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .period import Period
from .person import DataSubject


@dataclass(frozen=True, slots=True)
class Hold:
    """What a case keeps of a dataset, until it is released.

    Attributes:
        case: Who wants it, as a court names it.
        periods: The first and the last partition that it covers; None is all of them.
        subjects: Whose records it keeps; none is everybody's.
        placed_by: Who has placed it.

    """

    id: str
    case: str
    dataset: str
    periods: tuple[Period, Period] | None
    subjects: tuple[DataSubject, ...]
    reason: str
    placed_at: datetime
    placed_by: str

    def covers(self, period: Period) -> bool:
        """Say whether it keeps something of a partition."""
        return self.periods is None or self.periods[0] <= period <= self.periods[1]

    @property
    def scope(self) -> str:
        """What it keeps, in words that name nobody."""
        where = self.dataset
        if self.periods:
            first, last = self.periods
            where += f" {first}" if first == last else f" {first}..{last}"
        many = len(self.subjects)
        whose = f", records of {many} {'people' if many != 1 else 'person'}" if many else ""
        return where + whose

    def __str__(self) -> str:
        return f"the hold of case {self.case} ({self.scope}: {self.reason})"
