"""The guard against random queries that run on Spark: refused, or answered with every row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_queries import BOUNDS, DAY, MICROSECOND, conditions, instants, midnights

from aged import ARCHIVED, Aged, reached, same
from isotherm.model.errors import ArchivedError, QueryError
from isotherm.model.period import between
from isotherm.query.reader import Archived, Options
from isotherm.spark.reader import SparkReader
from turns import in_turn

MONTHS = {period for text in ARCHIVED for period in between(text)}
SETTINGS = settings(
    max_examples=15,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
PLAIN = ("from", "after", "before", "until", "not before", "range", "between", "typed", "in")
"""Bounds that Spark reads as DuckDB does, and of which DuckDB can prove what they let through."""
SHAPES = (
    "SELECT count(*), sum(fare), min(id) FROM trips t WHERE {0}",
    "SELECT id, fare, tag, seats FROM trips t WHERE {0} ORDER BY id",
    "SELECT tag, count(*) FROM trips t WHERE {0} AND NOT ({1}) GROUP BY tag",
    "SELECT name, count(*) FROM trips t JOIN dims USING (seats) WHERE {0} OR {1} GROUP BY name",
    "WITH a AS (SELECT * FROM trips t WHERE {0}) SELECT count(*) FROM a t WHERE {1}",
    "SELECT tag, max(fare) FROM trips t GROUP BY tag HAVING max(t.pickup) > '2019-02-01'",
    "SELECT count(*) FROM (SELECT id FROM trips t WHERE {0} EXCEPT SELECT id FROM trips t WHERE {1}"
    ")",
    "SELECT dayofweek(pickup) AS d FROM trips t WHERE {0} AND dayofweek(t.pickup) < 9 ORDER BY d",
)


@pytest.fixture(scope="module")
def spark(aged: Aged, engine: str) -> SparkReader:
    lake = aged.lake
    return SparkReader(engine, lake.warehouse, lake.storage, lake.config.datasets, lake.prices)


def options(aged: Aged) -> Options:
    return Options(readable_at=aged.lake.clock() + timedelta(hours=1), timeout=300)


@given(data=st.data())
@SETTINGS
def test_a_plain_bound_is_refused_exactly_where_it_reaches_into_the_archive(
    aged: Aged, spark: SparkReader, data: st.DataObject
) -> None:
    source = midnights if aged.clock_type == "DATE" else instants
    one, other = sorted((data.draw(source), data.draw(source)))
    grain = DAY if aged.clock_type == "DATE" else MICROSECOND
    bound = BOUNDS[data.draw(st.sampled_from(PLAIN))](one, other, grain)
    query = f"SELECT count(*), sum(fare), min(id), max(id) FROM trips WHERE {bound.sql}"
    refused, rows = reached(lambda: spark.run(query, options(aged)).fetchall())
    assert refused == {month for month in MONTHS if bound.meets(month)}
    assert refused or same(rows, aged.twin(query, "everything"))


@given(data=st.data())
@SETTINGS
def test_no_query_is_answered_wrongly(aged: Aged, spark: SparkReader, data: st.DataObject) -> None:
    query = data.draw(st.sampled_from(SHAPES)).format(
        data.draw(conditions()), data.draw(conditions())
    )
    try:
        rows = spark.run(query, options(aged)).fetchall()
    except ArchivedError:
        return
    except QueryError as error:  # not every condition is one that Spark understands
        assume("Spark says" not in error.message)
        raise
    if "dayofweek" in query:  # it counts from one
        rows = [(day - 1,) for (day,) in rows]
    assert same(rows, aged.twin(query, "everything"))


ASKED_ABOUT = """
SELECT count(*) FROM trips WHERE upper(tag) LIKE 'X%'
SELECT count(*) FROM trips WHERE hour(pickup) % 2 = 0 AND pickup >= '2019-02-01'
SELECT count(*) FROM trips WHERE abs(id) % 2 = 0
SELECT count(*) FROM trips WHERE upper(tag) = 'X1' AND lower(tag) = 'x1'
SELECT count(*) FROM trips WHERE dayofweek(pickup) = 3
SELECT count(*) FROM trips WHERE abs(fare) BETWEEN '9' AND '10'
SELECT tag, count(*) FROM trips GROUP BY tag HAVING max(upper(tag)) LIKE 'X%'
SELECT count(*) FROM trips WHERE CASE WHEN seats > 3 THEN upper(tag) ELSE tag END LIKE 'x%'
SELECT count(*) FROM (SELECT tag, upper(tag) u FROM trips) WHERE u LIKE 'X%'
SELECT count(*) FROM (SELECT abs(id) AS d FROM trips) WHERE d * 2 > 3
SELECT count(*) FROM (SELECT pickup AS today FROM trips) WHERE today >= '2019-11-01'
SELECT count(*) FROM (SELECT pickup AS "now" FROM trips) WHERE "now" < '2019-03-01'
SELECT count(*) FROM trips, LATERAL (SELECT 0 AS id FROM dims WHERE id > 5) z
SELECT count(*) FROM trips t WHERE t.seats IN (SELECT 1 AS id FROM dims WHERE id > 5)
SELECT count(*) FROM trips WHERE DATE '2018-12-31' + INTERVAL 1 DAY >= '2019-01-01 12:00:00'
SELECT count(*) FROM trips WHERE CASE WHEN seats > 3 THEN 5 ELSE '17000' END < '2'
SELECT count(*) FROM trips WHERE INTERVAL 1 MONTH <> INTERVAL 30 DAY
SELECT count(*) FROM trips WHERE pickup >= '2019-06-01' OR CAST(1.5 AS INT) = 1
SELECT count(*) FROM trips WHERE pickup >= '2019-06-01' OR 1.0 / 3 * 3 < 1
SELECT count(*) FROM trips, (SELECT bool_or(seats > 3) FROM dims WHERE 1 = 0) z
SELECT today FROM (SELECT tag AS today FROM trips WHERE pickup > '2019-11-01')
"""


@pytest.mark.parametrize("query", in_turn(ASKED_ABOUT.strip().splitlines(), 2))
def test_what_the_guard_leaves_out_is_nothing_that_spark_would_read(
    plain_aged: Aged, engine: str, query: str
) -> None:
    """The same comes back where the guard is not asked, and every readable object is read."""
    lake = plain_aged.lake
    read = (engine, lake.warehouse, lake.storage, lake.config.datasets, lake.prices)
    asked, blind = SparkReader(*read), SparkReader(*read)
    blind.asks = False
    chosen = replace(options(plain_aged), archived=Archived.SKIP)
    assert same(answered(asked, query, chosen), answered(blind, query, chosen))


def answered(reader: SparkReader, query: str, chosen: Options) -> list[tuple[object, ...]]:
    """Return the rows of an answer; not every server understands every query."""
    try:
        return reader.run(query, chosen).fetchall()
    except QueryError as error:
        if "Spark says" not in error.message:
            raise
        return [("not understood",)]
