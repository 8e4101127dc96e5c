"""Parts, and the inventory of what is where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from .period import Period
from .tier import HOT, Tier

QUERIES = "queries"
"""Where copies of hot rows lie on the store while another engine reads them, as a tier's name."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """An object on the store: its key below a tier's root."""

    tier: str
    key: str

    def __str__(self) -> str:
        return f"{self.tier}/{self.key}"


@dataclass(frozen=True, slots=True)
class Digest:
    """The count and the order-free content hash of some rows.

    The hash is only ever compared with one that the same engine made of the same columns: see
    `Hashed`, by which it is kept. What proves an object is its SHA-256.
    """

    rows: int
    sum: int
    xor: int

    def __add__(self, other: Digest) -> Digest:
        return Digest(self.rows + other.rows, self.sum + other.sum, self.xor ^ other.xor)

    def __sub__(self, other: Digest) -> Digest:
        """Return what is left without some of the rows."""
        return Digest(self.rows - other.rows, self.sum - other.sum, self.xor ^ other.xor)


NOTHING = Digest(0, 0, 0)
"""Of no rows."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """What an object's rows were hashed to when it was read back.

    Attributes:
        by: Which engine hashed them, and which columns: see `Session.hashes_of`.

    """

    by: str
    sum: int
    xor: int

    def __str__(self) -> str:
        return f"{self.by} {self.sum} {self.xor}"

    @classmethod
    def parse(cls, said: str) -> Hashed:
        """Read what `str` has written."""
        by, total, xor = said.split(" ")
        return cls(by, int(total), int(xor))


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one partition in one object.

    Attributes:
        tier: The storage class that the object belongs to.
        location: Where the object is; in a folder store it changes with the tier.
        sha256: Of the object's bytes, hexadecimal.
        created_at: When the object entered its tier, UTC.
        restored: The readable copy of an archived object, where there is one.
        restored_until: Until when that copy may be read, UTC.
        hashed: What its rows were hashed to; None if nobody has written that down.

    """

    id: str
    dataset: str
    period: Period
    tier: Tier
    location: Location
    rows: int
    bytes: int
    sha256: str
    created_at: datetime
    restored: Location | None = None
    restored_until: datetime | None = None
    hashed: Hashed | None = None

    def with_digest(self, digest: Digest, by: str) -> Part:
        """Return the part with the digest of its rows, as it was read back."""
        return replace(self, hashed=Hashed(by, digest.sum, digest.xor))

    def digest(self, by: str) -> Digest | None:
        """Return the digest of its rows; None if it is not known, or not `by` that engine."""
        if self.hashed is None or self.hashed.by != by:
            return None
        return Digest(self.rows, self.hashed.sum, self.hashed.xor)

    def readable_at(self, now: datetime) -> bool:
        """Say whether a query that begins `now` may read the part."""
        if not self.tier.archived:
            return True
        return self.restored_until is not None and now < self.restored_until

    @property
    def readable_location(self) -> Location:
        """Where a reader finds the part: its restored copy if there is one."""
        return self.restored or self.location

    @property
    def pinned_location(self) -> Location | None:
        """Which object of the part the pin names; None if it lies in the archive alone."""
        return self.restored if self.tier.archived else self.location


@dataclass(frozen=True, slots=True)
class HotPartition:
    """The rows of one period that are in the warehouse.

    Attributes:
        bytes: Estimated, from the rows and the table's size.
        loaded_at: When rows of the period were last loaded by Isotherm, UTC.

    """

    period: Period
    rows: int
    bytes: int
    loaded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ageless:
    """Rows that never age, and why."""

    reason: str
    rows: int
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Partition:
    """Everything of one period: its rows in the warehouse and its parts on the store."""

    period: Period
    hot: HotPartition | None
    parts: tuple[Part, ...]

    @property
    def tier(self) -> Tier:
        """The tier of its coldest part."""
        return max((part.tier for part in self.parts), key=lambda t: t.rank, default=HOT)

    @property
    def late_rows(self) -> int:
        """Rows in the warehouse although the partition has left it."""
        return self.hot.rows if self.hot and self.parts else 0

    @property
    def rows(self) -> int:
        """All rows, in the warehouse and on the store."""
        return (self.hot.rows if self.hot else 0) + sum(part.rows for part in self.parts)

    @property
    def cold_bytes(self) -> int:
        """The size of its objects."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Inventory:
    """What is where of one dataset, at one instant."""

    dataset: str
    hot: tuple[HotPartition, ...] = ()
    parts: tuple[Part, ...] = ()
    ageless: tuple[Ageless, ...] = ()

    @cached_property
    def partitions(self) -> dict[Period, Partition]:
        """Every partition by its period, the earliest first."""
        hot = {item.period: item for item in self.hot}
        parts: dict[Period, list[Part]] = {}
        for part in self.parts:
            parts.setdefault(part.period, []).append(part)
        return {
            period: Partition(period, hot.get(period), tuple(parts.get(period, ())))
            for period in sorted(hot.keys() | parts.keys())
        }

    def __iter__(self) -> Iterator[Partition]:
        return iter(self.partitions.values())
