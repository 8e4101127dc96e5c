"""What a move is worth, and which moves never pay for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..cost.amounts import money, months, size
from ..cost.dollars import (
    DAYS_PER_MONTH,
    Dollars,
    Size,
    copying,
    entering,
    keeping,
    leaving_early,
    monthly,
    quote,
    reading,
    size_of,
)
from ..cost.prices import PriceBook
from ..cost.sizes import Sizes
from ..model.part import HotPartition, Part, Partition
from ..model.policy import Rule
from ..model.tier import HOT, STANDARD, Tier
from .plan import Kind, Move

DAY = timedelta(days=1)


class Economics:
    """Values the moves of one dataset."""

    def __init__(self, book: PriceBook, sizes: Sizes, now: datetime) -> None:
        self.book = book
        self.now = now
        self.sizes = sizes

    def as_objects(self, hot: HotPartition, at_most: int) -> Size:
        """Estimate what rows of the warehouse take as objects.

        Args:
            at_most: Bytes that an object shall take.

        """
        bytes_ = self.sizes.as_object(hot.rows, hot.bytes)
        return Size(bytes_, max(1, -(-bytes_ // at_most)))

    def unload(self, hot: HotPartition, target: Tier, at_most: int) -> Dollars:
        """Value rows that leave the warehouse; `at_most` as of `as_objects`."""
        cold = self.as_objects(hot, at_most)
        saved = monthly(self.book, HOT, Size(hot.bytes)) - monthly(self.book, target, cold)
        once = entering(self.book, HOT, target, cold)
        if target.archived:  # it is written and read back before it is archived
            once += entering(self.book, HOT, STANDARD, cold)
        return Dollars(saved, once + self._checking(target, cold))

    def retier(
        self, parts: Sequence[Part], source: Tier, target: Tier, *, by_rule: bool = False
    ) -> Dollars:
        """Value objects that go to another class: by a copy that is read back, or by a rule.

        On the way to a colder one, readable copies do not count: they would go in any case.
        """
        held = size_of(parts)
        saved = monthly(self.book, source, held) - monthly(self.book, target, held)
        if target.rank < source.rank:
            saved += self._copies(parts)
        once = entering(self.book, source, target, held)
        if by_rule:
            return Dollars(saved, once + sum(map(self._early, parts)))
        if not target.archived:
            once += self._checking(target, held)
        return Dollars(saved, once + self._leaving(parts, source))

    def reload(self, parts: Sequence[Part], source: Tier) -> Dollars:
        """Value rows that go back into the warehouse."""
        held = size_of(parts)
        hot = sum(self.sizes.as_hot(part.rows, part.bytes) for part in parts)
        saved = monthly(self.book, source, held) - monthly(self.book, HOT, Size(hot))
        return Dollars(saved + self._copies(parts), self._leaving(parts, source))

    def restore(
        self,
        parts: Sequence[Part],
        tier: Tier,
        until: datetime,
        speed: str,
        *,
        asked: bool,
        fetching: bool = False,
    ) -> Dollars:
        """Value archived objects that become readable; what is readable only stays so.

        Args:
            asked: Somebody wants it, beside the policy.
            fetching: The archive was asked for them, and has been paid.

        """
        closed = size_of(part for part in parts if part.restored is None)
        days = (until - self.now) / DAY
        if fetching:
            once = copying(self.book, closed, days)
        else:
            once = quote(self.book, tier, closed, days, speed, asked=asked).dollars
        for part in parts:
            if part.restored and part.restored_until:
                longer = (until - max(self.now, part.restored_until)) / DAY
                once += copying(self.book, Size(part.bytes), longer)
        return Dollars(0.0, once)

    def compact(self, parts: Sequence[Part], tier: Tier) -> Dollars | None:
        """Value objects that become one; None while leaving their class would cost a fee."""
        if any(self._early(part) > 0 for part in parts):
            return None
        held, one = size_of(parts), Size(sum(part.bytes for part in parts), 1)
        saved = monthly(self.book, tier, held) - monthly(self.book, tier, one)
        once = self._leaving(parts, tier) + entering(self.book, HOT, tier, one)
        return Dollars(saved, once + self._checking(tier, one))

    def end_restore(self, parts: Sequence[Part]) -> Dollars:
        """Value readable copies that go."""
        return Dollars(self._copies(parts), 0.0)

    def expire(self, partition: Partition) -> Dollars:
        """Value a partition that is deleted from everywhere."""
        early = sum(self._early(part) for part in partition.parts)
        return Dollars(keeping(self.book, partition), early)

    def refusal(self, move: Move, stay: float | None, onward: Rule | None) -> str:
        """Say, with the arithmetic, why a move to a colder tier never pays; empty if it does.

        Args:
            stay: For how many months it will stay there; None is for good.
            onward: The line of the policy that ends the stay.

        """
        saved, once = move.dollars.saved, move.dollars.once
        held = self._held(move)
        if saved <= 0:
            return f"it never pays back: {self._no_saving(move.target, saved, held)}"
        if stay is None:
            return ""
        early = leaving_early(self.book, move.target, held, stay * DAYS_PER_MONTH)
        needed = (once + early) / saved
        if needed <= stay:
            return ""
        least = self.book.classes[move.target.name].min_days
        fee = f" and {money(early)} for leaving before {least} days" if early else ""
        return (
            f"it never pays back: {money(once)} once{fee}, {money(saved)} saved a month, "
            f"is {months(needed)}, but it stays {months(stay)}, until {onward}"
        )

    def _no_saving(self, target: Tier, saved: float, held: Size) -> str:
        more = f"costs {money(-saved)} a month more" if saved < 0 else "costs the same a month"
        price = self.book.classes[target.name]
        each = held.bytes // max(1, held.objects)
        if each < price.min_bytes:
            least = size(price.min_bytes)
            return f"{target} {more}: it bills {least} for an object of {size(each)}"
        if price.overhead_bytes:
            beside = size(price.overhead_bytes)
            return f"{target} {more}: it bills {beside} beside an object of {size(each)}"
        return f"{target} {more}, with objects of {size(each)}"

    def _held(self, move: Move) -> Size:
        """Return what will lie in the move's target."""
        if move.kind is Kind.UNLOAD:
            return Size(self.sizes.as_object(move.rows, move.bytes), move.objects)
        return Size(move.bytes, move.objects)

    def cheapest(self, tier: Tier) -> str:
        """Return the cheapest speed at which an archive fetches."""
        return next(iter(self.book.classes[tier.name].restore))

    def _checking(self, target: Tier, size: Size) -> float:
        """Return what reading back costs: in the class, or before it is archived there."""
        return reading(self.book, STANDARD if target.archived else target, size)

    def _leaving(self, parts: Sequence[Part], source: Tier) -> float:
        """Return what reading objects out of a class costs, and leaving it before its minimum."""
        return reading(self.book, source, size_of(parts)) + sum(map(self._early, parts))

    def _early(self, part: Part) -> float:
        stayed = (self.now - part.created_at) / DAY
        return leaving_early(self.book, part.tier, Size(part.bytes), stayed)

    def _copies(self, parts: Sequence[Part]) -> float:
        return monthly(self.book, STANDARD, size_of(part for part in parts if part.restored))
