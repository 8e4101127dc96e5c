"""What a column holds comes back exactly, or the move says that it would not, before it moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import isotherm
from ageing import Clock, age, policy, set_config, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, SchemaError
from isotherm.opening import init_lake

SURVIVING = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "0", "127"],
    "SMALLINT": ["-32768", "32767"],
    "INTEGER": ["-2147483648", "2147483647"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807"],
    "UTINYINT": ["0", "255"],
    "USMALLINT": ["0", "65535"],
    "UINTEGER": ["0", "4294967295"],
    "UBIGINT": ["0", "18446744073709551615"],
    # DuckDB's own storage takes 0.0 for -0.0 where one follows the other.
    "FLOAT": ["'nan'", "'inf'", "'-inf'", "'-0.0'", "1.5", "0.0", "3.4028235e38", "1e-45"],
    "DOUBLE": ["'nan'", "'-0.0'", "'inf'", "0.0", "'-inf'", "1.7976931348623157e308", "5e-324"],
    "DECIMAL(4,1)": ["-999.9", "999.9"],
    "DECIMAL(9,2)": ["-1234567.89", "1234567.89"],
    "DECIMAL(18,6)": ["-999999999999.999999", "0.000001"],
    "DECIMAL(38,10)": ["-9999999999999999999999999999.9999999999", "0.0000000001"],
    "VARCHAR": ["''", "'é漢字😀'", "'a' || chr(0) || 'b'", "repeat('x', 5000)", "'NULL'"],
    "BLOB": [
        "''::BLOB",
        r"'\x00\xFF'::BLOB",
        "repeat('a', 100)::BLOB",
        r"repeat('\xFF', 20)::BLOB",
    ],
    "DATE": ["'0001-01-01'", "'1969-12-31'", "'9999-12-31'"],
    "TIME": ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"],
    "TIMESTAMP": ["'0001-01-01'", "'1969-12-31 23:59:59.999999'", "'9999-12-31'", "'infinity'"],
    "TIMESTAMPTZ": ["'0001-01-01 00:00:00+00'", "'2018-03-01 00:00:00+05'", "'-infinity'"],
    "UUID": ["'00000000-0000-0000-0000-000000000000'", "'80000000-0000-0000-0000-000000000000'"],
}
REFUSED = (
    "HUGEINT",
    "UHUGEINT",
    "BIGNUM",
    "TIME WITH TIME ZONE",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "ENUM('a', 'b')",
    "BIT",
    "INTERVAL",
    "JSON",
    "GEOMETRY",
    "INTEGER[]",
    "INTEGER[2]",
    "STRUCT(a INTEGER)",
    "MAP(VARCHAR, INTEGER)",
    "UNION(a INTEGER, b VARCHAR)",
)
ROWS = max(len(values) for values in SURVIVING.values()) + 1
COLD = policy(STANDARD="6 months")


def make_rows(lake: Lake) -> None:
    """Make two cold months: one of all the values, one of NULLs alone."""
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(SURVIVING))
    run_sql(lake, f"CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, {columns})")
    for row in range(ROWS):
        values = [
            f"({found[row]})::{kind}" if row < len(found) else "NULL"
            for kind, found in SURVIVING.items()
        ]
        start = f"TIMESTAMP '2018-03-01' + INTERVAL {row} HOUR"
        run_sql(lake, f"INSERT INTO trips VALUES ({start}, {row}, {', '.join(values)})")
    run_sql(lake, "INSERT INTO trips (pickup, id) VALUES (TIMESTAMP '2018-04-01', 100)")


def answers(lake: Lake) -> dict[str, object]:
    """Return what the dataset says of each value, by every way to ask for it."""
    found: dict[str, object] = {}
    for n, (kind, values) in enumerate(SURVIVING.items()):
        asked = [f"select id, c{n}::varchar from trips order by id"]
        asked += [f"select list(id order by id) from trips where c{n} is null"]
        conditions = (f"c{n} {op} ({v})::{kind}" for v in values for op in ("=", "<", ">=", "<>"))
        union = " union all ".join(
            f"select {m}, list(id order by id) from trips where {condition}"
            for m, condition in enumerate(conditions)
        )
        for sql in [*asked, f"from ({union}) order by all"]:
            found[f"{kind}: {sql[:70]}"] = lake.sql(sql).fetchall()
    return found


def test_every_type_that_is_not_refused_comes_back_exactly(make_lake: MakeLake) -> None:
    lake = make_lake(COLD, clock=Clock())
    make_rows(lake)
    before = answers(lake)
    age(lake)
    assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "STANDARD"}
    assert answers(lake) == before

    set_config(lake, policy())
    types = run_sql(lake, "describe trips")
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as hot:
        age(hot)
        assert tiers_of(hot) == {"2018-03": "hot", "2018-04": "hot"}
        assert answers(hot) == before
        assert run_sql(hot, "describe trips") == types
        assert not untidy(hot)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    file = tmp_path_factory.mktemp("types") / "isotherm.toml"
    init_lake(file, COLD)
    with isotherm.open(file, clock=Clock()) as lake:
        run_sql(lake, "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' AS pickup, 1 AS id")
        yield lake


@pytest.mark.parametrize("kind", REFUSED)
def test_a_type_that_would_not_come_back_is_refused_by_name_and_nothing_moves(
    lake: Lake, kind: str
) -> None:
    run_sql(lake, f"ALTER TABLE trips ADD COLUMN odd {kind}")
    try:
        with pytest.raises(MovesFailed) as failed:
            age(lake)
        (error,) = failed.value.applied.failures.values()
        assert isinstance(error, SchemaError)
        assert f"column odd of main.trips has type {kind}" in error.message
        assert 'odd = "' in error.hint
        assert tiers_of(lake) == {"2018-03": "hot"}
        assert not untidy(lake)
        assert not list(lake.storage.list("STANDARD"))
    finally:
        run_sql(lake, "ALTER TABLE trips DROP COLUMN odd")


CAST = {
    "HUGEINT": ("DECIMAL(38,0)", "170141183460469231731687303715884105"),
    "ENUM('a', 'b')": ("VARCHAR", "'b'"),
    "BIT": ("VARCHAR", "'0101'"),
    "INTERVAL": ("VARCHAR", "INTERVAL '1 year 3 days 00:00:01.5'"),
    "TIMESTAMP_NS": ("VARCHAR", "'2018-01-01 00:00:00.000000001'"),
    "JSON": ("VARCHAR", """'{"a": [1, null]}'"""),
    "INTEGER[]": ("VARCHAR", "[1, NULL, 3]"),
    "STRUCT(a INTEGER, b VARCHAR)": ("VARCHAR", "{'a': 1, 'b': 'x'}"),
    "MAP(VARCHAR, INTEGER)": ("VARCHAR", "MAP {'a': 1}"),
}


def test_a_type_that_is_cast_by_the_config_comes_back_exactly(make_lake: MakeLake) -> None:
    casts = "".join(f'c{n} = "{kept}"\n' for n, (kept, _) in enumerate(CAST.values()))
    config = f"{COLD}\n[datasets.trips.cast]\n{casts}"
    lake = make_lake(config, clock=Clock())
    columns = ", ".join(f"({v})::{kind} AS c{n}" for n, (kind, (_, v)) in enumerate(CAST.items()))
    run_sql(lake, f"CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' AS pickup, {columns}")
    before = run_sql(lake, "FROM trips")
    age(lake)
    assert tiers_of(lake) == {"2018-03": "STANDARD"}
    assert not run_sql(lake, "FROM trips")

    set_config(lake, config.replace('STANDARD = "6 months"', ""))
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as hot:
        age(hot)
        assert run_sql(hot, "FROM trips") == before


@pytest.mark.parametrize(
    ("kind", "kept", "value"),
    [
        ("DOUBLE", "FLOAT", "0.1"),
        ("TIMESTAMP_NS", "TIMESTAMP", "'2018-01-01 00:00:00.000000001'"),
        ("HUGEINT", "BIGINT", "9223372036854775808"),
        ("VARCHAR", "INTEGER", "'one'"),
    ],
)
def test_a_cast_that_would_change_a_value_is_refused_with_the_column_and_both_types(
    make_lake: MakeLake, kind: str, kept: str, value: str
) -> None:
    lake = make_lake(f'{COLD}\n[datasets.trips.cast]\nodd = "{kept}"\n', clock=Clock())
    run_sql(
        lake,
        f"CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' AS pickup, ({value})::{kind} AS odd",
    )
    with pytest.raises(
        MovesFailed, match=f"odd of main.trips is {kind} and is to be kept as {kept}"
    ):
        age(lake)
    assert tiers_of(lake) == {"2018-03": "hot"}
    assert not untidy(lake)


@pytest.mark.parametrize("name", ["a.b", 'quo"te', "sp ace", "clock_month", "é", "1st", "select"])
def test_a_column_may_have_any_name(make_lake: MakeLake, name: str) -> None:
    first, later = quoted(name), quoted(f"{name} later")
    lake = make_lake(COLD, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' AS pickup, 1 AS id",
        "INSERT INTO trips VALUES (TIMESTAMP '2018-04-01', 2)",
        f"ALTER TABLE trips ADD COLUMN {first} INTEGER",
        f"UPDATE trips SET {first} = id * 7",
    )
    age(lake, "2018-03")
    run_sql(lake, f"ALTER TABLE trips ADD COLUMN {later} INTEGER", f"UPDATE trips SET {later} = 9")
    age(lake)
    found = lake.sql(f"select {first}, {later} from trips where {first} > 0 order by id")
    assert found.fetchall() == [(7, None), (14, 9)]
    assert not run_sql(lake, "FROM trips")


@pytest.mark.parametrize("clock", ["pick up", 'a"b', "日時"])
def test_a_clock_may_have_any_name(make_lake: MakeLake, clock: str) -> None:
    lake = make_days(make_lake, clock)
    age(lake)
    sql = f"select count(*), sum(id) from trips where {quoted(clock)} >= '2018-04-01'"
    assert lake.sql(sql).fetchall() == [(29, sum(range(31, 60)))]
    assert not run_sql(lake, "FROM trips")


def test_a_clock_with_a_dot_in_its_name_is_refused(make_lake: MakeLake) -> None:
    lake = make_days(make_lake, "a.b")
    with pytest.raises(MovesFailed, match=r"the clock 'a\.b' of trips has a dot in its name"):
        age(lake)
    assert len(run_sql(lake, "FROM trips")) == 60


def make_days(make_lake: MakeLake, clock: str) -> Lake:
    lake = make_lake(COLD.replace('"pickup"', f"'{clock}'"), clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT i AS id, "
        f"TIMESTAMP '2018-03-01' + INTERVAL (i) DAY AS {quoted(clock)} FROM range(60) t(i)",
    )
    return lake


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
