"""What a part costs in a tier, what a move, a restore and a scan cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..model.part import Part, Partition
from ..model.tier import EXPIRED, HOT, STANDARD, Tier
from .prices import GB, SPECTRUM_PER_TB, PriceBook, Retrieval

DAYS_PER_MONTH = 30.4375
KEPT_DAYS = (3, 35)
"""So many days, at least and at most, a store keeps what it has fetched."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much lies in a tier."""

    bytes: int
    objects: int = 1


def size_of(parts: Iterable[Part]) -> Size:
    """Return how much lies in the objects of parts."""
    found = tuple(parts)
    return Size(sum(part.bytes for part in found), len(found))


@dataclass(frozen=True, slots=True)
class Dollars:
    """What a move is worth.

    Attributes:
        saved: Dollars a month that it saves; negative if it costs more.
        once: Dollars that it costs once.

    """

    saved: float
    once: float

    def __add__(self, other: Dollars) -> Dollars:
        return Dollars(self.saved + other.saved, self.once + other.once)

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
    own = max(size.bytes, price.min_bytes * size.objects) + price.index_bytes * size.objects
    names = price.name_bytes * size.objects / GB * book.classes[STANDARD.name].storage
    return own / GB * price.storage + names + size.objects / 1000 * price.watched


def keeping(book: PriceBook, partition: Partition) -> float:
    """Return what a partition costs a month: hot rows, objects, and their readable copies."""
    hot = monthly(book, HOT, Size(partition.hot.bytes)) if partition.hot else 0.0
    return hot + sum(keeping_part(book, part) for part in partition.parts)


def keeping_part(book: PriceBook, part: Part) -> float:
    """Return what a part costs a month: its object, and its readable copy if there is one."""
    copy = monthly(book, STANDARD, Size(part.bytes)) if part.restored else 0.0
    return monthly(book, part.tier, Size(part.bytes)) + copy


def entering(book: PriceBook, source: Tier, target: Tier, size: Size) -> float:
    """Return what writing or moving objects into `target` costs once.

    A colder class is entered by a transition, a warmer one by a copy.
    """
    if not target.is_class:
        return 0.0
    price = book.classes[target.name]
    colder = source.is_class and target.rank > source.rank
    return size.objects / 1000 * (price.transition if colder else price.put)


def leaving_early(book: PriceBook, tier: Tier, size: Size, stayed_days: float) -> float:
    """Return what a class still bills for objects that leave it before its minimum."""
    if not tier.is_class:
        return 0.0
    missing = max(0.0, book.classes[tier.name].min_days - max(0.0, stayed_days))
    return monthly(book, tier, size) * missing / DAYS_PER_MONTH


def reading(book: PriceBook, tier: Tier, size: Size) -> float:
    """Return what reading objects whole costs, retrieval included.

    Of an archived class the requests alone: getting objects out of it is a restore's price.
    """
    if not tier.is_class:
        return 0.0
    price = book.classes[tier.name]
    return size.objects / 1000 * price.get + size.bytes / GB * price.retrieval


@dataclass(frozen=True, slots=True)
class Quote:
    """What restoring takes and costs.

    Attributes:
        speed: `Bulk`, `Standard` or `Expedited`.
        dollars: Retrieval, requests, and for their days the readable copy and the store's own.
        hours: How long it takes at least and at most.

    """

    speed: str
    dollars: float
    hours: tuple[float, float]


def kept_days(days: float, *, asked: bool = True) -> int:
    """Return for how many days a store shall keep what it fetches, beside the copy made of it.

    A later apply makes the copy: what the policy wants has time until the next month's.

    Args:
        days: For how many it shall be readable.
        asked: Somebody waits for it.

    """
    least, most = KEPT_DAYS
    return max(least, min(math.ceil(days), most)) if asked else most


def copying(book: PriceBook, size: Size, days: float) -> float:
    """Return what readable copies of archived objects cost for so many days."""
    return monthly(book, STANDARD, size) * max(0.0, days) / DAYS_PER_MONTH


def quote(
    book: PriceBook,
    tier: Tier,
    size: Size,
    days: float,
    speed: str = "Standard",
    *,
    asked: bool = True,
) -> Quote:
    """Quote a restore; a tier that is not archived costs and takes nothing.

    Args:
        days: For how many it shall be readable.
        asked: Somebody waits for it.

    Raises:
        ValueError: the class has no such speed.

    """
    ways = book.classes[tier.name].restore if tier.is_class else {}
    if not ways:
        return Quote(speed, 0.0, (0.0, 0.0))
    if speed not in ways:
        raise ValueError(f"{tier} restores with {', '.join(ways)}, not {speed}")
    way: Retrieval = ways[speed]
    retrieval = size.bytes / GB * way.per_gb + size.objects / 1000 * way.per_1k
    copies = copying(book, size, days) + copying(book, size, kept_days(days, asked=asked))
    return Quote(speed, retrieval + copies, way.hours)


def scanning(bytes_: int) -> float:
    """Return what Redshift Spectrum would charge for scanning so many bytes."""
    return bytes_ / 2**40 * SPECTRUM_PER_TB
