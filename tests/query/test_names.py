"""What a name means: the whole dataset, however it is written, never the hot rows by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import isotherm
from aged import Aged
from ageing import SOME_MONTHS, Clock, age, policy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, QueryError
from isotherm.opening import init_lake

FRESH = "pickup >= '2019-01-01'"
COUNT = "SELECT count(*), sum(id)::BIGINT FROM {} WHERE " + FRESH

CONFIG = """
[datasets.trips]
table = "taxi.green"
clock = "pickup"
[datasets.trips.policy]
STANDARD = "6 months"
GLACIER = "15 months"

[datasets.calls]
table = "main.made"
clock = "at"
[datasets.calls.policy]
STANDARD = "6 months"
"""
NOW = datetime(2019, 7, 1)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake whose dataset `trips` is taxi.green, and `calls` is main.trips."""
    file = tmp_path_factory.mktemp("names") / "isotherm.toml"
    init_lake(file, CONFIG)
    with isotherm.open(file, clock=Clock(NOW)) as lake:
        run_sql(
            lake,
            "CREATE SCHEMA taxi",
            "CREATE TABLE taxi.green AS "
            "SELECT TIMESTAMP '2018-01-15' + INTERVAL (i) MONTH AS pickup, "
            "i::INTEGER AS id FROM range(18) t(i)",
            "CREATE TABLE main.made AS "
            "SELECT TIMESTAMP '2018-01-15' + INTERVAL (i) MONTH AS \"at\", "
            "-i::INTEGER AS id FROM range(18) t(i)",
            "CREATE TABLE main.trips AS SELECT -99 AS id",
            "CREATE TABLE taxi.zones AS SELECT i AS id, 'taxi' AS zone FROM range(18) t(i)",
            "CREATE TABLE main.zones AS SELECT i AS id, 'main' AS zone FROM range(18) t(i)",
            "CREATE VIEW taxi.zoned AS SELECT id, zone, pickup FROM green JOIN zones USING (id)",
            "CREATE VIEW main.zoned AS SELECT id, zone FROM taxi.zoned",
            "CREATE MACRO rides() AS TABLE SELECT * FROM taxi.green",
            "CREATE MACRO ride_count() AS (SELECT count(*) FROM taxi.green)",
            "CREATE MACRO deep() AS (SELECT count(*) FROM main.zoned)",
            "CREATE VIEW by_macro AS SELECT ride_count() AS n",
        )
        lake.apply(lake.plan(even_if_uneconomic=True))
        yield lake


def one(named: Lake, query: str, **options: str) -> object:
    """Return the only value of a query's only row."""
    ((value,),) = named.sql(query, **options).fetchall()  # type: ignore[arg-type]
    return value


@pytest.mark.parametrize(
    "name",
    [
        "trips",
        "rides",
        "main.rides",
        '"rides"',
        "RIDES",
        "Trips",
        '"main"."RIDES"',
        "warehouse.rides",
        "warehouse.main.rides",
        '"warehouse" . "main" . "rides"',
        "WAREHOUSE.main.rides",
    ],
)
def test_the_datasets_and_the_tables_name_mean_all_rows(plain_aged: Aged, name: str) -> None:
    found = plain_aged.lake.sql(COUNT.format(name)).fetchall()
    assert found == plain_aged.twin(COUNT.format("everything"), "")
    with pytest.raises(ArchivedError):
        plain_aged.lake.sql(f"SELECT count(*) FROM {name}")


def test_hot_rows_alone_are_asked_for_by_the_schema_hot(plain_aged: Aged) -> None:
    found = plain_aged.lake.sql("SELECT count(*) FROM hot.trips").fetchall()
    assert found == plain_aged.twin("SELECT count(*) FROM rides", "")


def test_the_engines_own_name_of_the_warehouse_leads_past_nothing(plain_aged: Aged) -> None:
    alias = plain_aged.lake.warehouse.alias
    for name in (f"{alias}.main.rides", f"{alias}.rides", f'"{alias.upper()}".main.rides'):
        with pytest.raises(ArchivedError):
            plain_aged.lake.sql(f"SELECT count(*) FROM {name}")


def test_columns_may_be_named_by_table_schema_and_database(plain_aged: Aged) -> None:
    expected = plain_aged.twin(COUNT.format("everything"), "")
    for table, column in (
        ("trips", "trips"),
        ("rides", "rides"),
        ("main.rides", "main.rides"),
        ("main.rides", "rides"),
        ("warehouse.main.rides", "warehouse.main.rides"),
    ):
        query = (
            f"SELECT count(*), sum({column}.id)::BIGINT FROM {table} "
            f"WHERE {column}.pickup >= '2019-01-01'"
        )
        assert plain_aged.lake.sql(query).fetchall() == expected, table


def test_a_with_clause_of_the_same_name_comes_first(plain_aged: Aged) -> None:
    query = "WITH trips AS (SELECT 7 AS id) SELECT id FROM trips"
    assert plain_aged.lake.sql(query).fetchall() == [(7,)]
    query = (
        f"WITH trips AS (SELECT * FROM rides WHERE {FRESH}) "
        "SELECT count(*), sum(id)::BIGINT FROM trips"
    )
    assert plain_aged.lake.sql(query).fetchall() == plain_aged.twin(COUNT.format("everything"), "")


def test_a_table_of_another_name_in_the_same_statement_is_joined_in(plain_aged: Aged) -> None:
    query = f"SELECT count(*) FROM {{}} t JOIN main.dims d ON t.seats = d.seats WHERE t.{FRESH}"
    found = plain_aged.lake.sql(query.format("trips")).fetchall()
    assert found == plain_aged.twin(query.format("everything"), "")


def test_the_datasets_name_wins_over_a_table_that_is_called_so_too(named: Lake) -> None:
    assert one(named, "SELECT min(id) FROM trips WHERE pickup > '2018-09-01'") == 8
    assert one(named, "SELECT min(id) FROM main.trips") == -99
    assert one(named, "SELECT min(id) FROM calls") == -17
    assert one(named, "SELECT min(id) FROM made") == -17
    assert one(named, "SELECT min(id) FROM taxi.green WHERE pickup > '2018-09-01'") == 8
    assert one(named, "SELECT count(*) FROM hot.trips") == 5
    assert one(named, "SELECT count(*) FROM hot.calls") == 5


def test_an_owners_view_sees_the_whole_and_so_does_one_that_stands_on_it(named: Lake) -> None:
    fresh = "pickup > '2018-09-01'"
    assert one(named, f"SELECT count(*) FROM taxi.zoned WHERE {fresh}") == 10
    for name in ("zoned", "main.zoned", "warehouse.main.zoned"):
        with pytest.raises(ArchivedError):
            named.sql(f"SELECT count(*) FROM {name}")
        assert one(named, f"SELECT count(*) FROM {name}", archived="skip") == 14


def test_a_view_finds_the_tables_of_its_own_schema_first(named: Lake) -> None:
    zones = named.sql("SELECT DISTINCT zone FROM taxi.zoned WHERE pickup > '2018-09-01'").fetchall()
    assert zones == [("taxi",)]
    assert one(named, "SELECT DISTINCT zone FROM zones") == "main"


@pytest.mark.parametrize("call", ["ride_count()", "deep()", "main.ride_count()"])
def test_an_owners_macro_sees_the_whole(named: Lake, call: str) -> None:
    with pytest.raises(ArchivedError):
        named.sql(f"SELECT {call}")
    assert one(named, f"SELECT {call}", archived="skip") == 14


def test_a_table_macro_and_a_view_over_a_macro_see_the_whole(named: Lake) -> None:
    for name in ("rides()", "main.rides()"):
        with pytest.raises(ArchivedError):
            named.sql(f"SELECT count(*) FROM {name}")
    assert one(named, "SELECT count(*) FROM rides() WHERE pickup > '2018-09-01'") == 10
    with pytest.raises(ArchivedError):
        named.sql("SELECT n FROM by_macro")
    assert one(named, "SELECT n FROM by_macro", archived="skip") == 14


def test_a_view_that_is_made_or_changed_while_the_lake_is_open_sees_the_whole(named: Lake) -> None:
    run_sql(named, "CREATE OR REPLACE VIEW later AS SELECT id FROM taxi.green")
    with pytest.raises(ArchivedError):
        named.sql("SELECT count(*) FROM later")
    run_sql(named, 'CREATE OR REPLACE VIEW later (a, "the b") AS SELECT id, id + 1 FROM taxi.green')
    assert one(named, 'SELECT max("the b") FROM later', archived="skip") == 18
    run_sql(named, 'CREATE VIEW "my AS view" AS SELECT id AS "AS", \'AS\' AS t FROM taxi.green')
    assert one(named, 'SELECT count("AS") FROM "my AS view"', archived="skip") == 14


def test_a_view_with_a_common_table_expression_of_a_datasets_name_keeps_its_meaning(
    named: Lake,
) -> None:
    run_sql(
        named, "CREATE OR REPLACE VIEW own AS WITH trips AS (SELECT 5 AS id) SELECT id FROM trips"
    )
    assert one(named, "SELECT id FROM own") == 5


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("trps", "Did you mean trips?"),
        ("cals", "Did you mean calls?"),
        ("xyzzy", "Datasets: trips, calls."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_dataset(
    named: Lake, name: str, hint: str
) -> None:
    with pytest.raises(QueryError) as caught:
        named.sql(f"SELECT * FROM {name}")
    assert name in caught.value.message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "name", ["other.main.trips", "isotherm_query_1.trips", "isotherm_query_1.main.trips"]
)
def test_another_database_is_refused(named: Lake, name: str) -> None:
    with pytest.raises(QueryError, match="there is no database"):
        named.sql(f"SELECT * FROM {name}")


def test_an_unknown_column_is_named_without_isotherms_own_names(named: Lake) -> None:
    with pytest.raises(QueryError) as caught:
        named.sql("SELECT nonsense FROM trips WHERE pickup > '2019-01-01'")
    assert "nonsense" in caught.value.message
    assert "isotherm_query" not in str(caught.value)
    assert named.warehouse.alias not in str(caught.value)


def test_two_names_of_one_dataset_are_the_same_rows(named: Lake) -> None:
    query = "SELECT count(*) FROM trips JOIN taxi.green USING (id) WHERE {0} AND {1}"
    fresh = ("trips.pickup > '2018-09-01'", "green.pickup > '2018-09-01'")
    assert one(named, query.format(*fresh)) == 10


def test_what_the_catalogue_says_of_the_warehouse_can_be_read(named: Lake) -> None:
    tables = named.sql("SELECT table_name FROM information_schema.tables").fetchall()
    assert {("zones",), ("green",)} <= set(tables)
    assert one(named, "SELECT count(*) > 0 FROM isotherm.parts") is True
    assert one(named, "SELECT count(*) FROM pragma_table_info('zones')") == 2


def test_the_warehouses_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "isotherm.toml"
    init_lake(file, '[warehouse]\nurl = "duckdb:my warehouse.2.db"\n' + CONFIG)
    with isotherm.open(file, clock=Clock(NOW)) as lake:
        run_sql(
            lake,
            "CREATE SCHEMA taxi",
            "CREATE TABLE taxi.green AS SELECT now() AS pickup, 1 AS id",
            'CREATE TABLE made AS SELECT now() AS "at"',
        )
        assert one(lake, 'SELECT id FROM "my warehouse.2".taxi.green') == 1


def test_a_schema_may_be_written_in_other_letters_in_the_config(make_lake: MakeLake) -> None:
    config = policy(STANDARD="3 months").replace('table = "trips"', 'table = "Arch.Rides"')
    lake = make_lake(config, clock=Clock())
    run_sql(
        lake,
        "CREATE SCHEMA arch",
        f"CREATE TABLE arch.rides AS SELECT i AS id, {SOME_MONTHS} FROM range(70) t(i)",
    )
    age(lake)
    for name in ("trips", "arch.rides", "ARCH.rides", "rides"):
        assert lake.sql(f"SELECT count(*) FROM {name}").fetchall() == [(70,)], name
