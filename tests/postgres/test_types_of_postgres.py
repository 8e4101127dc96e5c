"""Every type of PostgreSQL survives the trip exactly, or is refused by name before a row moves."""

from __future__ import annotations

import pytest

import isotherm
from ageing import Clock, age, policy, set_config, tiers_of
from conftest import MakeLake
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed
from turns import in_turn

EXACT = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "real": ["'NaN'", "'-Infinity'", "1.17549435e-38", "0.1"],
    "double precision": ["'NaN'", "'Infinity'", "0.1", "1.7976931348623157e308", "'-0'"],
    "numeric(9,2)": ["-9999999.99", "0.01"],
    "numeric(18,4)": ["12345678901234.5678"],
    "numeric(38,10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
    "text": ["''", "'null'", "E'tab\\tline\\n\\\\N'", "'naïve 日本 🚕'", "repeat('x', 100000)"],
    "varchar(20)": ["'ab  '", "'\"quoted\"'"],
    "char(5)": ["'ab'"],
    "bytea": [r"'\x'", r"'\x00ff5c'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "date": ["'infinity'", "'-infinity'", "'0001-01-01'", "'9999-12-31'", "'4001-02-29 BC'"],
    "time": ["'00:00'", "'23:59:59.999999'", "'24:00'"],
    "timestamp": ["'infinity'", "'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"],
    "timestamp(3)": ["'2018-03-25 01:30:00.123'"],
    "timestamptz": ["'-infinity'", "'2018-03-25 02:30:00+02'", "'1883-11-18 12:03:58-04:56:02'"],
    "json": ['\'{"b":  1, "a": [null]}\'', "'null'"],
    "mood": ["'good'", "'bad'"],
    "jsonb": ['\'{"a": 1.50, "b": "\\u0001"}\'', "'[]'"],
}
REFUSED = {
    "numeric": "1.5",
    "numeric(50,2)": "1.5",
    "numeric(5,-2)": "1200",
    "integer[]": "'{1,2}'",
    "text[]": "'{a,NULL}'",
    "positive": "1",
    "inet": "'10.0.0.1'",
    "interval": "'1 day'",
    "money": "12",
    "bit(3)": "B'101'",
    "time with time zone": "'12:00+02'",
    "int4range": "'[1,2)'",
    "point": "'(1,2)'",
    "tsvector": "'a b'",
    "xml": "'<a/>'",
    "oid": "5",
}
MOOD = "CREATE TYPE mood AS ENUM ('good', 'bad')"
COLD, HOT = policy(STANDARD="6 months"), policy()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


def make(make_lake: MakeLake, server: PostgresServer, url: str, *sql: str) -> Lake:
    lake = make_lake(COLD, warehouse=url, clock=Clock())
    with server.connect(url) as connection:
        connection.execute("SET lc_monetary = 'C'")
        for statement in sql:
            connection.execute(statement)  # type: ignore[arg-type]
    return lake


def written(server: PostgresServer, url: str) -> list[tuple[object, ...]]:
    """Return the table as PostgreSQL itself writes it."""
    with server.connect(url) as connection:
        return connection.execute("SELECT trips::text FROM trips ORDER BY id").fetchall()


def test_every_value_of_an_exact_type_comes_back_as_it_was(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    columns = ", ".join(f"c{n} {type_}" for n, type_ in enumerate(EXACT))
    most = max(len(values) for values in EXACT.values())
    rows = [
        ", ".join(values[row] if row < len(values) else "NULL" for values in EXACT.values())
        for row in range(most)
    ]
    lake = make(
        make_lake,
        postgres,
        url,
        MOOD,
        f"CREATE TABLE trips (pickup timestamptz NOT NULL, id int PRIMARY KEY, {columns})",
        *(f"INSERT INTO trips VALUES ('2018-03-01', {n}, {row})" for n, row in enumerate(rows)),
    )
    before = written(postgres, url)
    age(lake)
    assert tiers_of(lake) == {"2018-03": "STANDARD"}
    assert written(postgres, url) == []
    assert lake.sql("select count(*), count(c3), max(c3) from trips").fetchall() == [
        (most, 2, 2**63 - 1)
    ]
    lake.close()
    set_config(lake, f'warehouse.url = "{url}"\n{HOT}')
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        assert tiers_of(again) == {"2018-03": "hot"}
    assert written(postgres, url) == before


@pytest.mark.parametrize("type_", in_turn(REFUSED, 3))
def test_any_other_type_is_refused_by_name_and_nothing_moves(
    make_lake: MakeLake, postgres: PostgresServer, url: str, type_: str
) -> None:
    lake = make(
        make_lake,
        postgres,
        url,
        MOOD,
        "CREATE DOMAIN positive AS int CHECK (value > 0)",
        f"CREATE TABLE trips (pickup timestamp, odd {type_})",
        f"INSERT INTO trips VALUES ('2018-03-01', {REFUSED[type_]})",
    )
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    (error,) = failed.value.applied.failures.values()
    assert f"column odd of public.trips has type {type_}, which does not survive" in error.message
    assert "ALTER TABLE" in error.hint
    assert tiers_of(lake) == {"2018-03": "hot"}


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("fare numeric(9,2)", "'NaN'", "fare is NaN"),
        ("seen timestamp", "'294276-12-31'", "seen lies beyond the year 294000"),
        ("seen timestamptz", "'294276-12-31'", "seen lies beyond the year 294000"),
        # What the engine takes for infinity, to the microsecond.
        ("seen timestamp", "'294247-01-10 04:00:54.775807'", "seen lies beyond the year 294000"),
    ],
)
def test_a_value_that_would_be_misread_is_refused(
    make_lake: MakeLake, postgres: PostgresServer, url: str, column: str, value: str, said: str
) -> None:
    lake = make(
        make_lake,
        postgres,
        url,
        f"CREATE TABLE trips (pickup timestamp, {column})",
        f"INSERT INTO trips VALUES ('2018-03-01', {value})",
        "INSERT INTO trips VALUES ('2018-04-01', NULL)",
    )
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    (error,) = failed.value.applied.failures.values()
    assert said in error.message
    assert tiers_of(lake) == {"2018-03": "hot", "2018-04": "STANDARD"}


def test_no_cast_of_the_config_makes_up_for_a_type_that_cannot_be_read(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(
        make_lake,
        postgres,
        url,
        "CREATE TABLE trips (pickup timestamp, odd inet)",
        "INSERT INTO trips VALUES ('2018-03-01', '10.0.0.1')",
    )
    lake.close()
    cast = '[datasets.trips.cast]\nodd = "VARCHAR"\n'
    set_config(lake, f'warehouse.url = "{url}"\n{COLD}{cast}')
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        with pytest.raises(MovesFailed, match="has type inet, which does not survive"):
            age(again)
        assert tiers_of(again) == {"2018-03": "hot"}
