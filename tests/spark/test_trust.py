"""What is taken out of a query before DuckDB is asked what it may need."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from isotherm.engine.duckdb import DuckDBSession
from isotherm.query.parse import one_query
from isotherm.spark.trust import UNKNOWN, opaque

SINCE = "pickup >= '2019-01-01'"
SCALARS = frozenset({"dayofweek", "concat", "abs", "strftime", "epoch", "random"})


@pytest.fixture(scope="module")
def session() -> Iterator[DuckDBSession]:
    found = DuckDBSession(duckdb.connect())
    yield found
    found.close()


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
        "seats = (SELECT max(seats) FROM dims) AND EXISTS (SELECT 1 FROM dims)",
        "(CASE WHEN seats > 5 THEN pickup ELSE NULL END) IS NOT NULL",
        "coalesce(pickup, DATE '2019-01-01') > '2018-01-01'",
        "t.id IN (SELECT * FROM range(5))",
    ],
)
def test_what_is_the_same_is_asked_as_it_is(session: DuckDBSession, condition: str) -> None:
    assert asked(session, condition) == condition


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("dayofweek(pickup) = 7", f"{UNKNOWN} = 7"),
        ("abs(dayofweek(pickup)) + 1 > (2)", f"{UNKNOWN} + 1 > (2)"),
        ("concat('a', NULL) IS NULL", f"{UNKNOWN} IS NULL"),
        ("strftime(pickup, '%)') > 'a)'", f"{UNKNOWN} > 'a)'"),
        ("tag <> '030-123'", f"tag <> {UNKNOWN}"),
        ("pickup > '2019-1-1'", f"pickup > {UNKNOWN}"),
        ("percentile_approx(id, 0.5) > 3", f"{UNKNOWN} > 3"),
    ],
)
def test_what_may_differ_is_taken_out(session: DuckDBSession, condition: str, left: str) -> None:
    assert asked(session, f"{SINCE} OR {condition}") == f"{SINCE} OR {left}"


@pytest.mark.parametrize(
    "condition",
    [
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
def test_functions_of_many_rows_are_taken_out_where_no_others_stand(
    session: DuckDBSession, rest: str
) -> None:
    found = asked(session, SINCE, rest)
    assert found is None or found == f"{SINCE} GROUP BY tag HAVING {UNKNOWN}"
