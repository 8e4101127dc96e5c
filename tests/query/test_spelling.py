"""The text that is planned: `now()` and wrapped clocks spelled for the optimizer, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import cast

import duckdb
import pytest

from aged import Aged, reached, same
from isotherm.engine.session import DuckDBSession
from isotherm.model.errors import ArchivedError
from isotherm.query.owned import Owned
from isotherm.query.parse import Statement, one_query, spliced
from isotherm.query.provable import provable
from isotherm.query.times import likely, steady
from turns import in_turn

CLOCKS = frozenset({"pickup"})
NEVER = cast(Owned, None)
"""Nobody asks for the time."""


@pytest.fixture(scope="module")
def session() -> Iterator[DuckDBSession]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    yield DuckDBSession(connection)
    connection.close()


def where(session: DuckDBSession, condition: str) -> Statement:
    return one_query(session, f"SELECT 'é' FROM trips t WHERE {condition}")


@pytest.mark.parametrize(
    ("written", "planned"),
    [
        ("pickup::DATE = '2019-01-05'", "date_trunc('day', pickup) = CAST('2019-01-05' AS DATE)"),
        ("t.pickup :: date < current_date", "date_trunc('day', t.pickup) < current_date"),
        (
            "CAST(Pickup AS DATE) BETWEEN '2019-01-05' AND DATE '2019-01-09'",
            "date_trunc('day', Pickup) BETWEEN CAST('2019-01-05' AS DATE) AND DATE '2019-01-09'",
        ),
        (
            "cast ( \"pickup\" as date ) IN ('2019-01-05', 'it''s')",
            "(date_trunc('day', \"pickup\") = CAST('2019-01-05' AS DATE) OR "
            "date_trunc('day', \"pickup\") = CAST('it''s' AS DATE))",
        ),
        ("year(pickup) = 2019", "date_trunc('year', pickup) = DATE '2019-01-01'"),
        ("2018 < YEAR( t.pickup )", "DATE '2018-01-01' < date_trunc('year', t.pickup)"),
        (
            "extract(year FROM pickup) IN (2018, 2019)",
            "(date_trunc('year', pickup) = DATE '2018-01-01' OR "
            "date_trunc('year', pickup) = DATE '2019-01-01')",
        ),
        ("date_part('year', pickup) >= 2019", "date_trunc('year', pickup) >= DATE '2019-01-01'"),
        (
            "pickup::TIMESTAMP >= '2019-01-05 12:00'",
            "pickup >= CAST('2019-01-05 12:00' AS TIMESTAMP)",
        ),
        ("pickup::TIMESTAMPTZ > now()", "pickup > now()"),
        (
            "CAST(pickup AS TIMESTAMP WITH TIME ZONE) > '2019-01-05 12:00+02'",
            "pickup > CAST(CAST('2019-01-05 12:00+02' AS TIMESTAMPTZ) AS TIMESTAMP)",
        ),
    ],
)
def test_a_wrapped_clock_beside_constants_is_unwrapped(
    session: DuckDBSession, written: str, planned: str
) -> None:
    statement = where(session, written)
    found = spliced(statement.text, provable(statement, CLOCKS))
    assert found == f"SELECT 'é' FROM trips t WHERE {planned}"


@pytest.mark.parametrize(
    "written",
    [
        "dropoff::DATE = '2019-01-05'",
        "pickup::DATE = day",
        "pickup::DATE = (SELECT max(d) FROM days)",
        "pickup::VARCHAR = '2019-01-05'",
        "TRY_CAST(pickup AS DATE) = '2019-01-05'",
        "pickup::DATE[] = ['2019-01-05']",
        "year(pickup) = 2019.5",
        "year(pickup) = seats",
        "month(pickup) = 5",
        "extract(month FROM pickup) = 5",
        "date_part('month', pickup) = 5",
        "year(pickup::DATE) = 2019",
        "year(pickup) = 19",
        "pickup::/* odd */DATE = '2019-01-05'",
        "pickup + INTERVAL 1 DAY > '2019-01-05'",
        "'pickup::DATE = 5' = tag",
    ],
)
def test_what_is_not_known_to_mean_the_same_stays_as_it_is(
    session: DuckDBSession, written: str
) -> None:
    assert not list(provable(where(session, written), CLOCKS))


WRAPPED = ("pickup", "pickup::DATE", "CAST(pickup AS DATE)", "pickup::TIMESTAMP",
           "pickup::TIMESTAMPTZ", "year(pickup)")  # fmt: skip
TIMES = (
    "2019-01-01", "2019-01-01 00:00:00", "2019-01-01 12:00:00", "2019-01-01 00:00:00.000001",
    "2018-12-31 23:59:59.999999", "2019-01-01 02:00:00+02", "2019-01-01 05:00:00+02",
)  # fmt: skip
CONSTANTS = (
    *(f"{kind}'{time}'" for kind in ("", "DATE ", "TIMESTAMP ", "TIMESTAMPTZ ") for time in TIMES),
    *(f"'{time}'::TIMESTAMPTZ" for time in TIMES),
    "TIMESTAMP '2019-01-01 12:00:00' - INTERVAL 1 DAY",
    "DATE '2018-12-31' + 1",
    "make_date(2019, 1, 1)",
)


@pytest.mark.parametrize("clock_type", in_turn(["TIMESTAMP", "TIMESTAMPTZ", "DATE"], 3))
def test_what_is_planned_lets_the_same_rows_through(
    session: DuckDBSession, clock_type: str
) -> None:
    session.execute(
        "CREATE OR REPLACE TEMP TABLE trips AS SELECT unnest([TIMESTAMP '2018-12-30' + "
        "INTERVAL (i * 4) HOUR, TIMESTAMP '2018-12-30 00:00:00.000001' + INTERVAL (i * 4) HOUR, "
        f"TIMESTAMP '2018-12-31' - INTERVAL (i) MICROSECOND])::{clock_type} AS pickup "
        "FROM range(24) t(i)"
    )
    compared = 0
    for wrapped, constant in product(WRAPPED, CONSTANTS):
        values = [constant] if wrapped != "year(pickup)" else ["2018", "2019"]
        for value, order in product(values, ("<", "<=", "=", "<>", ">", ">=", "BETWEEN", "IN")):
            right = {"BETWEEN": f"{value} AND {value}", "IN": f"({value}, {value})"}.get(
                order, value
            )
            statement = one_query(
                session, f"SELECT count(*) FROM trips WHERE {wrapped} {order} {right}"
            )
            planned = spliced(
                statement.text, [*provable(statement, CLOCKS), *steady(statement, NEVER)]
            )
            if planned != statement.text:
                assert session.execute(planned) == session.execute(statement.text), planned
                compared += 1
    assert compared > 500


BESIDE = (
    "TIMESTAMPTZ '2019-01-01 03:00:00+00'",
    "TIMESTAMPTZ '2019-01-01 03:00:00+00' - INTERVAL 1 HOUR",
    "TIMESTAMPTZ '2019-01-01 03:00:00+00'::DATE", "TIMESTAMP '2019-01-01 03:00:00'",
    "DATE '2019-01-01'", "DATE '2018-12-31' + 1", "date_trunc('day', DATE '2019-01-01')",
)  # fmt: skip


@pytest.mark.parametrize("clock_type", in_turn(["TIMESTAMP", "TIMESTAMPTZ", "DATE"], 3))
def test_text_is_planned_with_the_type_that_it_has_beside_others(
    session: DuckDBSession, clock_type: str
) -> None:
    session.execute(
        "CREATE OR REPLACE TEMP TABLE trips AS SELECT (TIMESTAMP '2018-12-30' + "
        f"INTERVAL (i) HOUR)::{clock_type} AS pickup FROM range(96) t(i)"
    )
    compared = 0
    for wrapped, time, other in product(WRAPPED[:-1], TIMES, BESIDE):
        for right in (f"BETWEEN '{time}' AND {other}", f"NOT IN ({other}, '{time}')"):
            query = f"SELECT count(*) FROM trips WHERE {wrapped} {right} OR {other} < '{time}'"
            statement = one_query(session, query)
            planned = spliced(
                statement.text, [*provable(statement, CLOCKS), *steady(statement, NEVER)]
            )
            if planned != statement.text:
                assert session.execute(planned) == session.execute(statement.text), planned
                compared += 1
    assert compared > 300


@pytest.mark.parametrize(
    "condition",
    [
        "pickup BETWEEN '2019-01-01 05:00:00+12' AND now()",
        "pickup::TIMESTAMP BETWEEN '2019-01-01 05:00:00+12' AND now()",
        "pickup BETWEEN '2019-01-01 05:00:00+12' AND TIMESTAMPTZ '2019-03-01 00:00:00+00'",
        "pickup::DATE NOT BETWEEN '2018-12-01 10:00' AND now() AND pickup >= '2018-12-01'",
        "pickup::DATE NOT BETWEEN '2018-12-01 10:00' AND TIMESTAMP '2030-01-01' "
        "AND pickup >= '2018-12-01'",
    ],
)
def test_an_archived_month_is_needed_where_text_beside_others_means_it(
    aged: Aged, condition: str
) -> None:
    query = f"SELECT id FROM trips WHERE {condition}"
    months, found = reached(lambda: aged.lake.sql(query).fetchall())
    assert months or same(found, aged.twin(query, "everything"))


def test_text_with_an_offset_is_compared_with_now_as_an_instant(plain_aged: Aged) -> None:
    later = datetime.now(timezone(timedelta(hours=5))) + timedelta(hours=2)
    query = f"SELECT count(*) FROM trips WHERE {{}} now() < '{later:%F %T}+05'"
    with pytest.raises(ArchivedError):
        plain_aged.lake.sql(query.format(""))
    query = query.format("pickup >= '2019-01-01' AND")
    assert plain_aged.lake.sql(query).fetchall() == plain_aged.twin(query, "everything")


def test_a_range_of_text_and_now_is_proved(aged: Aged) -> None:
    for upper in ("now()", "current_date", "now()::DATE - 1", "current_date - INTERVAL 1 DAY"):
        for clock in ("pickup", "pickup::DATE", "pickup::TIMESTAMP"):
            where = f"{clock} BETWEEN '2019-01-02' AND {upper}"
            aged.lake.sql(f"SELECT count(*) FROM trips WHERE {where}").close()


@pytest.mark.parametrize(
    ("condition", "times"),
    [
        ("pickup >= '2019-01-05' AND tag = 'x'", {datetime(2019, 1, 5)}),
        ("pickup > TIMESTAMPTZ '2019-01-05 01:00+02'", {datetime(2019, 1, 4, 23)}),
        ("pickup > make_date(2019, 3, 1) - INTERVAL 1 MONTH", {datetime(2019, 2, 1)}),
        ("year(pickup) = 2019", {datetime(2019, 1, 1), datetime(2020, 1, 1)}),
        ("id = 2019", set()),
        ("tag = '2019-99-99'", set()),
        ("pickup > error('x')", set()),
    ],
)
def test_the_times_that_a_query_names_are_found(
    session: DuckDBSession, condition: str, times: set[datetime]
) -> None:
    assert set(likely(session, where(session, condition).nodes)) == times


@pytest.mark.parametrize(
    "condition",
    [
        "pickup > now() - INTERVAL 3 DAY",
        "pickup >= CURRENT_TIMESTAMP - INTERVAL '3 days'",
        "pickup > get_current_timestamp()",
        "pickup BETWEEN now() - INTERVAL 3 DAY AND now()",
        "now() - to_days(3) < pickup",
        "pickup > now()::DATE - 3",
        "pickup > date_trunc('month', now()) - INTERVAL 1 MONTH",
        "pickup > current_date - 30",
        "pickup > today() - INTERVAL 1 YEAR",
        "pickup > localtimestamp - INTERVAL 1 DAY",
        "pickup > (now() AT TIME ZONE 'UTC') - INTERVAL 1 DAY",
        "pickup >= now() - INTERVAL 3 DAY AND pickup < '2030-01-01'",
        "tag = 'x' AND (pickup > now() - INTERVAL 3 DAY OR pickup::DATE = current_date)",
        "pickup IN (now(), now() - INTERVAL 1 DAY)",
        "pickup > TIMESTAMPTZ '2030-01-01 00:00:00+02'",
        "pickup > '2030-01-01 00:00:00 Europe/Paris'::TIMESTAMPTZ",
        "pickup > TIMESTAMP WITH TIME ZONE '2030-01-01' - INTERVAL 1 DAY AND pickup < '2031-01-01'",
        "pickup::DATE IN ('2030-01-01', '2031-01-01')",
        "year(pickup) IN (2030, 2031)",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "SELECT count(*) FROM trips WHERE {}",
        "SELECT count(*) FROM (SELECT * FROM trips) trips WHERE {}",
        "WITH a AS (SELECT * FROM rides) SELECT id FROM a AS trips WHERE {}",
    ],
)
def test_what_is_asked_back_from_now_is_never_refused(
    aged: Aged, condition: str, form: str
) -> None:
    found = aged.lake.sql(form.format(condition)).fetchall()
    assert found in ([(0,)], [])


def test_now_stays_what_it_is_in_the_answer(aged: Aged) -> None:
    kinds = aged.lake.sql(
        "SELECT typeof(now()), typeof(current_timestamp), now() = current_timestamp, "
        "strftime(now(), '%Z') FROM trips WHERE id = 855 AND pickup > now() - INTERVAL 40 YEAR "
        "AND pickup > '2020-01-01'"
    )
    zoned = "TIMESTAMP WITH TIME ZONE"
    assert kinds.columns[0] == "typeof(now())"
    assert kinds.fetchall() == [(zoned, zoned, True, "UTC")]
