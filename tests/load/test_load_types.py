"""The table's types: found in the file, widened where that is lossless, and never a value lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from trip_files import Trips, a_csv, trip_lines

from isotherm.lake import Lake
from isotherm.load.choice import SAMPLE_ROWS
from isotherm.model.errors import LoadError, SchemaError
from isotherm.model.period import Period

UTC = "TIMESTAMP WITH TIME ZONE"


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


def column(name: str, *values: str) -> str:
    """Return a CSV of a clock and one column more."""
    lines = [f"2019-01-01 00:00:{n % 60:02d},{value}" for n, value in enumerate(values)]
    return "\n".join([f"pickup,{name}", *lines, ""])


@pytest.fixture
def cold(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    config = (
        '[datasets.trips]\ntable = "trips"\nclock = "pickup"\n'
        '[datasets.trips.policy]\nSTANDARD = "6 months"\n'
    )
    return Trips(make_lake(config, folder="cold"), tmp_path)


def make_cold(trips: Trips) -> None:
    """Age what is there out of the warehouse."""
    trips.lake.apply(trips.lake.plan(even_if_uneconomic=True))
    with trips.lake.warehouse.snapshot() as tx:
        assert tx.execute("SELECT count(*) FROM isotherm.parts") != [(0,)]


# -- a new table


def test_a_new_table_gets_the_types_that_the_values_have(trips: Trips) -> None:
    names = "pickup,whole,number,flag,day,zoned,hour,code,word,nothing"
    rows = [
        "2019-01-01 10:00:00,1,1.0,true,2019-01-01,2019-01-01T10:00:00+02:00,10:30,007,x,",
        "2019-01-01 10:00:00.25,-2,2,FALSE,2019-01-02,2019-01-01 10:00:00Z,23:59:59.5,12,,",
        ",,1e3,,,,,,3 4,",
    ]
    trips.load_text("\n".join([names, *rows]))
    assert trips.types == {
        "pickup": "TIMESTAMP",
        "whole": "BIGINT",
        "number": "DOUBLE",
        "flag": "BOOLEAN",
        "day": "DATE",
        "zoned": UTC,
        "hour": "TIME",
        "code": "VARCHAR",
        "word": "VARCHAR",
    }
    assert trips.rows("code, epoch(zoned), number")[:2] == [
        ("007", 1546329600.0, 1.0),
        ("12", 1546336800.0, 2.0),
    ]


def test_a_schema_that_is_not_there_is_made_with_the_table(
    make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    config = '[datasets.trips]\ntable = "public.Green Taxi"\nclock = "pickup"\n'
    trips = Trips(make_lake(config), tmp_path)
    trips.load_text(a_csv(*trip_lines(3)))
    assert trips.sql('SELECT count(*) FROM public."Green Taxi"') == [(3,)]


def test_the_clock_is_spelled_as_the_config_spells_it(trips: Trips) -> None:
    trips.load_text("ID,PickUp\n1,2019-01-01 00:00:00\n")
    assert list(trips.types) == ["ID", "pickup"]
    assert trips.lake.inventory("trips").hot[0].rows == 1


def test_a_clock_of_days_is_a_date_and_of_hours_a_timestamp(
    make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    for period, type_ in (("day", "DATE"), ("hour", "TIMESTAMP")):
        config = f'[datasets.trips]\ntable = "trips"\nclock = "pickup"\nperiod = "{period}"\n'
        trips = Trips(make_lake(config, folder=period), tmp_path)
        loaded = trips.load_text("pickup,id\n2019-01-01,1\n2019-01-02,2\n")
        assert trips.types["pickup"] == type_
        assert loaded.periods is not None
        assert len(loaded.periods) == 2


def test_a_column_without_values_is_not_made_until_a_file_brings_some(trips: Trips) -> None:
    trips.load_text(column("surcharge", "", "", ""), "a.csv")
    assert trips.types == {"pickup": "TIMESTAMP"}
    loaded = trips.load_text(column("surcharge", "", "2.5", ""), "b.csv")
    assert [(c.name, c.type) for c in loaded.added] == [("surcharge", "DOUBLE")]
    assert trips.count == 6
    trips.load_text(column("surcharge", "", ""), "c.csv")
    assert trips.rows("count(surcharge)") == [(1,)]


def test_a_value_that_comes_after_the_sample_makes_its_column_too(trips: Trips) -> None:
    values = [""] * (SAMPLE_ROWS + 50)
    loaded = trips.load_text(column("surcharge", *values, "2.5"))
    assert loaded.rows == SAMPLE_ROWS + 51
    assert trips.types["surcharge"] == "DOUBLE"
    assert trips.rows("sum(surcharge)") == [(2.5,)]


def test_a_fraction_that_comes_after_the_sample_is_not_rounded(trips: Trips) -> None:
    values = ["1"] * (SAMPLE_ROWS + 50)
    trips.load_text(column("fare", *values, "1.5"))
    assert trips.types["fare"] == "DOUBLE"
    assert trips.rows("max(fare)") == [(1.5,)]


def test_a_zone_that_comes_after_the_sample_is_not_dropped(trips: Trips) -> None:
    values = ["2019-01-01 10:00:00"] * (SAMPLE_ROWS + 50)
    trips.load_text(column("seen", *values, "2019-01-01 10:00:00+02:00", "2019-01-01 10:00:00-05"))
    assert trips.types["seen"] == UTC
    assert trips.rows("epoch(min(seen)), epoch(max(seen))") == [(1546329600.0, 1546354800.0)]


def test_a_time_that_comes_after_a_sample_of_days_is_not_cut_off(trips: Trips) -> None:
    values = ["2019-01-01"] * (SAMPLE_ROWS + 50)
    trips.load_text(column("day", *values, "2019-01-01 10:00:00"))
    assert trips.types["day"] == "TIMESTAMP"
    assert trips.rows("max(day)") == [(dt.datetime(2019, 1, 1, 10),)]


@pytest.mark.parametrize("late", [0, SAMPLE_ROWS + 50])
def test_whole_numbers_of_more_digits_than_a_double_has_stay_exact(trips: Trips, late: int) -> None:
    values = ["1"] * late
    trips.load_text(column("rider", *values, "9007199254740993", "-9223372036854775808"))
    assert trips.types["rider"] == "BIGINT"
    assert trips.rows("min(rider), max(rider)") == [(-9223372036854775808, 9007199254740993)]


def test_a_time_of_midnight_is_a_time(trips: Trips) -> None:
    trips.load_text("pickup,day\n2019-01-01 00:00:00,2019-01-01\n")
    assert trips.types == {"pickup": "TIMESTAMP", "day": "DATE"}


def test_codes_with_leading_zeros_stay_text(trips: Trips) -> None:
    trips.load_text(column("zip", *["10001"] * 50, "00501"))
    assert trips.types["zip"] == "VARCHAR"
    assert trips.rows("min(zip)") == [("00501",)]


def test_whole_numbers_that_no_integer_holds_are_kept_as_text(trips: Trips) -> None:
    trips.load_text(column("rider", "12345678901234567890", "1"))
    assert trips.rows("rider") == [("1",), ("12345678901234567890",)]


def test_any_name_is_a_columns_name(trips: Trips) -> None:
    names = ['a"b', "a'b", "select", "{0}", "rowid", "é (km)", "a.b", "isotherm line", ""]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in ["pickup", *names])
    good = "2019-01-01 00:00:00" + ",1" * len(names)
    loaded = trips.load_text(f"{header}\n{good}\n")
    assert list(trips.types) == ["pickup", *names[:-1], "column9"]
    assert loaded.periods == {Period.parse("2019-01"): 1}
    again = trips.load_text(f"{header}\n{good}\n{good}x\n", "b.csv", on_error="quarantine")
    assert (again.rows, again.quarantined) == (1, 1)
    assert again.periods == {Period.parse("2019-01"): 1}


def test_a_file_of_many_columns_is_loaded(trips: Trips) -> None:
    names = [f"c{n}" for n in range(400)]
    rows = ["2019-01-01 00:00:00," + ",".join(str(n / 2) for n in range(400))] * 3
    assert trips.load_text("\n".join([",".join(["pickup", *names]), *rows])).rows == 3
    assert trips.types["c399"] == "DOUBLE"


# -- a table that is there


@pytest.mark.parametrize(
    ("type_", "values", "becomes", "found"),
    [
        ("BIGINT", ["1", "2.0", "3e0"], "BIGINT", [1, 2, 3]),
        ("BIGINT", ["1", "2.5"], "DOUBLE", [1.0, 2.5]),
        ("INTEGER", ["1", "3000000000"], "BIGINT", [1, 3_000_000_000]),
        ("TINYINT", ["1", "128"], "BIGINT", [1, 128]),
        ("SMALLINT", ["1", "0.5"], "DOUBLE", [0.5, 1.0]),
        ("DOUBLE", ["1", "2"], "DOUBLE", [1.0, 2.0]),
        ("DOUBLE", ["1e300", "inf"], "DOUBLE", [1e300, float("inf")]),
        ("DATE", ["2019-01-01", "2019-01-02 00:00:00"], "DATE", None),
        ("DATE", ["2019-01-01 10:00:00"], "TIMESTAMP", [dt.datetime(2019, 1, 1, 10)]),
        ("DECIMAL(9,2)", ["1.5", "2.250"], "DECIMAL(9,2)", [Decimal("1.50"), Decimal("2.25")]),
        ("DECIMAL(9,2)", ["6.55", "-6.55", "70.01"], "DECIMAL(9,2)", None),
        ("DECIMAL(18,2)", ["1.5", "2e0"], "DECIMAL(18,2)", [Decimal("1.50"), Decimal("2.00")]),
        ("VARCHAR", ["1", "2019-01-01"], "VARCHAR", ["1", "2019-01-01"]),
        ("FLOAT", ["0.1"], "FLOAT", None),
        ("UUID", ["123e4567-e89b-12d3-a456-426614174000"], "UUID", None),
        ("INTEGER[]", ['"[1, 2]"'], "INTEGER[]", [[1, 2]]),
        ("TIMESTAMP", ["2019-01-01T10:00:00+02:00"], "TIMESTAMP", [dt.datetime(2019, 1, 1, 8)]),
    ],
)
def test_texts_go_into_a_column_or_widen_it(
    trips: Trips, type_: str, values: list[str], becomes: str, found: list[object] | None
) -> None:
    trips.sql(f"CREATE TABLE main.trips (pickup TIMESTAMP, x {type_})")
    loaded = trips.load_text(column("x", *values))
    assert trips.types["x"] == becomes
    assert [(w.old, w.new) for w in loaded.widened] == (
        [] if becomes == type_ else [(type_, becomes)]
    )
    assert trips.rows("count(x)") == [(len(values),)]
    if found is not None:
        assert [row[0] for row in trips.rows("x")] == found


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("BIGINT", "x"),
        ("DECIMAL(9,2)", "12.345"),
        ("DECIMAL(9,2)", "nan"),
        ("DECIMAL(9,2)", "-inf"),
        ("DECIMAL(18,2)", "12.345"),
        ("DECIMAL(9,2)", "12345678.9"),
        ("DOUBLE", "9007199254740993"),
        ("DOUBLE", "twelve"),
        ("DATE", "yesterday"),
        ("TIMESTAMP", "2019-13-01 00:00:00"),
        ("BOOLEAN", "maybe"),
        ("UUID", "1"),
        ("INTEGER[]", "nothing"),
    ],
)
def test_a_text_that_would_lose_its_value_is_refused(trips: Trips, type_: str, value: str) -> None:
    trips.sql(f"CREATE TABLE main.trips (pickup TIMESTAMP, x {type_})")
    with pytest.raises(LoadError) as caught:
        trips.load_text(column("x", "", value))
    assert f"trips.csv line 3: column x: '{value}' does not fit {type_}" in caught.value.message
    assert trips.count == 0


def test_rows_that_are_there_forbid_a_widening_that_would_change_them(trips: Trips) -> None:
    trips.sql(
        "CREATE TABLE main.trips (pickup TIMESTAMP, x BIGINT)",
        "INSERT INTO main.trips VALUES (NULL, 9007199254740993)",
    )
    with pytest.raises(SchemaError, match="1 rows that are there would lose their value"):
        trips.load_text(column("x", "1.5"))
    assert trips.rows("x") == [(9007199254740993,)]


def test_columns_match_whatever_their_case_and_order(trips: Trips) -> None:
    trips.load_text("pickup,Fare,tag\n2019-01-01 00:00:00,1.5,x\n", "a.csv")
    trips.load_text("TAG,fare,PICKUP\ny,2.5,2019-01-02 00:00:00\n", "b.csv")
    trips.load_text("tag,pickup\nz,2019-01-03 00:00:00\n", "c.csv")
    assert list(trips.types) == ["pickup", "Fare", "tag"]
    assert trips.rows("tag, fare") == [("x", 1.5), ("y", 2.5), ("z", None)]


def test_a_column_born_later_is_null_in_older_rows(trips: Trips) -> None:
    trips.load_text(column("fare", "1"), "a.csv")
    trips.load_text("pickup,fare,tip\n2019-01-02 00:00:00,2,0.5\n", "b.csv")
    assert trips.rows("fare, tip") == [(1, None), (2, 0.5)]


def test_a_column_that_the_owner_has_renamed_or_dropped_is_found_or_left_out(
    make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    config = (
        '[datasets.trips]\ntable = "trips"\nclock = "pickup"\n'
        'renamed = { VendorID = "vendor_id" }\ndropped = ["extra"]\n'
    )
    trips = Trips(make_lake(config), tmp_path)
    trips.sql("CREATE TABLE main.trips (pickup TIMESTAMP, vendor_id BIGINT)")
    loaded = trips.load_text("pickup,vendorid,extra\n2019-01-01 00:00:00,7,x\n")
    assert trips.rows("vendor_id") == [(7,)]
    assert loaded.ignored == ("extra",)


def test_an_index_does_not_keep_values_out_that_fit(trips: Trips) -> None:
    trips.sql(
        "CREATE TABLE main.trips (id INTEGER PRIMARY KEY, pickup TIMESTAMP, x INTEGER)",
        "COPY (SELECT TIMESTAMP '2019-01-01' AS pickup, 5::BIGINT AS id, 6::BIGINT AS x) "
        f"TO '{trips.folder / 'big.parquet'}'",
    )
    trips.load(trips.folder / "big.parquet")
    assert trips.types["id"] == "INTEGER"
    with pytest.raises(SchemaError, match="an index or key keeps it from being altered"):
        trips.load_text("pickup,id\n2019-01-01 00:00:00,3000000000\n")
    assert trips.rows("id") == [(5,)]


# -- once rows are cold


def test_a_cold_column_is_widened_as_far_as_iceberg_allows(cold: Trips) -> None:
    cold.sql(
        "CREATE TABLE main.trips AS SELECT TIMESTAMP '2019-01-01' AS pickup, 1::INTEGER AS x, "
        "1::BIGINT AS y, 2::FLOAT AS z"
    )
    make_cold(cold)
    loaded = cold.load_text("pickup,x,y\n2019-01-02 00:00:00,3000000000,2.0\n")
    assert [(w.column, w.new) for w in loaded.widened] == [("x", "BIGINT")]
    with pytest.raises(SchemaError, match=r"y of main.trips is BIGINT.*would have to be DOUBLE"):
        cold.load_text("pickup,y\n2019-01-03 00:00:00,2.5\n", "b.csv")
    query = cold.lake.sql("SELECT x, y FROM trips ORDER BY x")
    assert query.fetchall() == [(1, 1), (3_000_000_000, 2)]


def test_a_value_that_a_cold_column_forbids_goes_to_quarantine_if_asked(cold: Trips) -> None:
    cold.sql("CREATE TABLE main.trips AS SELECT TIMESTAMP '2019-01-01' AS pickup, 1::BIGINT AS y")
    make_cold(cold)
    text = "pickup,y\n2019-01-03 00:00:00,2.5\n2019-01-03 00:00:00,3\n"
    loaded = cold.load_text(text, on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (1, 1)
    assert cold.types["y"] == "BIGINT"


def test_a_column_is_born_after_rows_are_cold(cold: Trips) -> None:
    cold.sql("CREATE TABLE main.trips AS SELECT TIMESTAMP '2019-01-01' AS pickup, 1::BIGINT AS y")
    make_cold(cold)
    cold.load_text("pickup,y,tip\n2019-01-03 00:00:00,2,0.5\n")
    assert cold.lake.sql("SELECT y, tip FROM trips ORDER BY y").fetchall() == [(1, None), (2, 0.5)]


def test_a_table_that_was_dropped_is_not_made_anew_from_a_file(cold: Trips) -> None:
    cold.sql("CREATE TABLE main.trips AS SELECT TIMESTAMP '2019-01-01' AS pickup, 1::BIGINT AS y")
    make_cold(cold)
    cold.sql("DROP TABLE main.trips")
    with pytest.raises(SchemaError, match="does not exist"):
        cold.load_text("pickup,y\n2019-01-03 00:00:00,2.5\n")
    assert cold.count == -1
