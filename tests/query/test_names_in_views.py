"""In the owner's views and macros a name means what the owner has called so, datasets or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import isotherm
from aged import CONFIG, NOW, ROWS
from ageing import Clock
from conftest import run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, QueryError
from isotherm.opening import init_lake
from turns import in_turn

Make = Callable[..., tuple[Lake, list[tuple[object, ...]]]]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Return what makes a lake whose dataset `trips` is main.rides.

    It answers the last statement before anything has moved, and moves what is due.
    """

    def made(*statements: str, config: str = CONFIG) -> tuple[Lake, list[tuple[object, ...]]]:
        file = tmp_path / "isotherm.toml"
        init_lake(file, config)
        lake = isotherm.open(file, clock=Clock(NOW))
        request.addfinalizer(lake.close)
        rows = ROWS.format(clock="TIMESTAMP")
        found = run_sql(lake, f"CREATE TABLE rides AS {rows}", *statements)
        lake.apply(lake.plan(even_if_uneconomic=True))
        return lake, found

    return made


FRESH = "SELECT * FROM rides WHERE id % 2 = 0 AND pickup >= '2019-01-01'"


def test_a_table_with_a_datasets_name_is_itself_in_views(make: Make) -> None:
    lake, expected = make(
        "CREATE TABLE trips AS SELECT 7 AS id",
        "CREATE VIEW alone AS SELECT count(*) AS n FROM trips",
        "CREATE VIEW said AS SELECT count(*) AS n FROM main.trips",
        "FROM alone",
    )
    assert expected == [(1,)]
    assert lake.sql("FROM alone").fetchall() == lake.sql("FROM said").fetchall() == expected
    assert lake.sql("SELECT (FROM alone), count(*) FROM main.trips").fetchall() == [(1, 1)]
    query = "SELECT (FROM alone), count(*) > 400 FROM trips WHERE pickup >= '2019-01-01'"
    assert lake.sql(query).fetchall() == [(1, True)]


@pytest.mark.parametrize("schema", ["main", "S"])
def test_a_view_with_a_datasets_name_is_itself_in_views(make: Make, schema: str) -> None:
    lake, expected = make(
        *(["CREATE SCHEMA S"] if schema == "S" else []),
        f"CREATE VIEW {schema}.Trips AS {FRESH}",
        f"CREATE VIEW {schema}.counted AS SELECT count(*) AS n FROM trips",
        f"FROM {schema}.counted",
    )
    for options in ({}, {"archived": "skip"}):
        assert lake.sql(f"FROM {schema}.counted", **options).fetchall() == expected
    with pytest.raises(ArchivedError):
        lake.sql("SELECT count(*) FROM trips")


def test_a_table_of_a_views_own_schema_comes_before_the_datasets(make: Make) -> None:
    lake, expected = make(
        "CREATE SCHEMA s",
        "CREATE TABLE s.rides AS SELECT 1 AS id",
        "CREATE TABLE s.trips AS SELECT i AS id FROM range(3) t(i)",
        "CREATE TABLE main.trips AS SELECT 7 AS id",  # a macro is only made of what is there
        "CREATE MACRO s.trip_count() AS (SELECT count(*) FROM trips)",
        "DROP TABLE main.trips",
        "CREATE VIEW s.both AS SELECT (SELECT count(*) FROM trips), count(*) FROM rides",
        "CREATE VIEW s.called AS SELECT s.trip_count() AS n",
        "FROM s.both",
    )
    assert lake.sql("FROM s.both").fetchall() == expected == [(3, 1)]
    assert lake.sql("FROM s.called").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("made", "query"),
    in_turn(
        [
            ("CREATE VIEW s.far AS SELECT count(*) AS n FROM trips", "FROM s.far"),
            ("CREATE VIEW main.near AS SELECT count(*) AS n FROM hot.trips", "FROM near"),
            ("CREATE VIEW hot.v AS SELECT count(*) AS n FROM trips", "FROM hot.v"),
            ("CREATE MACRO m() AS (SELECT count(*) FROM trips)", "SELECT m()"),
        ],
        2,
    ),
)
def test_what_would_be_a_dataset_instead_is_refused(make: Make, made: str, query: str) -> None:
    lake, _ = make(
        "CREATE SCHEMA s",
        "CREATE SCHEMA hot",
        "CREATE TABLE main.trips AS SELECT 7 AS id",
        "CREATE TABLE hot.trips AS SELECT 7 AS id",
        made,
        query,
    )
    with pytest.raises(QueryError, match="trips was refused: in the warehouse it is"):
        lake.sql(query, archived="skip")


@pytest.mark.parametrize(("table", "view"), [("Äpfel", "äpfel"), ("straße", "strasse")])
def test_names_differ_in_more_than_the_case_of_a_to_z_as_in_duckdb(
    make: Make, table: str, view: str
) -> None:
    lake, _ = make(
        f'CREATE TABLE "{table}" AS FROM rides',
        f'CREATE VIEW "{view}" AS SELECT * FROM "{table}"',
        config=CONFIG.replace("main.rides", f"main.{table}"),
    )
    for name in (table, view):
        with pytest.raises(ArchivedError):
            lake.sql(f'SELECT count(*) FROM "{name}"')
        query = f"SELECT count(*) FROM \"{name}\" WHERE pickup >= '2019-01-01'"
        expected = run_sql(lake, "SELECT count(*) FROM rides WHERE pickup >= '2019-01-01'")
        assert lake.sql(query).fetchall() == expected
