"""What a query returns, and that nothing of it stays behind."""

from __future__ import annotations

import gc
import threading
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from aged import Aged
from conftest import MakeLake, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, QueryError

FRESH = "pickup >= '2019-01-01'"
SLOW = (
    "SELECT count(*) FROM range(1_000_000) a, range(1_000_000) b WHERE (a.range + b.range) % 7 = 0"
)


def attached(lake: Lake) -> list[str]:
    """Return the databases that are attached to the lake's engine while no query needs any.

    What is kept for the queries to come is none of them: a slow machine takes it sooner.
    """
    run_sql(lake, "SELECT 1")  # who might have written: what is kept for other queries goes
    lake.sql("SELECT 1").close()
    session = lake.warehouse.engine.session()
    rows = session.execute("SELECT database_name FROM duckdb_databases()")
    session.close()
    names = (str(name).rstrip("0123456789") for (name,) in rows)
    return sorted(name for name in names if not name.startswith("isotherm_cache_"))


def open_transactions() -> int:
    """Return how many timers of queries are running."""
    timers = (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))
    return sum(not timer.finished.is_set() for timer in timers)


def test_rows_come_as_tuples_arrow_or_batches(plain_aged: Aged) -> None:
    query = f"SELECT id, fare, pickup, tag FROM trips WHERE {FRESH} ORDER BY id"
    rows = plain_aged.lake.sql(query).fetchall()
    assert rows == plain_aged.twin(query, "everything")
    assert [type(value) for value in rows[0]] == [int, Decimal, datetime, str]
    table = plain_aged.lake.sql(query).arrow()
    assert isinstance(table, pa.Table)
    assert [tuple(row.values()) for row in table.to_pylist()] == rows
    batches = list(plain_aged.lake.sql(query).batches(100))
    assert [batch.num_rows for batch in batches][:2] == [100, 100]
    assert pa.Table.from_batches(batches).equals(table.combine_chunks())


def test_a_result_knows_its_columns_and_has_no_notes_when_nothing_was_left_out(
    plain_aged: Aged,
) -> None:
    with plain_aged.lake.sql(f"SELECT id AS a, 1, tag FROM trips WHERE {FRESH}") as result:
        assert result.columns == ["a", "1", "tag"]
        assert result.notes == ()


def test_an_answer_without_rows_has_its_columns(plain_aged: Aged) -> None:
    table = plain_aged.lake.sql("SELECT id, tag FROM trips WHERE pickup > '2030-01-01'").arrow()
    assert table.num_rows == 0
    assert table.column_names == ["id", "tag"]


def test_a_result_can_be_closed_twice_and_is_read_once(plain_aged: Aged) -> None:
    result = plain_aged.lake.sql("SELECT 1")
    assert result.fetchall() == [(1,)]
    result.close()
    result.close()
    for read in (result.fetchall, result.arrow, lambda: list(result.batches())):
        with pytest.raises(QueryError, match="read or closed already"):
            read()


def test_a_result_left_half_read_can_be_closed(plain_aged: Aged) -> None:
    before = attached(plain_aged.lake)
    with plain_aged.lake.sql(f"SELECT * FROM trips WHERE {FRESH}") as result:
        assert next(result.batches(10)).num_rows == 10
    assert attached(plain_aged.lake) == before


def test_nothing_stays_behind_whatever_becomes_of_a_query(plain_aged: Aged) -> None:
    lake = plain_aged.lake
    lake.sql("SELECT 1").close()
    gc.collect()
    before, timers = attached(lake), open_transactions()
    lake.sql(f"SELECT count(*) FROM trips WHERE {FRESH}").fetchall()
    lake.sql(f"SELECT count(*) FROM trips WHERE {FRESH}").close()
    lake.sql("SELECT count(*) FROM trips", archived="skip").arrow()
    lake.explain_sql("SELECT count(*) FROM trips")
    for query, error in (
        ("SELECT count(*) FROM trips", ArchivedError),
        ("SELECT nonsense FROM trips", QueryError),
        ("DROP TABLE rides", QueryError),
        (f"SELECT error('late') FROM trips WHERE {FRESH}", QueryError),
    ):
        with pytest.raises(error):
            lake.sql(query).fetchall()
    assert attached(lake) == before
    lake.sql(f"SELECT * FROM trips WHERE {FRESH}")  # nobody keeps it
    gc.collect()
    assert attached(lake) == before
    assert open_transactions() == timers


def test_a_result_that_is_not_read_sees_its_own_instant(make_lake: MakeLake) -> None:
    lake = make_lake()
    run_sql(lake, make_trips(10))
    result = lake.sql("SELECT count(*) FROM trips")
    run_sql(lake, "DELETE FROM trips WHERE id < 5")
    assert result.fetchall() == [(10,)]
    assert lake.sql("SELECT count(*) FROM trips").fetchall() == [(5,)]


def test_a_query_that_takes_too_long_is_stopped(make_lake: MakeLake) -> None:
    lake = make_lake('[settings]\nquery_timeout = "1 second"\ngrace = "1 hour"\n')
    with pytest.raises(QueryError) as caught:
        lake.sql(SLOW).fetchall()
    assert "took longer than 1 s" in caught.value.message
    assert "query_timeout" in caught.value.hint
    assert lake.sql("SELECT 1").fetchall() == [(1,)]


def test_a_result_that_is_read_too_late_is_refused(make_lake: MakeLake) -> None:
    lake = make_lake('[settings]\nquery_timeout = "1 second"\n')
    result = lake.sql("SELECT i FROM range(10_000_000) t(i)")
    waiting = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in waiting:
        timer.join()
    with pytest.raises(QueryError, match="took longer than 1 s"):
        result.fetchall()


def test_an_error_of_the_query_itself_is_the_engines(plain_aged: Aged) -> None:
    for query, said in (
        ("SELECT 'x'::INTEGER FROM trips WHERE " + FRESH, "Could not convert"),
        ("SELECT error('my own words')", "my own words"),
        ("SELECT sum(tag) FROM trips WHERE " + FRESH, "sum"),
        ("SELECT nofunction(id) FROM trips WHERE " + FRESH, "nofunction"),
    ):
        with pytest.raises(QueryError, match=said):
            plain_aged.lake.sql(query).fetchall()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select nocol from trips", "LINE 1: select nocol from trips\n               ^"),
        ("select id, far from trips", 'Candidate bindings: "fare"'),
        (
            "select id from trips where date_trunc('century of', pickup) = '2019-06-01'",
            'specifier "century of" not recognized',
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_query_as_it_was_written(
    plain_aged: Aged, query: str, said: str
) -> None:
    for look in (plain_aged.lake.sql, plain_aged.lake.explain_sql):
        with pytest.raises(QueryError) as caught:
            look(query)
        assert said in str(caught.value)
        assert "EXPLAIN" not in str(caught.value)


SPECIAL = (
    "SELECT 'infinity'::DATE AS day, '-infinity'::TIMESTAMP AS time, '\\x00\\xFF'::BLOB AS bytes, "
    "'nan'::DOUBLE AS nan, 1.50::DECIMAL(9,2) AS fare, [1, NULL] AS list, NULL AS nothing, "
    "TRUE AS yes, 'a, \"b\"' AS text"
)


def test_values_are_written_as_they_are(plain_aged: Aged) -> None:
    with plain_aged.lake.sql(SPECIAL) as result:
        assert result.numbers == ["nan", "fare", "nothing"]  # NULL alone is one
        ((texts,),) = result.texts()
    assert texts[:5] == ("infinity", "-infinity", "\\x00\\xFF", "nan", "1.50")
    assert texts[5:] == ("[1, NULL]", None, "true", 'a, "b"')
    with plain_aged.lake.sql(SPECIAL) as result:
        ((plain,),) = result.plain()
    assert plain[:5] == ("infinity", "-infinity", "\\x00\\xFF", "NaN", "1.50")
    assert plain[5:] == ([1, None], None, True, 'a, "b"')


@pytest.mark.parametrize(
    "query",
    [
        "-- don't\nSELECT 'a\u00a0b'",
        "SELECT $$a\u00a0b$$, $x$it's $$\u00a0$x$",
        "/* don't */ SELECT 'a\u00a0b'",
        "SELECT 'a''\u00a0', \"b\u2003\"\u00a0FROM (SELECT 1 AS \"b\u2003\") -- \u00a0",
    ],
)
def test_spaces_in_text_are_what_duckdb_makes_of_them(plain_aged: Aged, query: str) -> None:
    assert plain_aged.lake.sql(query).fetchall() == plain_aged.twin(query, "")


def test_what_stands_behind_a_strange_space_is_found(plain_aged: Aged) -> None:
    query = "SELECT $$\u00a0$$,\u00a0count(*) FROM trips WHERE\u00a0pickup::DATE > '2019-12-01'"
    expected = plain_aged.twin(query, "everything")
    for ahead in ("", "-- it's \u00a0\n", "-- \u00a0\n/* \u00a0 */ "):
        assert plain_aged.lake.sql(ahead + query).fetchall() == expected
