"""Parts and partitions: what a mixed one is called, and what can be read when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from isotherm.model.part import HotPartition, Inventory, Location, Part, Partition
from isotherm.model.period import Period
from isotherm.model.tier import HOT, TIERS

NOW = datetime(2020, 5, 1)
MARCH = Period.parse("2019-03")


def part(tier: str, rows: int = 10) -> Part:
    return Part(
        f"{tier}-{rows}", "trips", MARCH, TIERS[tier], Location(tier, "k"), rows, 100, "", NOW
    )


def test_the_tier_of_a_partition_is_that_of_its_coldest_part() -> None:
    assert Partition(MARCH, None, (part("STANDARD"), part("GLACIER"))).tier.name == "GLACIER"
    assert Partition(MARCH, HotPartition(MARCH, 5, 50), ()).tier == HOT


def test_rows_are_late_only_once_the_partition_has_left() -> None:
    hot = HotPartition(MARCH, 5, 50)
    assert Partition(MARCH, hot, ()).late_rows == 0
    late = Partition(MARCH, hot, (part("STANDARD"),))
    assert (late.late_rows, late.rows, late.cold_bytes) == (5, 15, 100)


def test_an_archived_part_is_readable_until_its_time_is_over() -> None:
    closed = part("GLACIER")
    until = NOW + timedelta(days=7)
    copy = Location("STANDARD", "restored/k")
    opened = replace(closed, restored=copy, restored_until=until)
    assert not closed.readable_at(NOW)
    assert opened.readable_at(until - timedelta(microseconds=1))
    assert not opened.readable_at(until)
    assert (closed.pinned_location, opened.pinned_location) == (None, copy)
    assert part("STANDARD").readable_at(NOW)


def test_an_inventory_lists_its_partitions_by_time() -> None:
    hot = (HotPartition(MARCH.shifted(1), 1, 1), HotPartition(MARCH.shifted(-20), 1, 1))
    inventory = Inventory("trips", hot, (part("STANDARD"),))
    assert [str(item.period) for item in inventory] == ["2017-07", "2019-03", "2019-04"]
