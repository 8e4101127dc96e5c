"""Tiers: where a part of a partition lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """The warehouse, a storage class, or gone.

    Attributes:
        name: `hot`, the storage class as S3 writes it, or `expired`.
        rank: How cold it is; a policy runs from low to high.
        archived: An object must be restored before it can be read.

    """

    name: str
    rank: int
    archived: bool = False

    @property
    def is_class(self) -> bool:
        """Whether objects live here: neither the warehouse nor gone."""
        return 0 < self.rank < EXPIRED.rank

    def __str__(self) -> str:
        return self.name


HOT = Tier("hot", 0)
STANDARD = Tier("STANDARD", 10)
GLACIER = Tier("GLACIER", 50, archived=True)
EXPIRED = Tier("expired", 99)

TIERS: dict[str, Tier] = {
    tier.name: tier
    for tier in (
        HOT,
        STANDARD,
        Tier("INTELLIGENT_TIERING", 20),
        Tier("STANDARD_IA", 30),
        Tier("ONEZONE_IA", 35),
        Tier("GLACIER_IR", 40),
        GLACIER,
        Tier("DEEP_ARCHIVE", 60, archived=True),
        EXPIRED,
    )
}
"""Every tier by its name, hottest first."""

_BY_COPY_ALONE = frozenset({("INTELLIGENT_TIERING", "STANDARD_IA"), ("ONEZONE_IA", "GLACIER_IR")})


def rules_move(source: Tier, target: Tier) -> bool:
    """Say whether a bucket's lifecycle rules can bring objects from one class to another.

    Source: Amazon S3 user guide, "Transitioning objects using Amazon S3 Lifecycle".
    """
    colder = source.is_class and target.is_class and target.rank > source.rank
    return colder and (source.name, target.name) not in _BY_COPY_ALONE


CLASSES: tuple[str, ...] = tuple(name for name, tier in TIERS.items() if tier.is_class)
"""The names of the storage classes, hottest first."""
