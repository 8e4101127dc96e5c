"""Column types: what survives the trip, and what Iceberg can widen."""

from __future__ import annotations

import pytest

from isotherm.model.errors import SchemaError
from isotherm.model.names import TableName, identifier
from isotherm.model.schema import Column, cold_columns, cold_type, widens

TRIPS = TableName("main", "trips")


@pytest.mark.parametrize(
    ("hot", "cold"),
    [
        ("INTEGER", "INTEGER"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        ("DECIMAL(9,2)", "DECIMAL(9,2)"),
        ("TINYINT", "INTEGER"),
        ("USMALLINT", "INTEGER"),
        ("UINTEGER", "BIGINT"),
        ("UBIGINT", "DECIMAL(20,0)"),
    ],
)
def test_a_type_is_kept_or_becomes_a_wider_one(hot: str, cold: str) -> None:
    assert cold_type(hot) == cold


@pytest.mark.parametrize(
    "type_",
    [
        "ENUM('a', 'b')",
        "BIT",
        "HUGEINT",
        "UHUGEINT",
        "JSON",
        "INTERVAL",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "TIME WITH TIME ZONE",
        "INTEGER[]",
        "DECIMAL(9,2)[]",
        "STRUCT(a INTEGER)",
        "MAP(INTEGER, VARCHAR)",
        "DECIMAL(40,2)",
        "DECIMAL(9,10)",
        "WHATEVER",
    ],
)
def test_a_type_that_does_not_survive_is_refused_with_the_way_out(type_: str) -> None:
    with pytest.raises(SchemaError) as error:
        cold_columns("trips", TRIPS, [Column("id", "INTEGER"), Column("note", type_)])
    assert f"column note of main.trips has type {type_}" in error.value.message
    assert "cast] note = " in error.value.hint


def test_the_nearest_type_is_suggested() -> None:
    with pytest.raises(SchemaError, match=r'n = "DECIMAL\(38,0\)"'):
        cold_columns("trips", TRIPS, [Column("n", "HUGEINT")])


def test_every_column_that_does_not_survive_is_named() -> None:
    columns = [Column("a", "BIT"), Column("b", "INTEGER"), Column("c", "numeric")]
    with pytest.raises(
        SchemaError, match=r"column a of .* has type BIT.*; nor does c with numeric"
    ):
        cold_columns("trips", TRIPS, columns)


def test_columns_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"id and ID of .* differ in case") as error:
        cold_columns("trips", TRIPS, [Column("id", "INTEGER"), Column("ID", "INTEGER")])
    assert 'RENAME COLUMN "ID" TO' in error.value.hint


def test_what_somebody_shall_run_is_quoted_where_it_has_to_be() -> None:
    assert (identifier("fare"), identifier("Fare"), identifier('a "b"')) == (
        "fare",
        '"Fare"',
        '"a ""b"""',
    )
    assert TableName("odd schema", "trips").sql == '"odd schema".trips'


def test_a_cast_says_what_to_keep_a_column_as() -> None:
    columns = [Column("id", "HUGEINT"), Column("note", "JSON")]
    cast = {"id": "DECIMAL(38,0)", "note": "VARCHAR"}
    assert cold_columns("trips", TRIPS, columns, cast) == (
        Column("id", "DECIMAL(38,0)"),
        Column("note", "VARCHAR"),
    )


@pytest.mark.parametrize(
    ("old", "new", "can"),
    [
        ("INTEGER", "BIGINT", True),
        ("FLOAT", "DOUBLE", True),
        ("DECIMAL(9,2)", "DECIMAL(18,2)", True),
        ("DECIMAL(9,2)", "DECIMAL(9,2)", True),
        ("DECIMAL(18,2)", "DECIMAL(9,2)", False),
        ("DECIMAL(9,2)", "DECIMAL(18,3)", False),
        ("BIGINT", "INTEGER", False),
        ("INTEGER", "DOUBLE", False),
        ("INTEGER", "DECIMAL(18,0)", False),
        ("DOUBLE", "FLOAT", False),
        ("DATE", "TIMESTAMP", False),
        ("INTEGER", "VARCHAR", False),
    ],
)
def test_iceberg_widens_these_and_no_others(old: str, new: str, can: bool) -> None:
    assert widens(old, new) is can
