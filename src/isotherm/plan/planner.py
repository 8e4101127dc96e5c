"""Make a plan: (policy, inventory, requests, as-of) -> moves, each with its reason and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from ..cost.dollars import Dollars, Size
from ..cost.prices import PriceBook
from ..cost.sizes import Sizes
from ..model.dataset import Dataset
from ..model.hold import Hold
from ..model.part import HotPartition, Inventory, Part, Partition
from ..model.period import Period, Unit
from ..model.policy import Rule
from ..model.request import Request, RequestKind
from ..model.tier import EXPIRED, HOT, Tier, rules_move
from .batches import batched
from .compacting import by_tier, lying_after
from .economics import Economics
from .fetching import restore_move
from .plan import Cause, Kind, Move, Plan, Refusal, state_of, terms_of

READING_TIME = timedelta(days=1)
"""How long an archived partition is restored for on its way elsewhere, or to be written anew."""
MINUTE = "%Y-%m-%d %H:%M"
MONTH = timedelta(days=30.4375)


@dataclass(frozen=True)
class Subject:
    """A dataset with what is there of it and what was asked for.

    Attributes:
        inventory: Of all partitions, or of those with which something may be due.
        totals: What all objects are together, where `inventory` has not all of them; see
            `Sizes.by_digits`.

    """

    dataset: Dataset
    inventory: Inventory
    requests: tuple[Request, ...] = ()
    holds: tuple[Hold, ...] = ()
    totals: Mapping[int, tuple[int, int]] | None = None

    @cached_property
    def sizes(self) -> Sizes:
        """How much its rows take."""
        if self.totals is None:
            return Sizes.of(self.inventory)
        return Sizes.by_digits(self.inventory, self.totals)

    @property
    def paused(self) -> bool:
        """Whether somebody wants no moves of it."""
        return any(request.kind is RequestKind.PAUSE for request in self.requests)

    def standing(self, kind: RequestKind, period: Period, now: datetime) -> Request | None:
        """Return what was asked for of a partition, and is not over at this time (UTC)."""
        found = [
            request
            for request in self.requests
            if request.kind is kind and request.period == period
            if request.until and request.until > now
        ]
        return max(found, key=lambda request: request.until or now, default=None)


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
        made, not_made = planner.decided()
        moves += made
        refused += not_made
        if made:
            basis[subject.dataset.name] = basis_of(subject.inventory, made)
    return Plan(
        as_of,
        now,
        tuple(replace(move, id=str(n)) for n, move in enumerate(moves, start=1)),
        tuple(refused),
        basis,
        {s.dataset.name: terms_of(s.dataset) for s in subjects if s.dataset.name in basis},
    )


def basis_of(inventory: Inventory, moves: Sequence[Move]) -> dict[str, str]:
    """Write down what there is of every period that moves speak of."""
    periods = sorted({period for move in moves for period in move.periods})
    return {str(period): state_of(inventory.partitions.get(period)) for period in periods}


class _Planner:
    """Plans one dataset, partition by partition."""

    def __init__(
        self, subject: Subject, as_of: datetime, now: datetime, book: PriceBook, even: bool
    ) -> None:
        self.subject = subject
        self.dataset = subject.dataset
        self.as_of = Period.of(as_of, subject.dataset.unit)
        self.now = now
        self.even = even
        self.economics = Economics(book, subject.sizes, now)

    def decided(self) -> tuple[list[Move], list[Refusal]]:
        """Return the moves that will be made, and those that are due and will not."""
        moves: list[Move] = []
        refused: list[Refusal] = []
        for partition in self.subject.inventory:
            planned = list(self._of(partition))
            for item in (*planned, *self._compacts(partition, planned)):
                if isinstance(item, Refusal):
                    refused.append(item)
                else:
                    moves.append(item)
        small = self.dataset.unit is not Unit.MONTH
        return (batched(moves) if small else moves), refused

    def _of(self, partition: Partition) -> Iterator[Move | Refusal]:
        """Yield what is due of a partition, each move before those that stand on it."""
        rule = self.dataset.policy.rule_at(partition.period, self.as_of)
        due = rule.tier if rule else HOT
        if rule and due == EXPIRED:
            judged = self._judged(self._expire(partition, rule), partition)
            yield judged
            classes = [line for line in self.dataset.policy.rules if line.tier.is_class]
            if not (isinstance(judged, Refusal) and judged.cause is Cause.HELD and classes):
                return
            rule = classes[-1]  # what is held goes where it would be without its end
            due = rule.tier
        colder: list[Move | Refusal] = []
        for tier, parts in by_tier(partition.parts).items():
            if due.rank < tier.rank:
                yield from self._warmer(partition, parts, tier, due, rule)
            else:
                yield from self._asked(partition, parts, tier)
                if rule and due != tier:
                    colder += self._colder(partition, parts, tier, rule)
                else:
                    colder += self._returns(partition, parts, tier)
        if partition.hot and rule and not partition.parts:
            yield self._judged(self._leave(partition.hot, rule), partition)
        elif partition.hot and rule:
            # Late rows go to where the others are, and then on with them.
            yield from self._late(partition, partition.hot, rule, colder)
        yield from colder

    def _asked(
        self, partition: Partition, parts: list[Part], tier: Tier
    ) -> Iterator[Move | Refusal]:
        """Go on with a restore that somebody has asked for, and that the archive was still at."""
        closed = [part for part in parts if part.restored is None and part.tier.archived]
        request = self._standing(RequestKind.RESTORE, partition.period)
        if closed and request and request.until:
            reason = f"asked for until {request.until:{MINUTE}}"
            speed = request.speed or self.economics.cheapest(tier)
            yield self._restore(partition, closed, reason, request.until, speed, asked=True)

    def _restore(
        self,
        partition: Partition,
        parts: list[Part],
        reason: str,
        until: datetime,
        speed: str,
        *,
        asked: bool,
    ) -> Move | Refusal:
        """Have archived parts of one tier made readable."""
        fetching = self._standing(RequestKind.FETCH, partition.period)
        move = restore_move(
            parts, until, speed, reason, self.economics, asked=asked, fetching=fetching
        )
        return self._judged(move, partition)

    def _standing(self, kind: RequestKind, period: Period) -> Request | None:
        return self.subject.standing(kind, period, self.now)

    def _warmer(
        self, partition: Partition, parts: list[Part], tier: Tier, due: Tier, rule: Rule | None
    ) -> Iterator[Move | Refusal]:
        """Move parts to a warmer tier, by way of a restore where they cannot be read."""
        reason = str(rule) if rule else "the policy keeps it hot"
        closed = [part for part in parts if not part.readable_at(self.now)]
        if closed:
            yield self._opened(partition, closed, reason)
        if due == HOT:
            dollars = self.economics.reload(parts, tier)
            move = self._move(Kind.RELOAD, parts, tier, due, reason)
        else:
            dollars = self.economics.retier(parts, tier, due)
            move = self._move(Kind.RETIER, parts, tier, due, reason)
        yield self._judged(replace(move, dollars=dollars), partition)

    def _colder(
        self, partition: Partition, parts: list[Part], tier: Tier, rule: Rule
    ) -> Iterator[Move | Refusal]:
        """Move parts to a colder class; if that does not pay, end at least their restore."""
        by_rule = self.dataset.by_rules and rules_move(tier, rule.tier)
        dollars = self.economics.retier(parts, tier, rule.tier, by_rule=by_rule)
        closed = [part for part in parts if not part.readable_at(self.now) and not by_rule]
        # Archived objects are copied once they can be read; their way out counts, too.
        opened = self._opened(partition, closed, str(rule)) if closed else None
        before = opened.dollars if isinstance(opened, Move) else Dollars(0.0, 0.0)
        move = self._move(Kind.RETIER, parts, tier, rule.tier, str(rule))
        move = replace(move, dollars=dollars + before, by_rule=by_rule)
        judged = self._judged(move, partition, parts)
        if isinstance(judged, Move):
            if opened:
                yield opened
            judged = replace(judged, dollars=dollars)
        yield judged
        if isinstance(judged, Refusal) and judged.cause is Cause.UNECONOMIC:
            yield from self._returns(partition, parts, tier)

    def _compacts(
        self, partition: Partition, planned: Sequence[Move | Refusal]
    ) -> Iterator[Move | Refusal]:
        """Make many objects of a tier one, as late rows leave them, after all other moves."""
        least, at_most = self.dataset.compact_min_objects, self.dataset.target_object_bytes
        hot = partition.hot
        written = self.economics.as_objects(hot, at_most) if hot else Size(0, 0)
        if not least or len(partition.parts) + written.objects < least:
            return
        for tier, parts in lying_after(partition, planned, written, self.now).items():
            small = [part for part in parts if part.bytes < self.dataset.small_bytes]
            if tier.archived or len(small) < least:
                continue
            if dollars := self.economics.compact(small, tier):
                reason = f"{len(small)} small objects; compact_min_objects = {least}"
                move = self._move(Kind.COMPACT, small, tier, tier, reason)
                yield self._judged(replace(move, dollars=dollars), partition)

    def _opened(self, partition: Partition, closed: list[Part], reason: str) -> Move | Refusal:
        """Have archived parts made readable, so that they can be copied elsewhere."""
        speed = self.economics.cheapest(closed[0].tier)
        until = self.now + READING_TIME
        return self._restore(partition, closed, reason, until, speed, asked=False)

    def _returns(
        self, partition: Partition, parts: list[Part], tier: Tier
    ) -> Iterator[Move | Refusal]:
        """End a restore whose time is over, for all parts of a tier together."""
        restored = [part for part in parts if part.restored]
        if not restored or any(part.readable_at(self.now) for part in restored):
            return
        until = max(part.restored_until for part in restored if part.restored_until)
        reason = f"restored until {until:%Y-%m-%d %H:%M} is over"
        move = self._move(Kind.RETIER, restored, tier, tier, reason)
        dollars = self.economics.end_restore(restored)
        yield self._judged(replace(move, dollars=dollars), partition)

    def _leave(self, hot: HotPartition, rule: Rule) -> Move:
        """Take a partition's rows out of the warehouse."""
        return self._hot_move(Kind.UNLOAD, hot, rule.tier, str(rule))

    def _late(
        self, partition: Partition, hot: HotPartition, rule: Rule, colder: list[Move | Refusal]
    ) -> Iterator[Move | Refusal]:
        """Let late rows follow once they are many or old enough; behind an archive they wait."""
        target = min(partition.tier, rule.tier, key=lambda tier: tier.rank)
        if target.archived:
            return
        age = self.dataset.append_max_age.after(hot.loaded_at) if hot.loaded_at else self.now
        enough = hot.rows >= self.dataset.append_min_rows or age <= self.now
        # Once the others are archived, nothing can follow them: it is now or never.
        last = any(isinstance(move, Move) and move.target.archived for move in colder)
        if enough or last:
            move = self._hot_move(Kind.APPEND, hot, target, f"late rows; {rule}")
            yield self._judged(move, partition)

    def _expire(self, partition: Partition, rule: Rule) -> Move:
        return Move(
            "",
            Kind.EXPIRE,
            self.dataset.name,
            (partition.period,),
            partition.tier,
            EXPIRED,
            str(rule),
            partition.rows,
            (partition.hot.bytes if partition.hot else 0) + partition.cold_bytes,
            len(partition.parts),
            self.economics.expire(partition),
        )

    def _judged(
        self, move: Move, partition: Partition, parts: Sequence[Part] = ()
    ) -> Move | Refusal:
        """Return the move, or why it is not made."""
        name, settle = self.dataset.name, self.dataset.settle
        if self.subject.paused:
            why = f"{name} is paused; go on with: isotherm resume {name}"
            return Refusal(move, Cause.PAUSED, why)
        if move.kind is Kind.EXPIRE and (hold := self._held(partition.period)):
            return Refusal(move, Cause.HELD, f"{hold} keeps it: nothing of it is deleted")
        if move.target.rank <= move.source.rank:
            return move
        loaded = partition.hot.loaded_at if partition.hot else None
        if settle and loaded and (until := settle.after(loaded)) > self.now:
            why = f'it settles until {until:%Y-%m-%d %H:%M} (settle = "{settle}")'
            return Refusal(move, Cause.SETTLES, why)
        held = [p.restored_until for p in parts if p.restored and p.readable_at(self.now)]
        asked = self._standing(RequestKind.RESTORE, partition.period)
        if asked and any(part.tier.archived for part in parts):
            held.append(asked.until)
        if ends := [until for until in held if until]:
            why = f"it is restored until {max(ends):%Y-%m-%d %H:%M}, and goes on after that"
            return Refusal(move, Cause.RESTORED, why)
        if move.kind not in (Kind.UNLOAD, Kind.RETIER) or self.even:
            return move
        onward = self.dataset.policy.next_rule(move.target)
        why = self.economics.refusal(move, self._stay(partition.period, onward), onward)
        return Refusal(move, Cause.UNECONOMIC, why) if why else move

    def _held(self, period: Period) -> Hold | None:
        return next((hold for hold in self.subject.holds if hold.covers(period)), None)

    def _stay(self, period: Period, onward: Rule | None) -> float | None:
        """Return for how many months the policy leaves a period where it goes; None is for good."""
        if onward is None:
            return None
        return max(0.0, (onward.age.after(period.start) - self.as_of.start) / MONTH)

    def _hot_move(self, kind: Kind, hot: HotPartition, target: Tier, reason: str) -> Move:
        at_most = self.dataset.target_object_bytes
        move = Move(
            "",
            kind,
            self.dataset.name,
            (hot.period,),
            HOT,
            target,
            reason,
            hot.rows,
            hot.bytes,
            self.economics.as_objects(hot, at_most).objects,
            self.economics.unload(hot, target, at_most),
        )
        return replace(move, by_rule=self.dataset.by_rules and target.archived)

    def _move(self, kind: Kind, parts: list[Part], source: Tier, target: Tier, reason: str) -> Move:
        """Return a move of parts, its dollars still open."""
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
            Dollars(0.0, 0.0),
        )
