"""`--explain`: what a query would read in which tier, and what that costs."""

from __future__ import annotations

import pytest

from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.control import parts
from isotherm.cost.dollars import Size, reading, scanning
from isotherm.lake import Lake
from isotherm.model.errors import QueryError
from isotherm.model.period import Duration, between
from isotherm.model.tier import TIERS
from isotherm.query.estimate import Estimate, TierRead

pytestmark = pytest.mark.xdist_group("estimate")


def in_four_tiers(make: MakeLake) -> Lake:
    """Return a lake of 18 months in four tiers."""
    lake = make(clock=Clock())
    run_sql(lake, make_trips())
    lake.apply(lake.plan(even_if_uneconomic=True))
    return lake


@pytest.fixture(scope="module")
def lake(make_shared_lake: MakeLake) -> Lake:
    return in_four_tiers(make_shared_lake)


def cold(found: Estimate) -> list[TierRead]:
    """Return what is read of objects; the planner may look into the warehouse for nothing."""
    return [read for read in found.reads if read.tier != "hot"]


def test_it_names_the_tiers_with_partitions_files_bytes_and_rows(lake: Lake) -> None:
    found = lake.explain_sql("SELECT * FROM trips WHERE pickup >= '2018-06-10'")
    by_tier = {read.tier: read for read in found.reads}
    assert list(by_tier) == ["hot", "STANDARD", "STANDARD_IA"]
    assert by_tier["STANDARD_IA"].periods == "2018-06..2018-07"
    assert by_tier["STANDARD"].periods == "2018-08..2019-01"
    with lake.warehouse.snapshot() as tx:
        kept = [p for p in parts.of_dataset(tx, "trips") if p.tier.name == "STANDARD"]
    assert by_tier["STANDARD"].files == by_tier["STANDARD"].partitions == len(kept) == 6
    assert by_tier["STANDARD"].bytes == sum(part.bytes for part in kept)
    assert by_tier["STANDARD"].rows == sum(part.rows for part in kept)
    assert by_tier["STANDARD"].column_bytes == by_tier["STANDARD"].bytes
    assert by_tier["hot"].rows > 0
    assert found.files == 8
    assert not found.refused


def test_it_costs_what_the_price_book_says_of_the_columns_that_are_used(lake: Lake) -> None:
    query = "SELECT {} FROM trips WHERE pickup >= '2018-06-01' AND pickup < '2018-07-01'"
    whole, one = (lake.explain_sql(query.format(c)) for c in ("*", "sum(fare)"))
    assert 0 < one.column_bytes < whole.column_bytes
    assert one.dollars_scan == scanning(one.column_bytes)
    (read,) = cold(one)
    expected = reading(lake.prices, TIERS["STANDARD_IA"], Size(read.column_bytes, 1))
    assert one.dollars_retrieval == read.dollars == expected


def test_it_says_what_is_archived_and_what_restoring_would_cost(lake: Lake) -> None:
    found = lake.explain_sql("SELECT count(*) FROM trips WHERE pickup < '2018-06-01'")
    (refused,) = found.refused
    assert (refused.tier, refused.periods, refused.files) == ("GLACIER", "2018-01..2018-04", 4)
    assert refused.dollars > 0
    assert refused.hours == 5
    assert [read.periods for read in cold(found)] == ["2018-05"]


def test_a_restored_partition_is_read_where_its_copy_lies(make_lake: MakeLake) -> None:
    lake = in_four_tiers(make_lake)
    lake.apply(lake.restore_plan("trips", between("2018-02"), Duration.parse("7d")))
    found = lake.explain_sql("SELECT count(*) FROM trips WHERE pickup::DATE = '2018-02-03'")
    (read,) = cold(found)
    assert (read.tier, read.restored, read.periods) == ("GLACIER", True, "2018-02")
    assert not found.refused


def test_hot_rows_alone_cost_nothing(lake: Lake) -> None:
    found = lake.explain_sql("SELECT count(*) FROM trips WHERE pickup > '2019-03-01'")
    assert [read.tier for read in found.reads] == ["hot"]
    assert (found.files, found.dollars_scan, found.dollars_retrieval) == (0, 0, 0)


def test_each_dataset_and_each_reference_counts_once(lake: Lake) -> None:
    query = (
        "SELECT count(*) FROM trips a JOIN trips b USING (id) "
        "WHERE a.pickup::DATE = '2018-09-02' AND b.pickup::DATE = '2018-11-02'"
    )
    found = lake.explain_sql(query)
    assert [read.periods for read in cold(found)] == ["2018-09, 2018-11"]


def test_nothing_is_run(lake: Lake) -> None:
    found = lake.explain_sql("SELECT error('it ran') FROM trips WHERE pickup > '2018-05-01'")
    assert found.reads
    assert lake.explain_sql("SELECT 1").reads == ()
    with pytest.raises(QueryError, match="INSERT was refused"):
        lake.explain_sql("INSERT INTO trips VALUES (1)")


def test_its_json_form_is_a_document_with_a_version(lake: Lake) -> None:
    form = lake.explain_sql("SELECT id FROM trips WHERE pickup < '2018-07-01'").to_json()
    assert form["version"] == 1
    assert form["runs"] is False
    assert {"files", "column_bytes", "dollars_scan", "dollars_retrieval", "notes"} < form.keys()
    assert form["reads"][-1]["tier"] == "STANDARD_IA"
    assert form["refused"][0]["tier"] == "GLACIER"
