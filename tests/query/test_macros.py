"""Macros with the names of functions hide them where they would in DuckDB, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import isotherm
from aged import CONFIG, ROWS, reached
from aged import NOW as AGED
from ageing import Clock
from conftest import run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, QueryError
from isotherm.opening import init_lake
from turns import in_turn

FISCAL = "date_part('year', x + INTERVAL 6 MONTH)"
Make = Callable[..., Lake]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Return what makes a lake with archived months, and `everything`."""

    def made(*statements: str, clock: Clock | None = None) -> Lake:
        file = tmp_path / "isotherm.toml"
        init_lake(file, CONFIG)
        lake = isotherm.open(file, clock=clock or Clock(AGED))
        request.addfinalizer(lake.close)
        rows = ROWS.format(clock="TIMESTAMP")
        run_sql(lake, f"CREATE TABLE rides AS {rows}", "CREATE TABLE everything AS FROM rides")
        run_sql(lake, *statements)
        lake.apply(lake.plan(even_if_uneconomic=True))
        return lake

    return made


def test_a_macro_of_another_schema_hides_no_function(make: Make) -> None:
    lake = make("CREATE SCHEMA fiscal", f"CREATE MACRO fiscal.year(x) AS {FISCAL}")
    query = "SELECT year(DATE '2019-12-01'), fiscal.year(DATE '2019-12-01')"
    assert lake.sql(query).fetchall() == [(2019, 2020)]
    query = "SELECT count(*) FROM {} WHERE year(pickup) = 2019 AND pickup >= '2019-01-01'"
    found = lake.sql(query.format("trips")).fetchall()
    assert found == run_sql(lake, query.format("everything"))


def test_what_a_view_may_mean_by_its_own_schemas_macro_is_refused(make: Make) -> None:
    lake = make(
        "CREATE SCHEMA fiscal",
        f"CREATE MACRO fiscal.year(x) AS {FISCAL}",
        "CREATE MACRO fiscal.half(x) AS x / 2",
        "CREATE VIEW fiscal.years AS SELECT year(pickup) AS y FROM main.rides",
        "CREATE VIEW fiscal.said AS SELECT fiscal.year(pickup) AS y FROM main.rides",
        "CREATE VIEW fiscal.halves AS SELECT half(id) AS h FROM main.rides",
    )
    with pytest.raises(QueryError) as caught:
        lake.sql("FROM fiscal.years", archived="skip")
    assert caught.value.message.startswith("the view years: year was refused")
    assert caught.value.hint == "Write it in the view with its schema: fiscal.year"
    for view in ("said", "halves"):
        assert lake.sql(f"FROM fiscal.{view} LIMIT 1", archived="skip").fetchall()


@pytest.mark.parametrize("body", ["NULL", "'no ' || x"])
def test_a_macro_called_error_leaves_the_guard_as_it_is(make: Make, body: str) -> None:
    lake = make("CREATE SCHEMA util", f"CREATE MACRO util.error(x) AS {body}")
    with pytest.raises(ArchivedError):
        lake.sql("SELECT count(*) FROM trips WHERE tag = 'x3'")
    run_sql(lake, f"CREATE MACRO main.error(x) AS {body}")
    with pytest.raises(ArchivedError):
        lake.sql("SELECT count(*) FROM trips WHERE tag = 'x3'")


@pytest.mark.parametrize(
    ("macro", "condition"),
    in_turn(
        [
            (f"year(x) AS {FISCAL}", "year(pickup) = 2019"),
            (
                "date_part(p, x) AS 2018",
                "extract(year FROM pickup) = 2018 AND pickup > '2019-01-01'",
            ),
            ("date_trunc(p, x) AS TIMESTAMP '2019-05-01'", "pickup::DATE = '2019-05-01'"),
            ("now() AS TIMESTAMPTZ '2018-11-01 00:00:00+00'", "pickup > now()"),
            ("today() AS DATE '2018-11-01'", "pickup > today()"),
            ('"+"(a, b) AS a', "pickup >= TIMESTAMP '2018-11-01' + INTERVAL 2 MONTH"),
        ],
        3,
    ),
)
def test_nothing_is_known_of_a_function_that_a_macro_hides(
    make: Make, macro: str, condition: str
) -> None:
    lake = make(f"CREATE MACRO {macro}")
    query = f"SELECT id FROM {{}} WHERE {condition} ORDER BY id"
    months, rows = reached(lambda: lake.sql(query.format("trips")).fetchall())
    assert months or rows == run_sql(lake, query.format("everything"))


def test_a_macro_that_is_made_while_the_lake_is_open_is_looked_into(make: Make) -> None:
    lake = make()
    assert lake.sql("SELECT log2(8)").fetchall() == [(3.0,)]
    run_sql(lake, "CREATE MACRO log2(x) AS (SELECT count(*) FROM rides WHERE pickup >= x)")
    with pytest.raises(ArchivedError):
        lake.sql("SELECT log2(TIMESTAMP '2018-02-01')")
    found = lake.sql("SELECT log2(TIMESTAMP '2019-02-01')").fetchall()
    assert found == run_sql(lake, "SELECT count(*) FROM everything WHERE pickup >= '2019-02-01'")


def test_parts_that_have_changed_are_seen_through_macros(make: Make) -> None:
    clock = Clock(datetime(2019, 1, 15))
    lake = make(clock=clock)
    names = ("hash(a, b, c, d, e, f, g)", "sum(x)", "bit_xor(x)", "count_star()")
    query = "SELECT id FROM trips WHERE pickup < '2018-02-01' ORDER BY id LIMIT 2"
    run_sql(lake, *(f"CREATE MACRO {name} AS 1::UBIGINT" for name in names))
    assert lake.sql(query).fetchall() == [(0,), (1,)]
    run_sql(lake, *(f"DROP MACRO {name.partition('(')[0]}" for name in names))
    clock.now = AGED
    lake.apply(lake.plan(even_if_uneconomic=True))
    run_sql(lake, *(f"CREATE MACRO {name} AS 1::UBIGINT" for name in names))
    with pytest.raises(ArchivedError):
        lake.sql(query)


def test_objects_are_read_where_a_macro_is_called_as_what_reads_them(make: Make) -> None:
    lake = make()
    run_sql(
        lake,
        "CREATE MACRO read_parquet(x) AS TABLE SELECT 7 AS id",
        "CREATE MACRO parquet_schema(x) AS TABLE SELECT 7 AS id",
        "CREATE MACRO read_text(x) AS TABLE SELECT '{}' AS content",
    )
    query = "SELECT count(*), sum(id)::BIGINT FROM {} WHERE pickup >= '2019-01-01'"
    found = lake.sql(query.format("trips")).fetchall()
    assert found == run_sql(lake, query.format("everything"))
