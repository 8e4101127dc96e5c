"""The real months of yellow and green taxis, with their dirt, in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from trip_files import Trips

from isotherm.lake import Lake
from turns import in_turn

KINDS = {
    "yellow": ("pickup_datetime", "csv", 240_000),
    "green": ("lpep_pickup_datetime", "parquet", 402_350),
}
TIMES = ("pickup_datetime", "dropoff_datetime", "lpep_pickup_datetime", "lpep_dropoff_datetime")


def union(kind: str, folder: Path) -> str:
    """Return DuckDB's own reading of all files at once; it wants to be told of mixed line ends."""
    pattern = f"{folder}/tlc/{kind}/*.{KINDS[kind][1]}"
    if kind == "yellow":
        return f"read_csv('{pattern}', union_by_name = true, strict_mode = false)"
    return f"read_parquet('{pattern}', union_by_name = true)"


def content(trips: Trips, relation: str) -> tuple[object, ...]:
    """Hash all columns by name; numbers as DOUBLE, for their types differ by order."""
    kinds = trips.types
    values = [
        f'"{name}"' if name in TIMES or kinds[name] == "VARCHAR" else f'"{name}"::DOUBLE'
        for name in sorted(kinds)
    ]
    return trips.sql(
        f"SELECT count(*), sum(hash(t)::HUGEINT), bit_xor(hash(t)) "
        f"FROM (SELECT {', '.join(values)} FROM {relation}) t"
    )[0]


@pytest.mark.parametrize("order", in_turn(["in order", "backwards"], 2))
@pytest.mark.parametrize("kind", KINDS)
def test_all_months_are_what_duckdb_reads_of_them_at_once(
    make_lake: Callable[..., Lake], tmp_path: Path, shared_data: Path, kind: str, order: str
) -> None:
    clock, ending, rows = KINDS[kind]
    config = f'[datasets.trips]\ntable = "main.trips"\nclock = "{clock}"\n'
    trips = Trips(make_lake(config), tmp_path)
    files = sorted((shared_data / "tlc" / kind).glob(f"*.{ending}"))
    if order == "backwards":
        files.reverse()
    loaded = [trips.load(file) for file in files]
    assert sum(item.rows for item in loaded) == rows
    assert all(trips.load(file).skipped for file in files[:3])
    assert content(trips, "main.trips") == content(trips, union(kind, shared_data))
    assert trips.quarantine == []
    counted: dict[object, int] = {}
    for item in loaded:
        for period, count in (item.periods or {}).items():
            counted[period] = counted.get(period, 0) + count
    assert counted == {p.period: p.hot.rows for p in trips.lake.inventory("trips") if p.hot}


def test_the_columns_that_are_born_and_drift_come_as_the_readme_says(
    make_lake: Callable[..., Lake], tmp_path: Path, shared_data: Path
) -> None:
    config = '[datasets.trips]\ntable = "trips"\nclock = "lpep_pickup_datetime"\n'
    trips = Trips(make_lake(config), tmp_path)
    files = sorted((shared_data / "tlc" / "green").glob("*.parquet"))
    trips.load(files[0])
    assert "ehail_fee" not in trips.types
    assert [c.name for c in trips.load(files[3]).added] == ["ehail_fee"]
    assert trips.types["passenger_count"] == "DOUBLE"
    later = Trips(make_lake(config, folder="later"), tmp_path)
    later.load(files[5])
    assert later.types["passenger_count"] == "BIGINT"
    widened = later.load(files[0]).widened
    assert {w.column for w in widened} == {"VendorID", "PULocationID", "DOLocationID"}
    assert later.types["passenger_count"] == "BIGINT"
