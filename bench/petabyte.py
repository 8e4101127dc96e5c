"""A petabyte by arithmetic: ten years of a table, month by month, with the product's own prices.

`python -m bench petabyte` prints a line for each size of objects. Nothing is moved; what a file
takes in Iceberg's metadata is measured on a small lake that is made for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isotherm.cost.dollars import Size, entering, monthly, reading
from isotherm.cost.prices import PriceBook
from isotherm.cost.sizes import COLD_RATIO
from isotherm.lake import Lake
from isotherm.model.dataset import OBJECT_BYTES
from isotherm.model.tier import HOT, STANDARD, TIERS, Tier

from . import data
from .ratio import Ratio, say

PETABYTE = 10**15
MONTHS = 120
OBJECTS = {
    "one a day": 30.4375,
    "one an hour": 730.5,
    "of 512 MB": PETABYTE / MONTHS / OBJECT_BYTES,
}
"""How many a month."""
POLICY = ((6, "STANDARD"), (12, "STANDARD_IA"), (15, "GLACIER"))
BOOK = PriceBook()


@dataclass(frozen=True)
class Decade:
    """What ten years come to.

    Attributes:
        objects: At the end.
        object_bytes: Of each.
        requests: Of the store in the last month: written, read back, moved, listed.
        metadata_bytes: Of Iceberg, at the end.
        dollars: Of the last month.
        hot_dollars: Of the last month, had everything stayed in the warehouse.
        total: Dollars of all ten years.

    """

    objects: int
    object_bytes: int
    requests: int
    metadata_bytes: int
    dollars: float
    hot_dollars: float
    total: float


def measure(folder: Path) -> list[Ratio]:
    """Print the table, and return what share of the warehouse's price is left."""
    entry = _entry_bytes(folder)
    say(f"  Iceberg's metadata: {entry:.0f} bytes a file")
    found = []
    for what, each in OBJECTS.items():
        after = decade(each, entry)
        say(
            f"  {what}: {after.objects:,} objects of {after.object_bytes / 1e9:,.1f} GB; "
            f"in the last month {after.requests:,} requests, ${after.dollars:,.0f} "
            f"(${after.hot_dollars:,.0f} all hot); metadata {after.metadata_bytes / 1e6:,.1f} MB; "
            f"${after.total:,.0f} in ten years"
        )
        left = after.dollars / after.hot_dollars
        found.append(Ratio(f"a petabyte, objects {what}: dollars against all hot", left, 0.0, None))
    return found


def decade(objects_a_month: float, entry_bytes: float) -> Decade:
    """Let a table grow for ten years to a petabyte of objects, and age by the policy."""
    many = round(objects_a_month)
    size = Size(PETABYTE // MONTHS, many)
    hot = Size(round(size.bytes / COLD_RATIO))
    total = dollars = hot_dollars = 0.0
    requests = 0
    for now in range(1, MONTHS + 1):
        dollars = hot_dollars = 0.0
        requests = 0
        for age in range(now):
            tier = _tier(age)
            dollars += monthly(BOOK, tier, hot if tier == HOT else size)
            hot_dollars += monthly(BOOK, HOT, hot)
            if age and (before := _tier(age - 1)) != tier:
                dollars += entering(BOOK, before, tier, size) + reading(BOOK, STANDARD, size)
                requests += 3 * many  # it is written or copied, read back, and tagged
        requests += round(sum(many for age in range(now) if _tier(age) != HOT) / 1_000)  # listed
        total += dollars
    cold = [age for age in range(MONTHS) if _tier(age) != HOT]
    readable = [age for age in cold if not _tier(age).archived]  # the pin names no others
    return Decade(
        len(cold) * many,
        size.bytes // many,
        requests,
        round(len(readable) * many * entry_bytes),
        dollars,
        hot_dollars,
        total,
    )


def _tier(age: int) -> Tier:
    found = [TIERS[name] for least, name in POLICY if age >= least]
    return found[-1] if found else HOT


def _entry_bytes(folder: Path) -> float:
    """Return how many bytes of manifests a file takes, by two lakes of which one has more."""
    sizes = []
    for days in (12, 72):
        file = data.warehouse(folder / f"days-{days}.duckdb", data.trips(days * 100, days + 3))
        with data.lake(folder / f"days-{days}", file, "day") as lake:
            lake.apply(lake.plan(even_if_uneconomic=True))
            sizes.append((len(lake.inventory("trips").parts), _manifest_bytes(lake)))
    (few, small), (many, large) = sizes
    return (large - small) / (many - few)


def _manifest_bytes(lake: Lake) -> int:
    seen = lake.catalog.look("trips")
    assert seen
    snapshot = seen.table.current_snapshot()
    assert snapshot
    return sum(manifest.manifest_length for manifest in snapshot.manifests(seen.table.io))
