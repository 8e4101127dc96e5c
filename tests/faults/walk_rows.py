"""What the plain table beside a lake is made of: rows, groups that go together, holds, writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ageing import DATASET
from isotherm.model.period import Period, Unit

Row = tuple[datetime | None, int, int | None, int]
"""`pickup`, `id`, `rider_id`, `fare`."""
SETTINGS = "[settings]\nthreads = 1\n"
WHOSE = 'clock = "pickup"\nsubject = ["rider_id"]'
WRITES = {
    "insert": "",
    "fare": "UPDATE trips SET fare = fare + 1000 WHERE {which}",
    "rider": "UPDATE trips SET rider_id = 1 + id % 7 WHERE {which}",
    "time": "UPDATE trips SET pickup = pickup - INTERVAL 2 MONTH WHERE {which}",
    "delete": "DELETE FROM trips WHERE {which}",
}


@dataclass(frozen=True)
class Group:
    """Rows that come or go together, in one instant, or not at all.

    Attributes:
        happens: Whether they do; None if that is not known.
        come: Makes what takes a row's place; nothing does if it is not given.

    """

    rows: Counter[Row]
    happens: bool | None = None
    come: Callable[[Row], Row] | None = None


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for: to be forgotten, or another fare in all rows of theirs."""

    riders: frozenset[int]
    fare: int | None = None

    def is_about(self, row: Row) -> bool:
        return row[2] in self.riders and row[3] != self.fare

    def corrected(self, row: Row) -> Row:
        assert self.fare is not None
        return (*row[:3], self.fare)

    @property
    def come(self) -> Callable[[Row], Row] | None:
        return None if self.fare is None else self.corrected


@dataclass(frozen=True)
class Kept:
    """A hold, as the oracle knows it."""

    case: str
    periods: tuple[Period, Period] | None
    riders: frozenset[int]

    def covers(self, period: Period | None) -> bool:
        if self.periods is None:
            return True
        return period is not None and self.periods[0] <= period <= self.periods[1]

    def keeps(self, row: Row) -> bool:
        return self.covers(period_of(row)) and (not self.riders or row[2] in self.riders)


def period_of(row: Row) -> Period | None:
    return Period.of(row[0], Unit.MONTH) if row[0] else None


def policy(**ages: str) -> str:
    """Return a config; what is no tier is a setting of the dataset.

    Late rows that have followed become one object with the others at once.
    """
    small = "".join(f'{key} = "{value}"\n' for key, value in ages.items() if key == "settle")
    lines = "".join(f'{key} = "{value}"\n' for key, value in ages.items() if key != "settle")
    dataset = DATASET.replace('clock = "pickup"', WHOSE)
    return f"{SETTINGS}{dataset}compact_min_objects = 2\n{small}\n[datasets.trips.policy]\n{lines}"


POLICIES = (
    policy(STANDARD="2 months", GLACIER="5 months"),
    policy(STANDARD="1 month", STANDARD_IA="3 months", GLACIER="6 months", expire="14 months"),
    policy(STANDARD="2 months", STANDARD_IA="4 months"),
    policy(GLACIER="3 months", DEEP_ARCHIVE="8 months", expire="20 months"),
    policy(STANDARD="3 months", expire="9 months"),
    policy(STANDARD="2 months", settle="3 days"),
    policy(),
)


def same(there: Counter[Row], wanted: Counter[Row]) -> None:
    """Compare rows, and say which are missing and which are too many."""
    wrong = {"missing": wanted - there, "too many": there - wanted}
    assert not any(wrong.values()), wrong


def csv_of(rows: Counter[Row]) -> str:
    lines = [
        f"{when or ''},{id_},{'' if rider is None else rider},{fare}"
        for when, id_, rider, fare in rows.elements()
    ]
    return "\n".join(["pickup,id,rider_id,fare", *lines, ""])


class Writer:
    """The table's owner, who never writes the same row twice."""

    def __init__(self) -> None:
        self.last = 0

    def statement(self, now: datetime, kind: str, back: int, many: int) -> tuple[str, str]:
        """Return a statement of the owner, and the condition of the rows that it is about."""
        if kind != "insert":
            which = f"id % {many + 1} = {back % (many + 1)}"
            return WRITES[kind].format(which=which), which
        rows = self.new_rows(now, back, many).elements()
        values = ", ".join(
            f"({f'TIMESTAMP {str(row[0])!r}' if row[0] else 'NULL'}, {row[1]}, "
            f"{'NULL' if row[2] is None else row[2]}, {row[3]})"
            for row in rows
        )
        which = f"id > {self.last - many} AND id <= {self.last}"
        return f"INSERT INTO trips VALUES {values}", which

    def new_rows(self, now: datetime, back: int, many: int) -> Counter[Row]:
        """Return rows of a month; now and then some are alike, or nobody's, or never age."""
        start = Period.of(now, Unit.MONTH).shifted(-back).start
        found: Counter[Row] = Counter()
        for _ in range(many):
            self.last += 1
            id_ = self.last
            rider = id_ % 9 or None
            when = None if id_ % 31 == 0 else start + timedelta(hours=(id_ * 37) % 660)
            found[when, id_, rider, id_ % 5] += 2 if rider is None else 1
        return found
