"""What rows take on the other side is learnt from the dataset's own rows and objects."""

from __future__ import annotations

from datetime import datetime

from isotherm.cost.sizes import COLD_RATIO, OBJECT_BYTES, Sizes
from isotherm.model.part import HotPartition, Inventory, Location, Part
from isotherm.model.period import Period
from isotherm.model.tier import STANDARD

MARCH = Period.parse("2019-03")


def part(rows: int, bytes_: int) -> Part:
    place = Location("STANDARD", f"{rows}")
    return Part(f"{rows}", "trips", MARCH, STANDARD, place, rows, bytes_, "", datetime(2020, 1, 1))


def test_without_objects_parquet_is_estimated_from_the_warehouses_bytes() -> None:
    sizes = Sizes.of(Inventory("trips", (HotPartition(MARCH, 1_000, 100_000),)))
    assert sizes.as_object(1_000, 100_000) == round(100_000 * COLD_RATIO) + OBJECT_BYTES


def test_objects_of_about_as_many_rows_tell_what_a_row_takes() -> None:
    sizes = Sizes.of(Inventory("trips", (), (part(50_000, 1_000_000), part(70_000, 1_400_000))))
    assert sizes.as_object(60_000, 9_999_999) == 1_200_000


def test_a_tiny_object_says_nothing_of_a_large_one() -> None:
    sizes = Sizes.of(Inventory("trips", (), (part(1, 2_900),)))
    assert sizes.as_object(1, 80) == 2_900
    assert sizes.as_object(10_000, 300_000) == round(300_000 * COLD_RATIO) + OBJECT_BYTES


def test_what_a_row_takes_in_the_warehouse_is_learnt_from_hot_rows() -> None:
    hot = (HotPartition(MARCH, 1_000, 30_000),)
    assert Sizes.of(Inventory("trips", hot)).as_hot(500, 1) == 15_000
    assert Sizes.of(Inventory("trips")).as_hot(500, 7_000) == round(7_000 / COLD_RATIO)
