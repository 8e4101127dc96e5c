"""Parquet: types that drift, and files that are damaged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trip_files import Trips

from isotherm.lake import Lake
from isotherm.model.errors import LoadError, SchemaError

DAY = dt.datetime(2019, 1, 1, 10)
ZONED = "TIMESTAMP WITH TIME ZONE"


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


def a_parquet(trips: Trips, name: str = "trips.parquet", **columns: pa.Array) -> Path:
    """Write a Parquet file of a clock and the columns."""
    path = trips.folder / name
    rows = len(next(iter(columns.values()))) if columns else 1
    columns.setdefault("pickup", pa.array([DAY] * rows, pa.timestamp("us")))
    pq.write_table(pa.table(columns), path)
    return path


def test_a_new_table_gets_the_types_of_the_file(trips: Trips) -> None:
    path = a_parquet(
        trips,
        whole=pa.array([1], pa.int32()),
        number=pa.array([1.0]),
        money=pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
        nothing=pa.array([None], pa.null()),
        later=pa.array([None], pa.float64()),
        tags=pa.array([["a", "b"]]),
        seconds=pa.array([DAY], pa.timestamp("s")),
        nanos=pa.array([DAY], pa.timestamp("ns")),
        zoned=pa.array([DAY], pa.timestamp("us", "UTC")),
    )
    trips.load(path)
    assert trips.types == {
        "whole": "INTEGER",
        "number": "DOUBLE",
        "money": "DECIMAL(9,2)",
        "later": "DOUBLE",
        "tags": "VARCHAR[]",
        "seconds": "TIMESTAMP",
        "nanos": "TIMESTAMP",
        "zoned": ZONED,
        "pickup": "TIMESTAMP",
    }
    assert trips.rows("nanos, tags") == [(DAY, ["a", "b"])]


@pytest.mark.parametrize(
    ("type_", "array", "becomes"),
    [
        ("INTEGER", pa.array([3_000_000_000], pa.int64()), "BIGINT"),
        ("INTEGER", pa.array([1], pa.int64()), "BIGINT"),
        ("BIGINT", pa.array([1], pa.int32()), "BIGINT"),
        ("UTINYINT", pa.array([-1], pa.int8()), "SMALLINT"),
        ("BIGINT", pa.array([2.0]), "BIGINT"),
        ("BIGINT", pa.array([2.5]), "DOUBLE"),
        ("BIGINT", pa.array([2.0**64]), "DOUBLE"),
        ("INTEGER", pa.array([2.5], pa.float32()), "DOUBLE"),
        ("DOUBLE", pa.array([2**53], pa.int64()), "DOUBLE"),
        ("FLOAT", pa.array([0.1]), "DOUBLE"),
        ("FLOAT", pa.array([0.5]), "FLOAT"),
        ("DOUBLE", pa.array([0.1], pa.float32()), "DOUBLE"),
        ("DATE", pa.array([DAY], pa.timestamp("us")), "TIMESTAMP"),
        ("DATE", pa.array([DAY.replace(hour=0)], pa.timestamp("us")), "DATE"),
        ("TIMESTAMP", pa.array([DAY.date()]), "TIMESTAMP"),
        (ZONED, pa.array([DAY], pa.timestamp("us")), ZONED),
        ("TIMESTAMP", pa.array([DAY], pa.timestamp("us", "UTC")), "TIMESTAMP"),
        ("DECIMAL(9,2)", pa.array([Decimal("1.234")], pa.decimal128(12, 3)), "DECIMAL(12,3)"),
        ("DECIMAL(9,2)", pa.array([5], pa.int32()), "DECIMAL(9,2)"),
        ("DECIMAL(9,2)", pa.array([1.25]), "DECIMAL(9,2)"),
        ("INTEGER", pa.array([Decimal("7.00")], pa.decimal128(9, 2)), "INTEGER"),
        ("DOUBLE", pa.array([Decimal("7.25")], pa.decimal128(9, 2)), "DOUBLE"),
        ("VARCHAR", pa.array([7]), "VARCHAR"),
        ("BIGINT", pa.array(["7"]), "BIGINT"),
        ("BIGINT", pa.array([None], pa.null()), "BIGINT"),
        ("DATE", pa.array(["2019-01-01"]), "DATE"),
    ],
)
def test_a_type_that_drifts_fits_or_widens_its_column(
    trips: Trips, type_: str, array: pa.Array, becomes: str
) -> None:
    trips.sql(f"CREATE TABLE main.trips (pickup TIMESTAMP, x {type_})")
    trips.load(a_parquet(trips, x=array))
    assert trips.types["x"] == becomes
    value = array[0].as_py()
    text = "NULL" if value is None else f"'{value}'"
    assert trips.sql(f"SELECT x IS NOT DISTINCT FROM {text}::{becomes} FROM trips") == [(True,)]


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        ("DOUBLE", pa.array([2**53 + 1], pa.int64())),
        ("DECIMAL(9,2)", pa.array([1.255])),
        ("BIGINT", pa.array(["seven"])),
        ("BOOLEAN", pa.array([2], pa.int64())),
        ("BIGINT", pa.array([DAY], pa.timestamp("us"))),
        ("DATE", pa.array([DAY], pa.timestamp("us", "UTC"))),
        ("DECIMAL(38,10)", pa.array([2**62], pa.uint64()).cast(pa.decimal128(38, 0))),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_file_and_column(
    trips: Trips, type_: str, array: pa.Array
) -> None:
    trips.sql(
        f"CREATE TABLE main.trips (pickup TIMESTAMP, x {type_}, y BIGINT)",
        "INSERT INTO main.trips VALUES (NULL, NULL, 1)",
    )
    path = a_parquet(trips, x=array)
    if type_ == "DECIMAL(38,10)":  # its values do fit
        trips.load(path)
        return
    with pytest.raises((LoadError, SchemaError)) as caught:
        trips.load(path)
    assert f"{path}: column x" in caught.value.message
    assert trips.count == 1
    assert trips.types["x"] == type_


def test_a_file_in_several_types_is_the_same_in_any_order(
    make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    arrays = {
        "a": pa.array([1, 2], pa.int32()),
        "b": pa.array([3, None], pa.int64()),
        "c": pa.array([4.0, 5.5]),
        "d": pa.array([None, None], pa.null()),
    }
    for number, order in enumerate((["a", "b", "c", "d"], ["d", "c", "b", "a"])):
        trips = Trips(make_lake(folder=str(number)), tmp_path)
        for name in order:
            trips.load(a_parquet(trips, f"{name}.parquet", x=arrays[name]))
        assert trips.types["x"] == "DOUBLE"
        assert trips.rows("count(*), count(x), sum(x)") == [(8, 5, 15.5)]


def test_nanoseconds_are_not_cut_off_unless_the_user_says_so(trips: Trips) -> None:
    fine = pa.array([1_546_336_800_000_000_001], pa.timestamp("ns"))
    path = a_parquet(trips, pickup=fine)
    with pytest.raises(LoadError, match="column pickup is TIMESTAMP_NS"):
        trips.load(path)
    trips.load(path, types={"pickup": "TIMESTAMP"})
    assert trips.rows("pickup") == [(DAY,)]


def test_a_clock_of_text_is_read_and_one_of_numbers_is_not(trips: Trips) -> None:
    with pytest.raises(LoadError, match="the clock of trips, is BIGINT"):
        trips.load(a_parquet(trips, pickup=pa.array([20190101])))
    with pytest.raises(LoadError, match="the clock of trips, is no time: 'soon'"):
        trips.load(a_parquet(trips, pickup=pa.array(["soon"])))
    trips.load(a_parquet(trips, pickup=pa.array(["2019-01-01 10:00:00"])))
    assert trips.rows() == [(DAY,)]


def test_a_file_without_the_clock_is_refused(trips: Trips) -> None:
    path = trips.folder / "a.parquet"
    pq.write_table(pa.table({"Pick_Up": [1]}), path)
    with pytest.raises(LoadError, match="no column pickup") as caught:
        trips.load(path)
    assert "Pick_Up" in caught.value.hint


def test_a_file_without_rows_makes_the_table(trips: Trips) -> None:
    assert trips.load(a_parquet(trips, x=pa.array([], pa.int64()))).rows == 0
    assert trips.types == {"x": "BIGINT", "pickup": "TIMESTAMP"}


@pytest.mark.parametrize("damage", ["cut", "footer", "short"])
def test_a_damaged_file_is_refused_whole(trips: Trips, damage: str) -> None:
    path = a_parquet(trips, x=pa.array(range(5_000)))
    content = path.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "footer": content[:-200] + b"\xff" * 192 + content[-8:],
        "short": b"PAR1",
    }[damage]
    for mode in ("stop", "quarantine"):
        with pytest.raises(LoadError) as caught:
            trips.load_text(damaged, "bad.parquet", on_error=mode)
        assert "bad.parquet" in caught.value.message
    assert trips.count == -1


def test_a_damaged_page_is_named_by_its_column(trips: Trips) -> None:
    path = trips.folder / "a.parquet"
    table = pa.table({"pickup": [DAY] * 9_000, "x": range(9_000), "y": range(9_000)})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    page = chunk.data_page_offset
    content[page : page + 20] = b"\xff" * 20
    with pytest.raises(LoadError, match=r"column x of .*bad.parquet cannot be read"):
        trips.load_text(bytes(content), "bad.parquet")
    assert trips.count == -1
