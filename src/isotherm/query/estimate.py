"""What a query will read, and what that costs, without running it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..cost.dollars import Size, quote, reading, scanning, size_of
from ..cost.prices import PriceBook
from ..engine.session import DuckDBSession
from ..model.part import Part
from ..model.period import span
from ..model.tier import HOT, TIERS, Tier
from .refusal import DAYS

VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning or goes."""
SAMPLED = 100
"""Of so many files at most the sizes of columns are read; the others are taken to be alike."""


@dataclass(frozen=True, slots=True)
class TierRead:
    """What a query reads of a dataset in one tier.

    Attributes:
        restored: Archived parts that are read from their readable copies.
        partitions: How many, 0 for the warehouse, where it is not known.
        periods: Which: `2018-03..2018-07`.
        bytes: Of the files, compressed.
        column_bytes: Of these, what belongs to the columns that the query uses.
        rows: Of the files; of the warehouse, what the planner expects.
        dollars: For requests and for retrieval from the class.

    """

    dataset: str
    tier: str
    restored: bool
    partitions: int
    periods: str
    files: int
    bytes: int
    column_bytes: int
    rows: int
    dollars: float


@dataclass(frozen=True, slots=True)
class TierRefused:
    """Archived partitions that a query may need.

    Attributes:
        dollars: For restoring them for 7 days.
        hours: That it takes, at most.

    """

    dataset: str
    tier: str
    partitions: int
    periods: str
    files: int
    bytes: int
    rows: int
    dollars: float
    hours: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query will read, and what that costs.

    Attributes:
        refused: Empty where the query would run.
        dollars_scan: What Redshift Spectrum would charge for scanning the columns.
        dollars_retrieval: For requests and for retrieval from the classes.

    """

    reads: tuple[TierRead, ...]
    refused: tuple[TierRefused, ...]
    dollars_scan: float
    dollars_retrieval: float
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many objects it reads."""
        return sum(read.files for read in self.reads)

    @property
    def column_bytes(self) -> int:
        """How many bytes of cold columns it reads."""
        return sum(read.column_bytes for read in self.reads)

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as its documented JSON form."""
        return {
            "version": VERSION,
            "runs": not self.refused,
            "files": self.files,
            "column_bytes": self.column_bytes,
            **asdict(self),
        }


@dataclass(frozen=True)
class Reads:
    """What a plan reads of one dataset.

    Attributes:
        hot: Rows of the warehouse, as the planner expects them; None if it reads none.
        share: Of the files' bytes, what belongs to the columns that are used.

    """

    hot: int | None
    cold: tuple[Part, ...]
    archived: tuple[Part, ...]
    share: float


def estimate(book: PriceBook, datasets: Mapping[str, Reads], notes: Sequence[str]) -> Estimate:
    """Add up what a query reads of each dataset, and what it may not read."""
    reads, refused = [], []
    for name, read in datasets.items():
        if read.hot is not None:
            reads.append(TierRead(name, HOT.name, False, 0, "", 0, 0, 0, read.hot, 0.0))
        reads += [_read(book, name, group, read.share) for group in _grouped(read.cold)]
        refused += [_refused(book, name, group) for group in _grouped(read.archived)]
    return Estimate(
        tuple(reads),
        tuple(refused),
        scanning(sum(read.column_bytes for read in reads)),
        sum(read.dollars for read in reads),
        tuple(notes),
    )


def columns_used(plan: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> set[str]:
    """Return which columns of cold rows a plan reads.

    Args:
        plan: What `EXPLAIN` says of each operator.
        columns: Of the dataset. Another one's of the same names count, too.

    """
    said = " ".join(
        str(info.get("Projections", "")) + " " + str(info.get("Filters", ""))
        for info in plan
        if info.get("Function") == "READ_PARQUET"
    )
    return {name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)}


def share_of(session: DuckDBSession, urls: Sequence[str], ids: Iterable[int]) -> float:
    """Return how much of the files' column bytes belongs to some columns, 0 to 1.

    Args:
        ids: The columns' field ids.

    """
    if not urls:
        return 0.0
    sample = list(urls[:: -(-len(urls) // SAMPLED)])
    used, whole = session.execute(
        "WITH ids AS (SELECT file_name, name, field_id FROM parquet_schema($1)) "
        "SELECT coalesce(sum(total_compressed_size) FILTER (list_contains($2, field_id)), 0), "
        "sum(total_compressed_size) FROM parquet_metadata($1) AS columns "
        "JOIN ids ON ids.file_name = columns.file_name AND ids.name = columns.path_in_schema",
        [sample, list(ids)],
    )[0]
    return used / whole if whole else 0.0


def _grouped(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Yield the parts of each tier, the restored ones apart."""
    groups: dict[tuple[Tier, bool], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.tier, part.restored is not None), []).append(part)
    yield from (groups[key] for key in sorted(groups, key=lambda key: (key[0].rank, key[1])))


def _read(book: PriceBook, dataset: str, parts: Sequence[Part], share: float) -> TierRead:
    size = size_of(parts)
    column_bytes = round(size.bytes * share)
    source = TIERS[parts[0].readable_location.tier]
    return TierRead(
        dataset,
        parts[0].tier.name,
        parts[0].restored is not None,
        len({part.period for part in parts}),
        span({part.period for part in parts}),
        size.objects,
        size.bytes,
        column_bytes,
        sum(part.rows for part in parts),
        reading(book, source, Size(column_bytes, size.objects)),
    )


def _refused(book: PriceBook, dataset: str, parts: Sequence[Part]) -> TierRefused:
    size = size_of(parts)
    offer = quote(book, parts[0].tier, size, DAYS)
    return TierRefused(
        dataset,
        parts[0].tier.name,
        len({part.period for part in parts}),
        span({part.period for part in parts}),
        size.objects,
        size.bytes,
        sum(part.rows for part in parts),
        offer.dollars,
        offer.hours[1],
    )
