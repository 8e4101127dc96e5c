"""Dollars, worked by hand from the price list: GB are 2**30 bytes, months 30.4375 days."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.cost.dollars import (
    Dollars,
    Size,
    copying,
    entering,
    keeping,
    kept_days,
    leaving_early,
    monthly,
    quote,
    reading,
    scanning,
    size_of,
)
from isotherm.cost.prices import BOOK, GB, KB, PriceBook
from isotherm.model.part import HotPartition, Location, Part, Partition
from isotherm.model.period import Period
from isotherm.model.tier import CLASSES, EXPIRED, HOT, TIERS

approx = pytest.approx
BUILT_IN = PriceBook()
MARCH = Period.parse("2019-03")
SIZES = st.builds(Size, st.integers(0, 2**45), st.integers(1, 10_000))


def tier_price(name: str, size: Size) -> float:
    return monthly(BUILT_IN, TIERS[name], size)


def test_the_price_book_holds_every_class() -> None:
    assert set(BOOK) == set(CLASSES)
    assert {name for name, price in BOOK.items() if price.restore} == {
        name for name in CLASSES if TIERS[name].archived
    }


@pytest.mark.parametrize(
    ("name", "storage", "put", "get", "transition", "retrieval", "days", "least", "beside"),
    [
        ("STANDARD", 0.023, 0.005, 0.0004, 0, 0, 0, 0, 0),
        ("STANDARD_IA", 0.0125, 0.01, 0.001, 0.01, 0.01, 30, 128, 0),
        ("ONEZONE_IA", 0.01, 0.01, 0.001, 0.01, 0.01, 30, 128, 0),
        ("GLACIER_IR", 0.004, 0.02, 0.01, 0.02, 0.03, 90, 128, 0),
        ("GLACIER", 0.0036, 0.03, 0.0004, 0.03, 0, 90, 0, 40),
        ("DEEP_ARCHIVE", 0.00099, 0.05, 0.0004, 0.05, 0, 180, 0, 40),
    ],
)
def test_a_class_costs_what_the_price_list_says(
    name: str,
    storage: float,
    put: float,
    get: float,
    transition: float,
    retrieval: float,
    days: int,
    least: int,
    beside: int,
) -> None:
    price = BOOK[name]
    assert (price.storage, price.put, price.get) == (storage, put, get)
    assert (price.transition, price.retrieval, price.min_days) == (transition, retrieval, days)
    assert (price.min_bytes, price.overhead_bytes) == (least * KB, beside * KB)


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("hot", 0.24),
        ("STANDARD", 0.23),
        ("STANDARD_IA", 0.125),
        ("ONEZONE_IA", 0.10),
        ("GLACIER_IR", 0.04),
        ("GLACIER", 0.036 + (32 * 0.0036 + 8 * 0.023) / 2**20),
        ("DEEP_ARCHIVE", 0.0099 + (32 * 0.00099 + 8 * 0.023) / 2**20),
        ("expired", 0.0),
    ],
)
def test_ten_gb_in_one_object_for_a_month(name: str, dollars: float) -> None:
    assert tier_price(name, Size(10 * GB)) == approx(dollars)


def test_an_object_below_the_least_size_is_billed_as_the_least_size() -> None:
    assert tier_price("STANDARD_IA", Size(40 * KB)) == approx(128 / 2**20 * 0.0125)
    assert tier_price("STANDARD_IA", Size(3 * 40 * KB, 3)) == approx(3 * 128 / 2**20 * 0.0125)
    assert tier_price("STANDARD_IA", Size(200 * KB)) == approx(200 / 2**20 * 0.0125)


def test_ten_million_small_objects_in_deep_archive_cost_what_amazons_calculator_says() -> None:
    size = Size(100 * GB, 100 * GB // (10 * KB))
    assert tier_price("DEEP_ARCHIVE", size) == approx(0.099 + 0.3168 + 1.84, abs=1e-4)


def test_what_is_watched_for_reads_costs_by_the_object() -> None:
    assert tier_price("INTELLIGENT_TIERING", Size(GB, 2_000)) == approx(0.0125 + 0.005)


def test_nothing_costs_nothing() -> None:
    assert [tier_price(name, Size(0, 0)) for name in TIERS] == [0.0] * len(TIERS)


def test_the_price_of_the_warehouse_is_the_users() -> None:
    assert monthly(PriceBook(hot=0.1), HOT, Size(GB)) == approx(0.1)


@pytest.mark.parametrize(
    ("source", "target", "dollars"),
    [
        ("hot", "STANDARD", 0.005),
        ("hot", "GLACIER", 0.03),
        ("STANDARD", "STANDARD_IA", 0.01),
        ("STANDARD_IA", "DEEP_ARCHIVE", 0.05),
        ("GLACIER", "STANDARD", 0.005),
        ("DEEP_ARCHIVE", "GLACIER", 0.03),
        ("STANDARD", "hot", 0.0),
        ("GLACIER", "expired", 0.0),
    ],
)
def test_a_thousand_objects_enter_a_tier(source: str, target: str, dollars: float) -> None:
    found = entering(BUILT_IN, TIERS[source], TIERS[target], Size(GB, 1_000))
    assert found == approx(dollars)


@pytest.mark.parametrize(
    ("name", "stayed", "days_billed"),
    [
        ("STANDARD", 0, 0),
        ("STANDARD_IA", 10, 20),
        ("STANDARD_IA", 30, 0),
        ("GLACIER", 89, 1),
        ("DEEP_ARCHIVE", 0, 180),
        ("DEEP_ARCHIVE", -5, 180),
        ("hot", 0, 0),
    ],
)
def test_what_leaves_early_is_billed_to_its_least_days(
    name: str, stayed: float, days_billed: float
) -> None:
    size = Size(10 * GB)
    expected = tier_price(name, size) * days_billed / 30.4375
    assert leaving_early(BUILT_IN, TIERS[name], size, stayed) == approx(expected)


@pytest.mark.parametrize(
    ("name", "dollars"),
    [
        ("hot", 0),
        ("STANDARD", 0.0008),
        ("STANDARD_IA", 0.002 + 0.05),
        ("GLACIER_IR", 0.02 + 0.15),
        ("GLACIER", 0.0008),
    ],
)
def test_two_thousand_objects_of_five_gb_are_read(name: str, dollars: float) -> None:
    assert reading(BUILT_IN, TIERS[name], Size(5 * GB, 2_000)) == approx(dollars)


def test_a_restore_is_billed_by_gb_and_request_and_its_copy_as_standard() -> None:
    size = Size(10 * GB, 4)
    found = quote(BUILT_IN, TIERS["GLACIER"], size, days=7)
    assert found.dollars == approx(10 * 0.01 + 4 * 0.00005 + 2 * 10 * 0.023 * 7 / 30.4375)
    assert found.hours == (3, 5)


def test_a_restore_of_a_hundred_tb_costs_what_amazons_example_says() -> None:
    size = Size(102_400 * GB, 15_000_000)
    kept = copying(BUILT_IN, size, 3)  # by the store, which the example leaves out
    for speed, paid in (("Bulk", 0), ("Standard", 750 + 1_024), ("Expedited", 150_000 + 3_072)):
        found = quote(BUILT_IN, TIERS["GLACIER"], size, 0, speed)
        assert found.dollars == approx(paid + kept)


def test_deep_archive_has_no_expedited_restore() -> None:
    with pytest.raises(ValueError, match="restores with Bulk, Standard, not Expedited"):
        quote(BUILT_IN, TIERS["DEEP_ARCHIVE"], Size(GB), 1, "Expedited")


def test_what_is_not_archived_needs_no_restore() -> None:
    for name in ("hot", "STANDARD", "GLACIER_IR"):
        found = quote(BUILT_IN, TIERS[name], Size(GB), 7)
        assert (found.dollars, found.hours) == (0.0, (0.0, 0.0))


def test_a_store_keeps_what_it_fetched_until_a_later_apply_has_copied_it() -> None:
    assert [kept_days(days) for days in (0, 0.5, 3.2, 20, 365)] == [3, 3, 4, 20, 35]
    assert kept_days(1, asked=False) == 35


def test_a_copy_costs_nothing_for_days_that_are_over() -> None:
    assert copying(BUILT_IN, Size(GB), -3) == 0.0


def test_a_terabyte_scanned_costs_five_dollars() -> None:
    assert scanning(2**40) == approx(5.0)


def test_a_partition_costs_its_hot_rows_its_objects_and_their_readable_copies() -> None:
    cold = Part(
        "p",
        "trips",
        MARCH,
        TIERS["GLACIER_IR"],
        Location("GLACIER_IR", "k"),
        5,
        10 * GB,
        "",
        datetime(2020, 1, 1),
    )
    archived = replace(cold, tier=TIERS["GLACIER"], bytes=GB)
    opened = replace(archived, restored=Location("STANDARD", "k"))
    partition = Partition(MARCH, HotPartition(MARCH, 5, 2 * GB), (cold, archived))
    assert keeping(BUILT_IN, partition) == approx(0.048 + 0.04 + 0.0036, abs=1e-6)
    partition = Partition(MARCH, None, (opened,))
    assert keeping(BUILT_IN, partition) == approx(0.0036 + 0.023, abs=1e-6)
    assert size_of(()) == Size(0, 0)


@pytest.mark.parametrize(
    ("saved", "once", "payback"),
    [(2.0, 6.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, None), (-1.0, 0.0, None)],
)
def test_the_payback_is_the_cost_over_the_saving(
    saved: float, once: float, payback: float | None
) -> None:
    assert Dollars(saved, once).payback == payback


@given(SIZES, SIZES, st.sampled_from(sorted(TIERS)))
def test_more_never_costs_less(one: Size, other: Size, name: str) -> None:
    both = Size(one.bytes + other.bytes, one.objects + other.objects)
    assert tier_price(name, both) >= tier_price(name, one) * (1 - 1e-12)


@given(st.integers(2**20, 2**45))
def test_a_large_object_is_the_cheaper_the_colder_its_class(bytes_: int) -> None:
    size = Size(bytes_)
    names = ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
    dollars = [tier_price(name, size) for name in names]
    assert dollars == sorted(dollars, reverse=True)
    assert monthly(BUILT_IN, EXPIRED, size) == 0.0
