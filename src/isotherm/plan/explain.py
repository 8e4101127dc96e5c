"""Explain one partition: what the policy says of it, what happens next, and what blocks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..cost.dollars import keeping
from ..cost.prices import PriceBook
from ..model.errors import RequestError
from ..model.part import HotPartition, Inventory, Part, Partition
from ..model.period import Period
from ..model.policy import Rule
from ..model.tier import HOT, Tier
from .plan import Kind, Move, Plan, Refusal, move_json
from .planner import Subject
from .steps import Step, steps_of

VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning or goes."""


class Blocking(StrEnum):
    """What kind of thing keeps a partition from going on."""

    PAUSED = "paused"
    SETTLES = "settles"
    RESTORED = "restored"
    HELD = "held"
    UNECONOMIC = "uneconomic"
    LATE_ROWS_WAIT = "late-rows-wait"
    """Late rows are too few and too young to follow, or the others are archived."""
    NEEDS_EXPIRE = "needs-expire"
    """Expired partitions go only when somebody says so."""
    AGELESS = "ageless"
    """Rows that never age."""


@dataclass(frozen=True, slots=True)
class Block:
    """One thing that keeps a partition, or some of its rows, from going on."""

    kind: Blocking
    why: str


@dataclass(frozen=True, slots=True)
class Coming:
    """The next line of the policy that will apply, and from which as-of on, UTC."""

    rule: Rule
    at: datetime


@dataclass(frozen=True)
class Explanation:
    """What there is to say of one partition.

    Attributes:
        age: In periods; the as-of period is 0, the one before it 1.
        rule: The line of the policy in force; None keeps it hot.
        tier: Where it is: the tier of its coldest part.
        due: Where the policy wants it.
        moves: What the plan does with it, in order.
        coming: What applies next; None if nothing does.
        blocks: What keeps it from going on.
        hot: Its rows in the warehouse.
        parts: Its objects.
        dollars: A month.

    """

    dataset: str
    period: Period
    as_of: datetime
    age: int
    rule: Rule | None
    tier: Tier
    due: Tier
    moves: tuple[Move, ...]
    coming: Coming | None
    blocks: tuple[Block, ...]
    hot: HotPartition | None
    parts: tuple[Part, ...]
    dollars: float

    @property
    def late_rows(self) -> int:
        """Rows in the warehouse although the partition has left it."""
        return self.hot.rows if self.hot and self.parts else 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of its next move; none if there is none."""
        return steps_of(self.moves[0]) if self.moves else ()

    def to_json(self) -> dict[str, Any]:
        """Return it as its documented JSON form (docs/json.md)."""
        coming = self.coming
        return {
            "version": VERSION,
            "dataset": self.dataset,
            "period": str(self.period),
            "as_of": self.as_of.isoformat(),
            "age": self.age,
            "rule": str(self.rule) if self.rule else None,
            "tier": self.tier.name,
            "due": self.due.name,
            "moves": [move_json(move) for move in self.moves],
            "steps": [{"step": step.name.lower(), "what": step.value} for step in self.steps],
            "coming": {"rule": str(coming.rule), "at": coming.at.isoformat()} if coming else None,
            "blocks": [{"kind": block.kind.value, "why": block.why} for block in self.blocks],
            "hot": _hot_json(self.hot) if self.hot else None,
            "parts": [_part_json(part) for part in self.parts],
            "late_rows": self.late_rows,
            "dollars_a_month": self.dollars,
        }


def explain(subject: Subject, plan: Plan, period: Period, book: PriceBook) -> Explanation:
    """Explain one partition.

    Args:
        plan: Of the same dataset, made from the same inventory.

    Raises:
        RequestError: the dataset has nothing in that period.

    """
    dataset, inventory = subject.dataset, subject.inventory
    partition = inventory.partitions.get(period)
    ageless = tuple(_ageless(inventory, period))
    if partition is None:
        if not ageless:
            raise _nothing_there(subject, period)
        partition = Partition(period, None, ())
    as_of = Period.of(plan.as_of, dataset.unit)
    rule = dataset.policy.rule_at(period, as_of)
    moves = tuple(move for move in plan.moves if _speaks_of(move, dataset.name, period))
    refused = [r for r in plan.refused if _speaks_of(r.move, dataset.name, period)]
    return Explanation(
        dataset=dataset.name,
        period=period,
        as_of=plan.as_of,
        age=as_of.ordinal - period.ordinal,
        rule=rule,
        tier=partition.tier,
        due=rule.tier if rule else HOT,
        moves=moves,
        coming=_coming(subject, period, as_of),
        blocks=(*_blocks(subject, partition, moves, refused, plan.as_of), *ageless),
        hot=partition.hot,
        parts=partition.parts,
        dollars=keeping(book, partition),
    )


def _speaks_of(move: Move, dataset: str, period: Period) -> bool:
    return move.dataset == dataset and period in move.periods


def _coming(subject: Subject, period: Period, as_of: Period) -> Coming | None:
    """Return the first line of the policy that does not apply yet."""
    for rule in subject.dataset.policy.rules:
        at = rule.age.after(period.start)
        if at > as_of.start and at != datetime.max:
            return Coming(rule, at)
    return None


def _blocks(
    subject: Subject,
    partition: Partition,
    moves: tuple[Move, ...],
    refused: list[Refusal],
    as_of: datetime,
) -> Iterator[Block]:
    if subject.paused and not refused:
        yield Block(Blocking.PAUSED, f"{subject.dataset.name} is paused")
    for refusal in refused:
        yield Block(Blocking(refusal.cause.value), f"{refusal.move.kind}: {refusal.why}")
    if any(move.kind is Kind.EXPIRE for move in moves):
        yield Block(
            Blocking.NEEDS_EXPIRE, "expired partitions are deleted only by: isotherm apply --expire"
        )
    if why := _late_rows_wait(subject, partition, moves, refused, as_of):
        yield Block(Blocking.LATE_ROWS_WAIT, why)


def _late_rows_wait(
    subject: Subject,
    partition: Partition,
    moves: tuple[Move, ...],
    refused: list[Refusal],
    as_of: datetime,
) -> str:
    """Say why late rows stay in the warehouse; empty if they do not, or belong there."""
    dataset = subject.dataset
    rule = dataset.policy.rule_at(partition.period, Period.of(as_of, dataset.unit))
    handled = {move.kind for move in moves} | {refusal.move.kind for refusal in refused}
    late = partition.late_rows
    if not late or rule is None or handled & {Kind.APPEND, Kind.EXPIRE}:
        return ""
    if partition.tier.archived:
        where = f"the partition is archived in {partition.tier}"
        return f"{late:,} late rows stay in the warehouse: {where}, and nothing can follow it there"
    least, longest = dataset.append_min_rows, dataset.append_max_age
    return f"{late:,} late rows wait until there are {least:,}, or {longest} after their load"


def _ageless(inventory: Inventory, period: Period) -> Iterator[Block]:
    for item in inventory.ageless:
        if period in item.periods:
            yield Block(Blocking.AGELESS, f"rows of {period} never age: {item.reason}")


def _nothing_there(subject: Subject, period: Period) -> RequestError:
    name, unit = subject.dataset.name, subject.dataset.unit
    if period.unit is not unit:
        return RequestError(f"{name} ages by the {unit}, and {period} is a {period.unit}")
    periods = list(subject.inventory.partitions)
    known = f"It has rows from {periods[0]} to {periods[-1]}." if periods else "It has no rows."
    return RequestError(f"{name} has no rows in {period}", hint=known)


def _hot_json(hot: HotPartition) -> dict[str, Any]:
    return {
        "rows": hot.rows,
        "bytes": hot.bytes,
        "loaded_at": hot.loaded_at.isoformat() if hot.loaded_at else None,
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "id": part.id,
        "tier": part.tier.name,
        "location": str(part.location),
        "rows": part.rows,
        "bytes": part.bytes,
        "sha256": part.sha256,
        "created_at": part.created_at.isoformat(),
        "restored": str(part.restored) if part.restored else None,
        "restored_until": part.restored_until.isoformat() if part.restored_until else None,
    }
