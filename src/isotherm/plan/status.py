"""Say where every partition stands: its tier, its size, its dollars, and what is due."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from ..cost.dollars import Size, keeping, keeping_part, monthly
from ..cost.prices import PriceBook
from ..model.part import Ageless, Inventory, Location, Partition
from ..model.period import Period, Unit
from ..model.tier import HOT, TIERS, Tier
from .plan import Move, Plan, Refusal
from .planner import Subject

T = TypeVar("T")

VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning or goes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one partition stands.

    Attributes:
        age: In periods of the dataset's unit; the as-of period is 0, the one before it 1.
        tier: Of its coldest part.
        rows: In the warehouse and on the store.
        bytes: Of the same; what is in the warehouse is estimated.
        objects: On the store, readable copies not counted.
        dollars: A month.
        due: Where the policy wants it.
        moves: What the plan does with it, in order.
        refused: What is due and not planned, and why.
        restored_until: When its readable copy is over, UTC.
        late_rows: Rows in the warehouse although it has left it.
        on_s3: How many objects S3 does not have in the class that they are billed as, by where
            it has them: the bucket's rules are still to move them.

    """

    period: Period
    age: int
    tier: Tier
    rows: int
    bytes: int
    objects: int
    dollars: float
    due: Tier
    moves: tuple[Move, ...] = ()
    refused: tuple[Refusal, ...] = ()
    restored_until: datetime | None = None
    late_rows: int = 0
    on_s3: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as its documented JSON form (docs/json.md)."""
        return {
            "period": str(self.period),
            "age": self.age,
            "tier": self.tier.name,
            "rows": self.rows,
            "bytes": self.bytes,
            "objects": self.objects,
            "dollars_a_month": self.dollars,
            "due": self.due.name,
            "moves": [{"id": move.id, "kind": move.kind.value} for move in self.moves],
            "refused": [
                {"kind": r.move.kind.value, "cause": r.cause.value, "why": r.why}
                for r in self.refused
            ],
            "restored_until": self.restored_until.isoformat() if self.restored_until else None,
            "late_rows": self.late_rows,
            "on_s3": dict(self.on_s3),
        }


@dataclass(frozen=True, slots=True)
class TierTotal:
    """What lies in one tier: late rows count as hot, readable copies with their archive."""

    tier: Tier
    rows: int
    bytes: int
    objects: int
    dollars: float

    def to_json(self) -> dict[str, Any]:
        """Return it as its documented JSON form (docs/json.md)."""
        return {
            "tier": self.tier.name,
            "rows": self.rows,
            "bytes": self.bytes,
            "objects": self.objects,
            "dollars_a_month": self.dollars,
        }


@dataclass(frozen=True)
class DatasetStatus:
    """Where one dataset stands.

    Attributes:
        partitions: The earliest first.
        tiers: The hottest first; rows that never age are hot.
        ageless: Rows that never age, and why.
        dollars: A month, as it is.
        dollars_all_hot: A month, if all of it were in the warehouse; estimated.
        paused: Whether somebody wants no moves of it.

    """

    dataset: str
    unit: Unit
    partitions: tuple[Standing, ...]
    tiers: tuple[TierTotal, ...]
    ageless: tuple[Ageless, ...]
    dollars: float
    dollars_all_hot: float
    paused: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as its documented JSON form (docs/json.md)."""
        return {
            "dataset": self.dataset,
            "unit": self.unit.value,
            "paused": self.paused,
            "dollars_a_month": self.dollars,
            "dollars_a_month_all_hot": self.dollars_all_hot,
            "tiers": [total.to_json() for total in self.tiers],
            "partitions": [line.to_json() for line in self.partitions],
            "ageless": [
                {
                    "reason": item.reason,
                    "rows": item.rows,
                    "periods": [str(period) for period in item.periods],
                }
                for item in self.ageless
            ],
        }


@dataclass(frozen=True)
class Status:
    """Where every dataset stands at one instant, UTC."""

    as_of: datetime
    datasets: tuple[DatasetStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as its documented JSON form (docs/json.md)."""
        return {
            "version": VERSION,
            "as_of": self.as_of.isoformat(),
            "datasets": [dataset.to_json() for dataset in self.datasets],
        }


def make_status(
    subjects: Sequence[Subject],
    plan: Plan,
    book: PriceBook,
    classes: Mapping[Location, str] = MappingProxyType({}),
) -> Status:
    """Say where datasets stand.

    Args:
        plan: Of the same datasets, made from the same inventory.
        classes: In which classes S3 has the objects that its rules move.

    """
    moves = _by_place((move, move) for move in plan.moves)
    refused = _by_place((refusal.move, refusal) for refusal in plan.refused)
    found = []
    for subject in subjects:
        as_of = Period.of(plan.as_of, subject.dataset.unit)
        lines = []
        for partition in subject.inventory:
            place = (subject.dataset.name, partition.period)
            due = subject.dataset.policy.tier_at(partition.period, as_of)
            line = _standing(partition, as_of, due, moves.get(place), refused.get(place), book)
            lines.append(replace(line, on_s3=_elsewhere(partition, classes)))
        found.append(_status(subject, tuple(lines), book))
    return Status(plan.as_of, tuple(found))


def _by_place(items: Iterable[tuple[Move, T]]) -> Mapping[tuple[str, Period], list[T]]:
    found: dict[tuple[str, Period], list[T]] = defaultdict(list)
    for move, item in items:
        for period in move.periods:
            found[move.dataset, period].append(item)
    return found


def _standing(
    partition: Partition,
    as_of: Period,
    due: Tier,
    moves: list[Move] | None,
    refused: list[Refusal] | None,
    book: PriceBook,
) -> Standing:
    restored = [part.restored_until for part in partition.parts if part.restored_until]
    return Standing(
        period=partition.period,
        age=as_of.ordinal - partition.period.ordinal,
        tier=partition.tier,
        rows=partition.rows,
        bytes=(partition.hot.bytes if partition.hot else 0) + partition.cold_bytes,
        objects=len(partition.parts),
        dollars=keeping(book, partition),
        due=due,
        moves=tuple(moves or ()),
        refused=tuple(refused or ()),
        restored_until=max(restored, default=None),
        late_rows=partition.late_rows,
    )


def _elsewhere(partition: Partition, classes: Mapping[Location, str]) -> Mapping[str, int]:
    """Count the objects that S3 has in another class than theirs, by class."""
    return Counter(
        now
        for part in partition.parts
        if (now := classes.get(part.location, part.tier.name)) != part.tier.name
    )


def _status(subject: Subject, lines: tuple[Standing, ...], book: PriceBook) -> DatasetStatus:
    inventory, sizes = subject.inventory, subject.sizes
    ageless_rows = sum(item.rows for item in inventory.ageless)
    ageless_bytes = sizes.as_hot(ageless_rows, 0)
    tiers = _totals(inventory, ageless_rows, ageless_bytes, book)
    hot_bytes = sum(item.bytes for item in inventory.hot) + ageless_bytes
    hot_bytes += sum(sizes.as_hot(part.rows, part.bytes) for part in inventory.parts)
    return DatasetStatus(
        dataset=subject.dataset.name,
        unit=subject.dataset.unit,
        partitions=lines,
        tiers=tiers,
        ageless=inventory.ageless,
        dollars=sum(total.dollars for total in tiers),
        dollars_all_hot=monthly(book, HOT, Size(hot_bytes)),
        paused=subject.paused,
    )


def _totals(
    inventory: Inventory, ageless_rows: int, ageless_bytes: int, book: PriceBook
) -> tuple[TierTotal, ...]:
    rows: dict[Tier, int] = defaultdict(int)
    bytes_: dict[Tier, int] = defaultdict(int)
    objects: dict[Tier, int] = defaultdict(int)
    dollars: dict[Tier, float] = defaultdict(float)
    rows[HOT] = ageless_rows + sum(item.rows for item in inventory.hot)
    bytes_[HOT] = ageless_bytes + sum(item.bytes for item in inventory.hot)
    dollars[HOT] = monthly(book, HOT, Size(bytes_[HOT]))
    for part in inventory.parts:
        rows[part.tier] += part.rows
        bytes_[part.tier] += part.bytes
        objects[part.tier] += 1
        dollars[part.tier] += keeping_part(book, part)
    return tuple(
        TierTotal(tier, rows[tier], bytes_[tier], objects[tier], dollars[tier])
        for tier in TIERS.values()
        if rows[tier]
    )
