"""Where the objects of a partition lie once its moves are done: many small ones are made one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..cost.dollars import Size
from ..model.part import Location, Part, Partition
from ..model.tier import Tier
from .plan import Cause, Kind, Move, Refusal


def by_tier(parts: Sequence[Part]) -> dict[Tier, list[Part]]:
    """Return a partition's parts by their tier, the hottest first."""
    found: dict[Tier, list[Part]] = defaultdict(list)
    for part in sorted(parts, key=lambda part: part.tier.rank):
        found[part.tier].append(part)
    return found


def lying_after(
    partition: Partition, planned: Iterable[Move | Refusal], written: Size, now: datetime
) -> Mapping[Tier, list[Part]]:
    """Return the parts of a partition by tier, as they will lie after its moves, and stay.

    What waits to go on soon is left out; what a case keeps, and what never pays, stays.

    Args:
        written: What its rows of the warehouse will take as objects.

    """
    lying = by_tier(partition.parts)
    for item in planned:
        if isinstance(item, Refusal):
            if item.cause not in (Cause.HELD, Cause.UNECONOMIC):
                lying.pop(item.move.source, None)
        elif item.kind is Kind.EXPIRE:
            lying.clear()
        elif item.kind in (Kind.UNLOAD, Kind.APPEND):
            lying[item.target] += _new(partition, item.target, written, now)
        elif item.target != item.source:
            gone = lying.pop(item.source, [])
            if item.kind is Kind.RETIER:
                lying[item.target] += [
                    replace(part, tier=item.target, created_at=now) for part in gone
                ]
    return lying


def _new(partition: Partition, tier: Tier, written: Size, now: datetime) -> list[Part]:
    rows, bytes_ = (
        total // written.objects
        for total in (partition.hot.rows if partition.hot else 0, written.bytes)
    )
    location = Location(tier.name, "")
    new = Part("", "", partition.period, tier, location, rows, bytes_, "", now)
    return [new] * written.objects
