"""What is taken out of a query before DuckDB is asked what it may need."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.session import DuckDBSession
from isotherm.query.parse import one_query
from isotherm.spark.trust import opaque

SINCE = "pickup >= '2019-01-01'"
SCALARS = frozenset({"dayofweek", "concat", "abs", "strftime", "epoch", "random"})


@pytest.fixture(scope="module")
def session() -> Iterator[DuckDBSession]:
    engine = DuckDBEngine()
    yield engine.session()
    engine.close()


def asked(session: DuckDBSession, condition: str, rest: str = "") -> str | None:
    """Return the condition that DuckDB is asked about; None where it is not asked."""
    begin = "SELECT count(*) FROM trips t WHERE "
    text = opaque(one_query(session, begin + condition + rest), SCALARS.__contains__)
    return text.removeprefix(begin) if text is not None else None


@pytest.mark.parametrize(
    "condition",
    [
        SINCE,
        f"NOT ({SINCE}) AND fare > 1.5 OR tag IN ('a', '1e3')",
        "pickup BETWEEN DATE '2019-01-01' AND TIMESTAMP '2019-02-01 10:00:00'",
        "pickup::DATE = '2019-01-01'",
        "CAST(pickup AS TIMESTAMPTZ) > TIMESTAMPTZ '2019-01-01'",
        "year(pickup) = 2019 AND month(pickup) IN (1, 2)",
        "date_trunc('month', pickup) = '2019-01-01'",
        "pickup > now() - INTERVAL 6 MONTH",
        "pickup > now() - INTERVAL '6' MONTH",
        "pickup > current_date - INTERVAL '30 days' AND pickup < current_timestamp",
        "day >= 17896 AND day < 17896 + 31 * 2",
        "id % 3 = 0 AND fare / 2 > 1 AND tag || 'x' LIKE 'a%'",
        "fare::INTEGER = 3 AND fare::DECIMAL(9,2) > 1",
        "1 = 1 AND 'a' <> 'b'",
        "seats = (SELECT max(seats) FROM dims) AND EXISTS (SELECT 1 FROM dims)",
        "(CASE WHEN seats > 5 THEN pickup ELSE NULL END) IS NOT NULL",
        "coalesce(pickup, DATE '2019-01-01') > '2018-01-01'",
        "t.id IN (SELECT * FROM range(5))",
    ],
)
def test_what_is_the_same_is_asked_as_it_is(session: DuckDBSession, condition: str) -> None:
    assert asked(session, condition) == condition


U = re.compile(r"error\('it is not for DuckDB to know: \d+'\)")


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("dayofweek(pickup) = 7", "U = 7"),
        ("NOT abs(dayofweek(pickup)) > (2)", "NOT U > (2)"),
        ("concat(tag, NULL) IN ('a', 'b')", "U IN ('a', 'b')"),
        ("strftime(pickup, '%)') > 'a)'", "U > 'a)'"),
        ("tag <> '030-123'", "tag <> U"),
        ("tag NOT IN ('030-123', 'b')", "tag NOT IN (U, 'b')"),
        ("pickup > '2019-1-1'", "pickup > U"),
        ("percentile_approx(id, 0.5) > 3", "U > 3"),
    ],
)
def test_what_may_differ_is_taken_out(session: DuckDBSession, condition: str, left: str) -> None:
    found = asked(session, f"{SINCE} OR {condition}")
    assert found is not None
    assert U.sub("U", found) == f"{SINCE} OR {left}"


def test_no_two_of_them_are_the_same_value(session: DuckDBSession) -> None:
    found = asked(session, "abs(id) = 1 AND abs(id) = 2")
    assert found is not None
    assert len(set(U.findall(found))) == 2


def test_what_is_only_shown_is_taken_out(session: DuckDBSession) -> None:
    for query in (
        "SELECT dayofweek(pickup), count(*) FROM trips WHERE {} GROUP BY 1",
        "SELECT dayofweek(pickup) AS d, count(*) FROM trips WHERE {} GROUP BY d ORDER BY d",
        "SELECT percentile_approx(id, 0.5) FROM trips WHERE {}",
    ):
        assert opaque(one_query(session, query.format(SINCE)), SCALARS.__contains__)
    for query in (
        "SELECT * FROM (SELECT abs(id) AS d FROM trips) WHERE d * 2 > 3",
        "SELECT abs(id) AS d FROM trips GROUP BY d HAVING d * 2 > 3",
        "SELECT abs(id) + 1 FROM trips",
        "SELECT abs(id) FROM trips UNION ALL SELECT 1",
    ):
        assert opaque(one_query(session, query), SCALARS.__contains__) is None


@pytest.mark.parametrize(
    "condition",
    [
        "abs(id) % 2 = 0",
        "concat(tag, 'a') LIKE 'X%'",
        "abs(fare) BETWEEN '9' AND '10'",
        "coalesce(abs(id), 0) = 0",
        "(CASE WHEN abs(id) > 1 THEN abs(id) ELSE 1 END) = 1",
        "abs(id)::INTEGER = 1",
        "id IN (SELECT seats FROM (SELECT seats, 1 AS pickup FROM dims WHERE pickup > 1))",
        "DATE '2018-12-31' + INTERVAL 1 DAY >= '2019-01-01 12:00:00'",
        "pickup + INTERVAL 1 DAY >= '2019-01-01 12:00:00'",
        "(CASE WHEN seats > 3 THEN 5 ELSE '17000' END) < '2'",
        "INTERVAL 1 MONTH <> INTERVAL 30 DAY",
        "2147483647 + 1 < 0",
        "1 = '1'",
        "current_date > '2020-01-01 12:00:00'",
        "current_date || 'a' LIKE '%a'",
        "id::INTEGER = 2 AND fare > 2.5",
        "CAST(1.5 AS INT) = 1",
        "CAST(1.5 AS DECIMAL) = 2",
        "fare::DECIMAL = 2",
        "TRY_CAST('1e3' AS INT) IS NULL",
        "1.0 / 3 * 3 < 1",
        "day > 17896.0 / 3 * 3",
        "day = CAST(17896.6 AS INT)",
        "CAST(day * 1.5 AS INT) = 3",
        "'a%' LIKE 'a\\%'",
        "current_user <> 'duckdb'",
        "current_schema = 'main'",
        "pickup > DATE '2019-01-01' + INTERVAL 36 HOUR",
        "pickup > DATE '2019-01-01' + INTERVAL '36 hours'",
        "pickup > now() - INTERVAL '1 month' * 2",
        "pickup > DATE '2019-1-1'",
        "pickup > CAST('2019-01-01 00:00' || '+05' AS TIMESTAMP)",
        "pickup = ANY ([TIMESTAMP '2019-01-01'])",
        "id IN (SELECT unnest([1]))",
        "id IN (SELECT id FROM (SELECT bool_or(seats > 3) AS id FROM dims WHERE 1 = 0))",
        "EXISTS (SELECT percentile_approx(id, 0.5) FROM dims WHERE 1 = 0)",
        "t.id = (SELECT sum(id) FILTER (WHERE bool_or(true)) FROM dims)",
        "2 ^ 3 = 1",
        "tag COLLATE NOCASE = 'a'",
    ],
)
def test_where_it_cannot_be_taken_out_duckdb_is_not_asked(
    session: DuckDBSession, condition: str
) -> None:
    assert asked(session, f"{SINCE} OR {condition}") is None


@pytest.mark.parametrize(
    "rest",
    [
        " GROUP BY tag HAVING bool_or(seats > 3)",
        " QUALIFY percent_rank() OVER (ORDER BY id) > 0.5",
        " AND id IN (SELECT quantile_cont(id, 0.5) FROM dims)",
    ],
)
def test_functions_of_many_rows_are_not_asked_about_where_rows_are_counted(
    session: DuckDBSession, rest: str
) -> None:
    found = asked(session, SINCE, rest)
    assert found is None
