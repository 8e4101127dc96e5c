"""What a move is worth, and which moves never pay for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..cost.dollars import Dollars, Size, entering, leaving_early, monthly, quote, reading
from ..cost.prices import PriceBook
from ..model.part import Inventory, Part, Partition
from ..model.tier import EXPIRED, HOT, STANDARD, Tier
from .plan import Kind, Move

COLD_RATIO = 0.5
"""Bytes of Parquet for a byte in the warehouse, until a dataset's own objects tell."""


class Economics:
    """Values the moves of one dataset."""

    def __init__(self, book: PriceBook, inventory: Inventory, now: datetime) -> None:
        self.book = book
        self.now = now
        rows = sum(part.rows for part in inventory.parts)
        self._bytes_a_row = sum(part.bytes for part in inventory.parts) / rows if rows else None

    def cold_size(self, rows: int, hot: Size) -> Size:
        """Estimate what rows of the warehouse take as objects."""
        if self._bytes_a_row is None:
            return Size(int(hot.bytes * COLD_RATIO), hot.objects)
        return Size(int(rows * self._bytes_a_row), hot.objects)

    def unload(self, rows: int, hot: Size, target: Tier) -> Dollars:
        """Value rows that leave the warehouse."""
        cold = self.cold_size(rows, hot)
        saved = monthly(self.book, HOT, hot) - monthly(self.book, target, cold)
        return Dollars(saved, entering(self.book, HOT, target, cold))

    def parts(
        self,
        kind: Kind,
        parts: Sequence[Part],
        source: Tier,
        target: Tier,
        until: datetime | None,
    ) -> Dollars:
        """Value parts that go from one tier to another, or are restored."""
        size = Size(sum(part.bytes for part in parts), len(parts))
        if kind is Kind.RESTORE:
            days = (until - self.now) / timedelta(days=1) if until else 0.0
            return Dollars(0.0, quote(self.book, source, size, days).dollars)
        if source == target:  # a restore that is over: its readable copy goes
            return Dollars(monthly(self.book, STANDARD, size), 0.0)
        saved = monthly(self.book, source, size) - monthly(self.book, target, size)
        once = (
            entering(self.book, source, target, size)
            + reading(self.book, source, size)
            + self._early(parts)
        )
        return Dollars(saved, once)

    def expire(self, partition: Partition) -> Dollars:
        """Value a partition that is deleted from everywhere."""
        hot = Size(partition.hot.bytes) if partition.hot else Size(0)
        saved = monthly(self.book, HOT, hot)
        for part in partition.parts:
            saved += monthly(self.book, part.tier, Size(part.bytes))
        return Dollars(saved, self._early(partition.parts))

    def refusal(self, move: Move, stay: float | None) -> str:
        """Say, with the arithmetic, why a move to a colder tier never pays; empty if it does.

        Args:
            stay: For how many months it will stay there; None is for good.

        """
        saved, once, payback = move.dollars.saved, move.dollars.once, move.dollars.payback
        if stay is not None and move.target.is_class:
            held = Size(move.bytes, move.objects)
            once += leaving_early(self.book, move.target, held, stay * 30.4375)
            payback = Dollars(saved, once).payback
        if payback is None:
            return f"it never pays: it saves ${saved:.7f} a month{self._why(move)}"
        if stay is not None and payback > stay:
            return (
                f"it never pays: ${once:.7f} once for ${saved:.7f} a month is back after "
                f"{payback:.1f} months, and it stays {stay:.1f}"
            )
        return ""

    def _why(self, move: Move) -> str:
        if move.target in (HOT, EXPIRED):
            return ""
        price = self.book.classes[move.target.name]
        size = move.bytes // max(1, move.objects)
        if size < price.min_bytes:
            least = price.min_bytes // 1024
            return f"; {move.target} bills {least} KB an object, it has {size // 1024}"
        if price.overhead_bytes:
            return f"; {move.target} bills {price.overhead_bytes // 1024} KB beside each object"
        return ""

    def _early(self, parts: Sequence[Part]) -> float:
        return sum(
            leaving_early(
                self.book,
                part.tier,
                Size(part.bytes),
                (self.now - part.created_at) / timedelta(days=1),
            )
            for part in parts
        )
