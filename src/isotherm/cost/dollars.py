"""What a part costs in a tier, what a move, a restore and a scan cost."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.tier import EXPIRED, HOT, Tier
from .prices import GB, SPECTRUM_PER_TB, PriceBook, Retrieval

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class Size:
    """How much lies in a tier."""

    bytes: int
    objects: int = 1


@dataclass(frozen=True, slots=True)
class Dollars:
    """What a move is worth.

    Attributes:
        saved: Dollars a month that it saves; negative if it costs more.
        once: Dollars that it costs once.

    """

    saved: float
    once: float

    @property
    def payback(self) -> float | None:
        """After how many months it has paid for itself; None is never."""
        if self.once == 0 and self.saved >= 0:
            return 0.0
        return self.once / self.saved if self.saved > 0 else None


def monthly(book: PriceBook, tier: Tier, size: Size) -> float:
    """Return what keeping `size` in a tier costs a month."""
    if tier == EXPIRED or size.bytes == 0:
        return 0.0
    if tier == HOT:
        return size.bytes / GB * book.hot
    price = book.classes[tier.name]
    billed = max(size.bytes, price.min_bytes * size.objects) + price.overhead_bytes * size.objects
    return billed / GB * price.storage


def entering(book: PriceBook, source: Tier, target: Tier, size: Size) -> float:
    """Return what writing or moving objects into `target` costs once."""
    if not target.is_class:
        return 0.0
    price = book.classes[target.name]
    each = price.transition if source.is_class else price.put
    return size.objects / 1000 * each


def leaving_early(book: PriceBook, tier: Tier, size: Size, stayed_days: float) -> float:
    """Return what a class still bills for objects that leave it before its minimum."""
    if not tier.is_class:
        return 0.0
    missing = max(0.0, book.classes[tier.name].min_days - stayed_days)
    return monthly(book, tier, size) * missing / DAYS_PER_MONTH


def reading(book: PriceBook, tier: Tier, size: Size) -> float:
    """Return what reading objects whole costs, retrieval included."""
    if not tier.is_class:
        return 0.0
    price = book.classes[tier.name]
    return size.objects / 1000 * price.get + size.bytes / GB * price.retrieval


@dataclass(frozen=True, slots=True)
class Quote:
    """What restoring takes and costs.

    Attributes:
        speed: `Bulk`, `Standard` or `Expedited`.
        dollars: Retrieval, requests, and the readable copy for its days.
        hours: How long it takes at least and at most.

    """

    speed: str
    dollars: float
    hours: tuple[float, float]


def quote(book: PriceBook, tier: Tier, size: Size, days: float, speed: str = "Standard") -> Quote:
    """Quote a restore; a tier that is not archived costs and takes nothing.

    Raises:
        ValueError: the class has no such speed.

    """
    ways = book.classes[tier.name].restore if tier.is_class else {}
    if not ways:
        return Quote(speed, 0.0, (0.0, 0.0))
    if speed not in ways:
        raise ValueError(f"{tier} restores with {', '.join(ways)}, not {speed}")
    way: Retrieval = ways[speed]
    copy = size.bytes / GB * book.classes["STANDARD"].storage * days / DAYS_PER_MONTH
    dollars = size.bytes / GB * way.per_gb + size.objects / 1000 * way.per_1k + copy
    return Quote(speed, dollars, way.hours)


def scanning(bytes_: int) -> float:
    """Return what Redshift Spectrum would charge for scanning so many bytes."""
    return bytes_ / 2**40 * SPECTRUM_PER_TB
