"""Make a plan: (policy, inventory, requests, as-of) -> moves, each with its reason and dollars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from ..cost.dollars import Dollars, Size
from ..cost.prices import PriceBook
from ..model.dataset import Dataset
from ..model.part import HotPartition, Inventory, Part, Partition
from ..model.period import Period, Unit
from ..model.policy import Rule
from ..model.request import Request, RequestKind
from ..model.tier import EXPIRED, HOT, Tier
from .economics import Economics
from .plan import Kind, Move, Plan, Refusal, state_of

BATCH_BYTES = 64 * 2**20
BATCH_PERIODS = 100
READING_TIME = timedelta(days=1)
"""How long an archived partition is restored for when it is on its way to a warmer tier."""


@dataclass(frozen=True)
class Subject:
    """A dataset with what is there of it and what was asked for."""

    dataset: Dataset
    inventory: Inventory
    requests: tuple[Request, ...] = ()


def make_plan(
    subjects: Sequence[Subject],
    *,
    as_of: datetime,
    now: datetime,
    book: PriceBook,
    even_if_uneconomic: bool = False,
) -> Plan:
    """Plan what brings every partition where it should be.

    Args:
        as_of: The instant that ages are taken at, UTC.
        now: The time, UTC; restores end by it, or by `as_of` if that is later.
        even_if_uneconomic: Plan moves that never pay back, too.

    """
    moves: list[Move] = []
    refused: list[Refusal] = []
    basis: dict[str, dict[str, str]] = {}
    for subject in subjects:
        planner = _Planner(subject, as_of, max(now, as_of), book, even_if_uneconomic)
        for move in planner.moves():
            why = planner.refusal(move)
            if why:
                refused.append(Refusal(move, why))
                continue
            moves.append(move)
            states = basis.setdefault(subject.dataset.name, {})
            for period in move.periods:
                states[str(period)] = state_of(subject.inventory.partitions.get(period))
    numbered = tuple(replace(move, id=str(n)) for n, move in enumerate(moves, start=1))
    return Plan(as_of, now, numbered, tuple(refused), basis)


class _Planner:
    """Plans one dataset."""

    def __init__(
        self, subject: Subject, as_of: datetime, now: datetime, book: PriceBook, even: bool
    ) -> None:
        self.dataset = subject.dataset
        self.inventory = subject.inventory
        self.paused = any(r.kind is RequestKind.PAUSE for r in subject.requests)
        self.as_of = Period.of(as_of, subject.dataset.unit)
        self.now = now
        self.even = even
        self.economics = Economics(book, subject.inventory, now)

    def moves(self) -> Iterator[Move]:
        """Yield every move that is due, whether or not it will be refused."""
        found = (move for partition in self.inventory for move in self._of(partition))
        if self.dataset.unit is Unit.MONTH:
            yield from found
        else:
            yield from _batched(found)

    def refusal(self, move: Move) -> str:
        """Say why a due move is not made; empty if it is."""
        if self.paused:
            return f"{self.dataset.name} is paused; go on with: isotherm resume {self.dataset.name}"
        if move.kind in (Kind.UNLOAD, Kind.APPEND) and (until := self._settles(move.periods)):
            return f'it settles until {until:%Y-%m-%d %H:%M} (settle = "{self.dataset.settle}")'
        colder = move.target.rank > move.source.rank
        if move.kind not in (Kind.UNLOAD, Kind.RETIER) or not colder or self.even:
            return ""
        return self.economics.refusal(move, self._stay(move))

    def _of(self, partition: Partition) -> Iterator[Move]:
        rule = self.dataset.policy.rule_at(partition.period, self.as_of)
        due = rule.tier if rule else HOT
        if due == EXPIRED and rule:
            yield self._expire(partition, rule)
            return
        # Late rows go first, to where the others are, and then on with them.
        if partition.hot and rule:
            yield from self._hot(partition, partition.hot, rule)
        yield from self._parts([part for part in partition.parts if part.tier != due], due, rule)
        yield from self._returns([part for part in partition.parts if part.tier == due])

    def _parts(self, parts: list[Part], due: Tier, rule: Rule | None) -> Iterator[Move]:
        """Move parts from each tier to the one where they are due, by way of a restore."""
        reason = str(rule) if rule else "the policy keeps it hot"
        for tier, group in groupby(sorted(parts, key=lambda p: p.tier.rank), lambda p: p.tier):
            of_tier = list(group)
            warmer = due.rank < tier.rank
            closed = [part for part in of_tier if not part.readable_at(self.now)]
            if closed and warmer:
                yield self._move(
                    Kind.RESTORE, closed, tier, tier, reason, until=self.now + READING_TIME
                )
            kind = Kind.RELOAD if due == HOT else Kind.RETIER
            yield self._move(kind, of_tier, tier, due, reason)

    def _returns(self, parts: list[Part]) -> Iterator[Move]:
        """End restores whose time is over."""
        over = [p for p in parts if p.restored and not p.readable_at(self.now)]
        for until, group in groupby(over, lambda part: part.restored_until):
            of_time = list(group)
            tier = of_time[0].tier
            yield self._move(
                Kind.RETIER, of_time, tier, tier, f"restored until {until:%Y-%m-%d %H:%M} is over"
            )

    def _hot(self, partition: Partition, hot: HotPartition, rule: Rule) -> Iterator[Move]:
        """Unload a partition, or let its late rows follow to where the others are."""
        kind, target, reason = Kind.UNLOAD, rule.tier, str(rule)
        if partition.parts:
            if not self._appends(partition, hot):
                return
            kind, target = Kind.APPEND, partition.tier
            reason = f"{hot.rows} late rows; {rule}"
        dollars = self.economics.unload(hot.rows, Size(hot.bytes), target)
        periods = (partition.period,)
        name = self.dataset.name
        yield Move("", kind, name, periods, HOT, target, reason, hot.rows, hot.bytes, 1, dollars)

    def _appends(self, partition: Partition, hot: HotPartition) -> bool:
        """Late rows follow once they are many or old enough; behind an archive they wait."""
        if partition.tier.archived:
            return False
        age = self.dataset.append_max_age.after(hot.loaded_at) if hot.loaded_at else self.now
        return hot.rows >= self.dataset.append_min_rows or age <= self.now

    def _expire(self, partition: Partition, rule: Rule) -> Move:
        size = (partition.hot.bytes if partition.hot else 0) + partition.cold_bytes
        return Move(
            "",
            Kind.EXPIRE,
            self.dataset.name,
            (partition.period,),
            partition.tier,
            EXPIRED,
            str(rule),
            partition.rows,
            size,
            len(partition.parts),
            self.economics.expire(partition),
        )

    def _move(
        self,
        kind: Kind,
        parts: list[Part],
        source: Tier,
        target: Tier,
        reason: str,
        until: datetime | None = None,
    ) -> Move:
        return Move(
            "",
            kind,
            self.dataset.name,
            (parts[0].period,),
            source,
            target,
            reason,
            sum(part.rows for part in parts),
            sum(part.bytes for part in parts),
            len(parts),
            self.economics.parts(kind, parts, source, target, until),
            until,
        )

    def _settles(self, periods: Iterable[Period]) -> datetime | None:
        """Return until when one of the periods settles, if it still does."""
        if not self.dataset.settle:
            return None
        found = (self.inventory.partitions[period].hot for period in periods)
        ends = [self.dataset.settle.after(hot.loaded_at) for hot in found if hot and hot.loaded_at]
        latest = max(ends, default=self.now)
        return latest if latest > self.now else None

    def _stay(self, move: Move) -> float | None:
        """Return for how many months the policy leaves a move's last period where it goes."""
        onward = self.dataset.policy.next_rule(move.target)
        if onward is None:
            return None
        leaves = onward.age.after(move.periods[-1].start)
        return max(0.0, (leaves - self.as_of.start) / timedelta(days=30.4375))


def _batched(moves: Iterable[Move]) -> Iterator[Move]:
    """Carry small partitions that go the same way in one move."""
    waiting: dict[object, Move] = {}
    for move in moves:
        key = (move.kind, move.source, move.target, move.reason if move.until else "")
        before = waiting.get(key)
        if before is None:
            waiting[key] = move
        elif before.bytes + move.bytes > BATCH_BYTES or len(before.periods) + 1 > BATCH_PERIODS:
            yield before
            waiting[key] = move
        else:
            waiting[key] = _joined(before, move)
    yield from waiting.values()


def _joined(a: Move, b: Move) -> Move:
    return replace(
        a,
        periods=a.periods + b.periods,
        rows=a.rows + b.rows,
        bytes=a.bytes + b.bytes,
        objects=a.objects + b.objects,
        dollars=Dollars(a.dollars.saved + b.dollars.saved, a.dollars.once + b.dollars.once),
    )
