"""Tables change under cold months: queries equal those on a plain table, or say why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from aged import same
from ageing import Clock
from conftest import TRIPS, MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import IsothermError, SchemaError
from turns import in_turn

NOW = datetime(2018, 9, 1)
MONTH = timedelta(days=31)
COLD = "FROM {} WHERE pickup < '2018-03-01'"

Change = Callable[..., None]


def config(*lines: str) -> str:
    """Return the config of trips with more keys, and no archive."""
    return TRIPS.replace('clock = "pickup"', 'clock = "pickup"\n' + "\n".join(lines)).replace(
        'GLACIER = "15 months"\n', ""
    )


def rows(first: str, columns: str) -> str:
    """Return a query of two months of rows."""
    return (
        f"SELECT TIMESTAMP '{first}' + INTERVAL (i * 25) HOUR AS pickup, {columns} "
        "FROM range(60) t(i)"
    )


class Table:
    """`trips` in a lake, and `everything`, which is changed alike and never ages."""

    def __init__(self, lake: Lake, clock: Clock) -> None:
        self.lake = lake
        self.clock = clock

    def make(self, columns: str) -> None:
        select = rows("2018-01-01", columns)
        self.both("CREATE TABLE {} AS " + select)
        self.age()

    def both(self, *statements: str) -> None:
        for statement in statements:
            run_sql(self.lake, statement.format("trips"), statement.format("everything"))

    def age(self) -> None:
        self.lake.apply(self.lake.plan(even_if_uneconomic=True))

    def is_whole(self, query: str) -> None:
        """Check that a query on trips equals the same on everything."""
        found = self.lake.sql(query.format("trips")).fetchall()
        assert same(found, run_sql(self.lake, query.format("everything"))), query


@pytest.fixture
def table(make_lake: MakeLake) -> Table:
    clock = Clock(NOW)
    return Table(make_lake(config(), clock=clock), clock)


def reopened(table: Table, make_lake: MakeLake, *lines: str) -> Table:
    """Return the same with another config."""
    table.lake.close()
    table.lake.config.file.write_text(config(*lines), encoding="utf-8")
    return Table(make_lake(clock=table.clock), table.clock)


def test_a_column_that_was_born_later_is_null_in_older_rows(table: Table) -> None:
    table.make("i::INTEGER AS id")
    table.both("ALTER TABLE {} ADD COLUMN tip DECIMAL(5,2)")
    for query in ("SELECT * FROM {}", "SELECT count(*), count(tip) FROM {}", "SELECT tip " + COLD):
        table.is_whole(query)
    table.both("INSERT INTO {} " + rows("2018-05-01", "i::INTEGER, 1.5"))
    table.clock.now += 3 * MONTH
    table.age()
    for query in (
        "SELECT * FROM {}",
        "SELECT sum(tip), count(tip), count(*) FROM {} WHERE pickup < '2018-08-01'",
        "SELECT id FROM {} WHERE tip IS NULL AND id < 7",
        "SELECT id FROM {} WHERE tip > 1",
    ):
        table.is_whole(query)


@pytest.mark.parametrize(
    ("before", "after", "value"),
    in_turn(
        [
            ("INTEGER", "BIGINT", "5000000000 + i"),
            ("FLOAT", "DOUBLE", "i / 7"),
            ("DECIMAL(5,2)", "DECIMAL(12,2)", "1234567.25 + i"),
            ("SMALLINT", "INTEGER", "70000 + i"),
            ("TINYINT", "BIGINT", "5000000000 + i"),
        ],
        2,
    ),
)
def test_a_column_may_be_widened(table: Table, before: str, after: str, value: str) -> None:
    table.make(f"i::INTEGER AS id, (i / 3)::{before} AS x")
    queries = (
        "SELECT * FROM {}",
        "SELECT typeof(x), count(*), sum(x)::DECIMAL(30,2), min(x) FROM {} GROUP BY ALL",
        "SELECT id FROM {} WHERE x = 5",
        "SELECT id FROM {} WHERE x > 10 AND pickup < '2018-02-15'",
    )
    for query in queries:
        table.is_whole(query)
    table.both(f"ALTER TABLE {{}} ALTER x TYPE {after}")
    for query in queries:
        table.is_whole(query)
    table.both("INSERT INTO {} " + rows("2018-05-01", f"i::INTEGER, {value}"))
    table.clock.now += 3 * MONTH
    table.age()
    for query in queries:
        table.is_whole(query)


def test_a_float_that_is_a_double_now_is_compared_as_one(table: Table) -> None:
    table.make("i::INTEGER AS id, (i % 7 / 10)::FLOAT AS x")
    queries = [
        f"SELECT count(*), sum(id) FROM {{}} WHERE {condition}"
        for condition in ("x > 0.3", "x = 0.3", "x IN (0.3, 0.5)", "x <= 0.6", "x = 0.3::FLOAT")
    ]
    queries.append("SELECT count(*) FROM {} JOIN (SELECT 0.3::DOUBLE AS x) USING (x)")
    table.both("ALTER TABLE {} ALTER x TYPE DOUBLE")
    for query in queries:
        table.is_whole(query)
    table.both("INSERT INTO {} " + rows("2018-05-01", "i::INTEGER, 0.3"))
    table.clock.now += 3 * MONTH
    table.age()
    for query in queries:
        table.is_whole(query)


def test_small_types_stay_what_they_are_in_the_table(table: Table) -> None:
    small = ("TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
    columns = ", ".join(f"(i % 100)::{kind} AS {kind.lower()}" for kind in small)
    table.make(f"i AS id, {columns}")
    table.is_whole("SELECT * FROM {}")
    table.is_whole("SELECT ubigint & 6, utinyint % 7, typeof(smallint) FROM {}")
    table.is_whole("SELECT id FROM {} WHERE ubigint = 7 AND usmallint < 8")
    assert table.lake.sql("DESCRIBE trips").fetchall() == run_sql(table.lake, "DESCRIBE everything")


def test_other_types_survive_queries_too(table: Table) -> None:
    table.make(
        "uuid() AS u, i % 2 = 0 AS b, ('x' || i)::BLOB AS bytes, "
        "TIME '10:00' + INTERVAL (i) MINUTE AS t, DATE '2020-02-29' + i::INTEGER AS d, "
        "TIMESTAMPTZ '2020-01-01 00:00:00+02' AS z, "
        "CASE WHEN i % 3 = 0 THEN 'é ''quoted''' END AS \"odd \"\"name\"\"\""
    )
    run_sql(table.lake, "CREATE OR REPLACE TABLE everything AS " + "FROM trips")
    found = table.lake.sql('SELECT "odd ""name""", bytes, t, d, z, b FROM trips ORDER BY d')
    assert len(found.fetchall()) == 60
    assert table.lake.sql("SELECT DISTINCT z FROM trips").fetchall()[0][0].isoformat() == (
        "2019-12-31T22:00:00+00:00"
    )


def test_a_dropped_column_that_may_be_hiding_under_a_new_name_is_asked_for(table: Table) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    table.both("ALTER TABLE {} RENAME tip TO gratuity", "INSERT INTO {} VALUES (now(), 1, 2)")
    with pytest.raises(SchemaError) as caught:
        table.lake.sql("SELECT sum(gratuity) FROM trips")
    assert "column tip of main.trips is gone" in caught.value.message
    assert "gratuity" in caught.value.message
    assert 'renamed = { tip = "gratuity" }' in caught.value.hint
    assert 'dropped = ["tip"]' in caught.value.hint
    assert caught.value.exit_code == 8
    hot = "SELECT count(gratuity) FROM trips WHERE pickup > '2020-01-01'"
    assert table.lake.sql(hot).fetchall() == [(1,)]


def test_a_renamed_column_is_read_under_its_new_name_once_the_config_says_so(
    table: Table, make_lake: MakeLake
) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    table.both("ALTER TABLE {} RENAME tip TO gratuity")
    table = reopened(table, make_lake, 'renamed = { tip = "gratuity" }')
    for query in (
        "SELECT * FROM {}",
        "SELECT sum(gratuity) FROM {}",
        "SELECT id FROM {} WHERE gratuity = 5",
    ):
        table.is_whole(query)
    table.both("INSERT INTO {} " + rows("2018-05-01", "i::INTEGER, 2 * i"))
    table.clock.now += 3 * MONTH
    table.age()
    for query in ("SELECT * FROM {}", "SELECT sum(gratuity) FROM {}"):
        table.is_whole(query)


def test_a_new_column_of_a_renamed_ones_old_name_is_null_in_older_rows(
    table: Table, make_lake: MakeLake
) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    table.both("ALTER TABLE {} RENAME tip TO gratuity", "ALTER TABLE {} ADD COLUMN tip BIGINT")
    table = reopened(table, make_lake, 'renamed = { tip = "gratuity" }')
    table.is_whole("SELECT sum(gratuity), count(tip), count(*) FROM {}")


def test_a_default_that_came_later_is_none_of_cold_rows(table: Table) -> None:
    table.make("i::INTEGER AS id")
    run_sql(table.lake, "ALTER TABLE trips ADD COLUMN tip INTEGER DEFAULT 5")
    assert table.lake.sql("SELECT count(tip), count(*) FROM trips").fetchall() == [(0, 60)]


def test_a_dropped_column_stays_in_older_rows_and_is_said_to(table: Table) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    run_sql(table.lake, "ALTER TABLE trips DROP tip")
    result = table.lake.sql("SELECT count(*), count(tip) FROM trips")
    assert result.notes == (
        "main.trips has lost tip: hot rows have NULL there, cold rows still have values",
    )
    assert result.fetchall() == [(60, 60)]
    hot = table.lake.sql("SELECT * FROM trips WHERE pickup > '2020-01-01'")
    assert hot.columns == ["pickup", "id", "tip"]


def test_a_column_that_the_config_calls_dropped_is_gone(table: Table, make_lake: MakeLake) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    table.both("ALTER TABLE {} DROP tip", "ALTER TABLE {} ADD COLUMN stars BIGINT")
    table = reopened(table, make_lake, 'dropped = ["tip"]')
    for query in ("SELECT * FROM {}", "SELECT count(stars), count(*) FROM {}"):
        table.is_whole(query)


def test_a_column_that_was_dropped_and_made_again_is_another_one(
    table: Table, make_lake: MakeLake
) -> None:
    table.make("i::INTEGER AS id, i AS tip")
    table.both("ALTER TABLE {} DROP tip", "ALTER TABLE {} ADD COLUMN tip BIGINT")
    table = reopened(table, make_lake, 'dropped = ["Tip"]')
    for ask in (lambda: table.lake.sql("SELECT count(tip) FROM trips"), table.age):
        table.both("INSERT INTO {} " + rows("2018-05-01", "i::INTEGER, 2 * i"))
        table.clock.now += 3 * MONTH
        with pytest.raises(IsothermError) as caught:
            ask()
        assert "column tip of main.trips was dropped, says the config" in str(caught.value)
        assert 'renamed = { tip = "tip_before" }, dropped = ["tip_before"]' in str(caught.value)
    lines = ('renamed = { tip = "tip_before" }', 'dropped = ["tip_before"]')
    table = reopened(table, make_lake, *lines)
    for _ in range(2):
        for query in ("SELECT * FROM {}", "SELECT sum(tip), count(tip) FROM {}"):
            table.is_whole(query)
        table.age()


@pytest.mark.parametrize("kind", ["VARCHAR", "DATE"])
def test_a_column_of_another_type_than_cold_rows_have_is_named(table: Table, kind: str) -> None:
    table.make("i::INTEGER AS id, TIMESTAMP '2020-01-01' AS x")
    run_sql(table.lake, f"ALTER TABLE trips ALTER x TYPE {kind}")
    with pytest.raises(SchemaError) as caught:
        table.lake.sql("SELECT max(x) FROM trips")
    assert f"column x of main.trips is {kind} now" in caught.value.message
    assert "ALTER TABLE main.trips ALTER x TYPE TIMESTAMP" in caught.value.hint


def test_a_column_that_was_made_narrower_holds_what_cold_rows_hold(table: Table) -> None:
    table.make("i::INTEGER AS id, 5000000000 + i AS x")
    run_sql(table.lake, "ALTER TABLE trips ALTER x TYPE INTEGER")
    assert table.lake.sql("SELECT min(x), typeof(min(x)) FROM trips").fetchall() == [
        (5_000_000_000, "BIGINT")
    ]
    hot = "SELECT typeof(max(x)) FROM trips WHERE pickup > '2020-01-01'"
    assert table.lake.sql(hot).fetchall() == [("BIGINT",)]


def test_a_table_that_was_dropped_is_named_with_what_is_left_of_it(table: Table) -> None:
    table.make("i::INTEGER AS id")
    run_sql(table.lake, "DROP TABLE trips")
    with pytest.raises(SchemaError) as caught:
        table.lake.sql("SELECT count(*) FROM trips")
    assert "main.trips" in caught.value.message
    assert "3 cold partitions are untouched" in caught.value.hint


def test_a_column_kept_cold_as_another_type_has_that_type_everywhere(make_lake: MakeLake) -> None:
    lake = make_lake(
        config('cast = { mood = "VARCHAR", huge = "DECIMAL(38,0)" }'), clock=Clock(NOW)
    )
    run_sql(
        lake,
        "CREATE TYPE moods AS ENUM ('sad', 'glad')",
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-01-01' + INTERVAL (i * 100) HOUR AS pickup, "
        "['sad', 'glad'][1 + i % 2]::moods AS mood, i::HUGEINT AS huge FROM range(80) t(i)",
        "CREATE TABLE everything AS FROM trips",
    )
    lake.apply(lake.plan(even_if_uneconomic=True))
    query = "SELECT mood, count(*), sum(huge)::BIGINT FROM {} WHERE mood = 'glad' GROUP BY mood"
    assert lake.sql(query.format("trips")).fetchall() == run_sql(lake, query.format("everything"))
    kinds = lake.sql("SELECT typeof(mood), typeof(huge) FROM trips ORDER BY pickup DESC LIMIT 1")
    assert kinds.fetchall() == [("VARCHAR", "DECIMAL(38,0)")]


def test_columns_are_matched_whatever_their_case(table: Table) -> None:
    table.make('i::INTEGER AS id, i AS "Tip"')
    table.both('ALTER TABLE {} RENAME "Tip" TO tip')
    table.is_whole("SELECT sum(TIP) FROM {}")
    assert table.lake.sql("SELECT * FROM trips").columns == ["pickup", "id", "tip"]
