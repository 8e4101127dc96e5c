"""Holds: what must be kept although its time is over, or somebody wants it gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .period import Period
from .person import DataSubject, Renames, since


@dataclass(frozen=True, slots=True)
class Hold:
    """What a case keeps of a dataset, until it is released.

    Attributes:
        case: Who wants it, as a court names it.
        periods: The first and the last partition that it covers; None is all of them.
        subjects: Whose records it keeps; none is everybody's.
        placed_by: Who has placed it.
        renames: Those that were known when it was placed: its people are named by what columns were
            called then.

    """

    id: str
    case: str
    dataset: str
    periods: tuple[Period, Period] | None
    subjects: tuple[DataSubject, ...]
    reason: str
    placed_at: datetime
    placed_by: str
    renames: Renames = ()

    def covers(self, period: Period) -> bool:
        """Say whether it keeps something of a partition."""
        if self.periods is None:
            return True
        first, last = self.periods  # by time: the dataset may be cut by another unit by now
        return first.start < period.end and period.start < last.end

    def named_now(self, renamed: Mapping[str, str]) -> Hold:
        """Return it with its people named by what columns are called now.

        Args:
            renamed: Columns that the table's owner has renamed: new name by old name.

        """
        names = since(self.renames, renamed)
        return replace(self, subjects=tuple(subject.renamed(names) for subject in self.subjects))

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
