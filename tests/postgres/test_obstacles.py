"""What forbids a move is named, and nothing moves: what would happen with the rows is not ours."""

from __future__ import annotations

import pytest

import isotherm
from ageing import Clock, age, plan_of, policy, set_config
from conftest import MakeLake
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.errors import IsothermError, MovesFailed
from isotherm.model.period import Period

CONFIG = policy(STANDARD="6 months")
ROWS = "SELECT timestamp '2018-03-01' + i * interval '8 hours', i FROM generate_series(0, 199) i"
TABLE = ("CREATE TABLE trips (pickup timestamp NOT NULL, id int PRIMARY KEY)",)
PARTITIONED = (
    "CREATE TABLE trips (pickup timestamp NOT NULL, id int) PARTITION BY RANGE (pickup)",
    "CREATE TABLE trips_3 PARTITION OF trips FOR VALUES FROM ('2018-03-01') TO ('2018-04-01')",
    "CREATE TABLE trips_rest PARTITION OF trips DEFAULT",
)
FUNCTION = (
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN INSERT INTO notes VALUES (1); RETURN OLD; END'",
)
NOTES = ("CREATE TABLE notes (id int)",)
OBSTACLES = {
    "it is no table": (
        "CREATE TABLE base (pickup timestamp NOT NULL, id int PRIMARY KEY)",
        "CREATE VIEW trips AS SELECT * FROM base",
    ),
    "child inherits from it": (*TABLE, "CREATE TABLE child (extra text) INHERITS (trips)"),
    "the foreign key notes_trip_fkey would delete or change rows of notes": (
        *TABLE,
        "CREATE TABLE notes (trip int REFERENCES trips ON DELETE CASCADE)",
    ),
    "the foreign key notes_trip_fkey would delete or change rows of notes ": (
        *PARTITIONED,
        "ALTER TABLE trips_3 ADD PRIMARY KEY (id)",
        "CREATE TABLE notes (trip int REFERENCES trips_3 ON DELETE SET NULL)",
    ),
    "the trigger noting would run": (
        *TABLE,
        *NOTES,
        *FUNCTION,
        "CREATE TRIGGER noting AFTER DELETE ON trips FOR EACH ROW EXECUTE FUNCTION note()",
    ),
    "the trigger noting would run ": (
        *PARTITIONED,
        *NOTES,
        *FUNCTION,
        "CREATE TRIGGER noting AFTER DELETE ON trips_3 FOR EACH ROW EXECUTE FUNCTION note()",
    ),
    "the rule noting would run": (
        *TABLE,
        *NOTES,
        "CREATE RULE noting AS ON DELETE TO trips DO ALSO INSERT INTO notes VALUES (OLD.id)",
    ),
}


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


def make(make_lake: MakeLake, server: PostgresServer, url: str, *sql: str) -> Lake:
    lake = make_lake(CONFIG, warehouse=url, clock=Clock())
    with server.connect(url) as connection:
        for statement in sql:
            connection.execute(statement)  # type: ignore[arg-type]
        connection.execute(f"INSERT INTO trips (pickup, id) {ROWS}")  # type: ignore[arg-type]
    return lake


def rows(server: PostgresServer, url: str, sql: str) -> list[tuple[object, ...]]:
    with server.connect(url) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize("what", OBSTACLES)
def test_what_would_happen_with_the_rows_forbids_the_move(
    make_lake: MakeLake, postgres: PostgresServer, url: str, what: str
) -> None:
    lake = make(make_lake, postgres, url, *OBSTACLES[what])
    with pytest.raises(MovesFailed, match=what.strip()) as failed:
        lake.apply(plan_of(lake))
    assert "Nothing was moved." in failed.value.hint
    assert rows(postgres, url, "SELECT count(*) FROM trips") == [(200,)]


def test_a_trigger_that_is_disabled_is_none(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    trigger = OBSTACLES["the trigger noting would run"]
    lake = make(make_lake, postgres, url, *trigger, "ALTER TABLE trips DISABLE TRIGGER noting")
    age(lake)
    assert rows(postgres, url, "SELECT count(*) FROM trips") == [(0,)]
    assert rows(postgres, url, "SELECT count(*) FROM notes") == [(0,)]


HIDING = (
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    "CREATE POLICY even ON {table} USING (id % 2 = 0)",
)


def owned(server: PostgresServer, url: str) -> str:
    """Give the database's tables to a role that is no superuser; return the URL of that role."""
    name = url.rpartition("/")[2]
    role = f"of_{name}"
    with server.connect(url) as connection:
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT ALL ON DATABASE {name} TO {role}",
            f"ALTER SCHEMA public OWNER TO {role}",
        ):
            connection.execute(statement)  # type: ignore[arg-type]
    return server.url(name, role)


def test_rows_that_a_policy_hides_are_neither_missed_nor_left_behind(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(make_lake, postgres, owned(postgres, url), *TABLE)
    with postgres.connect(url) as connection:
        for statement in HIDING:
            connection.execute(statement.format(table="trips"))  # type: ignore[arg-type]
    with pytest.raises(IsothermError, match="row-level security"):
        lake.sql("select count(*) from trips")
    with pytest.raises(IsothermError, match="row-level security"):
        age(lake)
    assert rows(postgres, url, "SELECT count(*) FROM trips") == [(200,)]


def test_a_partition_with_rows_that_a_policy_hides_is_not_dropped(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(make_lake, postgres, owned(postgres, url), *PARTITIONED)
    age(lake)
    with postgres.connect(url) as connection:
        connection.execute("INSERT INTO trips VALUES ('2018-03-07', 1001)")
        for statement in HIDING:
            connection.execute(statement.format(table="trips_3"))  # type: ignore[arg-type]
    assert isinstance(lake.clock, Clock)
    lake.clock.now = lake.clock.now.replace(hour=5)
    applied = lake.apply(plan_of(lake, "2018-09"))
    assert "row-level security" in applied.untidy[0].message
    assert rows(postgres, url, "SELECT id FROM trips_3") == [(1001,)]


def test_the_empty_partitions_of_another_table_are_not_dropped(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(make_lake, postgres, url, *PARTITIONED)
    age(lake)
    with postgres.connect(url) as connection:
        connection.execute("ALTER TABLE trips RENAME TO rides")
        connection.execute("ALTER TABLE trips_3 RENAME TO rides_3")
        connection.execute("ALTER TABLE trips_rest RENAME TO rides_rest")
        for statement in PARTITIONED:
            connection.execute(statement)  # type: ignore[arg-type]
    file = lake.config.file
    lake.close()
    file.write_text(file.read_text().replace('table = "trips"', 'table = "rides"'))
    with isotherm.open(file, clock=Clock(Clock().now.replace(hour=5))) as again:
        age(again)
        assert again.sql("select count(*) from trips").fetchall() == [(200,)]
    assert rows(postgres, url, "SELECT to_regclass('trips_3') IS NOT NULL") == [(True,)]


def test_the_size_of_hot_rows_does_not_grow_with_what_was_deleted(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(make_lake, postgres, url, *TABLE)
    (before,) = lake.status().datasets[0].tiers
    age(lake)
    with postgres.connect(url) as connection:
        connection.execute("INSERT INTO trips VALUES ('2019-06-07', 1001)")
    hot = lake.status().datasets[0].tiers[0]
    assert (hot.rows, hot.bytes) == (1, before.bytes // 200)
    assert lake.explain("trips", Period.parse("2019-06"))[0].hot


def test_a_plan_says_what_will_not_work(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make(make_lake, postgres, url, *OBSTACLES["the trigger noting would run"])
    (warning,) = lake.plan(even_if_uneconomic=True).warnings
    assert "moves of trips will fail: rows of public.trips cannot be moved: the trigger" in warning


def test_columns_that_the_server_computes_come_back(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    table = (
        "CREATE TABLE trips (pickup timestamp NOT NULL, id int, "
        "twice int GENERATED ALWAYS AS (id * 2) STORED, "
        "number int GENERATED ALWAYS AS IDENTITY)"
    )
    lake = make(make_lake, postgres, url, table)
    before = rows(postgres, url, "SELECT * FROM trips ORDER BY id")
    age(lake)
    assert lake.sql("select sum(twice) from trips").fetchall() == [(39800,)]
    lake.close()
    set_config(lake, f'warehouse.url = "{url}"\n{policy()}')
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
    assert rows(postgres, url, "SELECT * FROM trips ORDER BY id") == before
