"""A table is changed between the copy of its rows and their deletion: none is taken for another."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from ageing import age, ids, untidy
from conftest import MakeLake
from databases import Connection, PostgresServer, run_sql_of
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, SchemaError
from isotherm.moves.runner import Runner
from isotherm.plan.steps import Step, steps
from overlapping import (
    CONFIG,
    MONTHS,
    SECONDS,
    apply,
    copies,
    make,
    nothing_is_left_behind,
    once,
)
from turns import in_turn

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize("step", in_turn([Step.BEGIN, Step.DELETE], 2))
@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "in its turn"])
@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER noting BEFORE DELETE ON trips FOR EACH ROW EXECUTE FUNCTION noted()",
        "ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES trips ON DELETE CASCADE",
    ],
    ids=["trigger", "foreign key"],
)
def test_what_would_happen_with_the_rows_may_come_after_the_copy(
    on_postgres: Lake,
    other: Connection,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    ahead: bool,
    step: Step,
) -> None:
    """It forbids the move all the same, though the transaction's snapshot knows nothing of it."""
    if not ahead:
        monkeypatch.setattr(Runner, "order", lambda _, move: steps(move.kind, ahead=False))
    other.execute(
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
    )
    other.execute("ALTER TABLE trips ADD PRIMARY KEY (id)")
    other.execute("CREATE TABLE child AS SELECT id FROM trips WHERE id BETWEEN 31 AND 60")
    with pytest.raises(MovesFailed) as failed:
        apply(on_postgres, once((MONTHS[1], step), lambda: other.execute(change)))  # type: ignore[arg-type]
    assert all(isinstance(e, SchemaError) for e in failed.value.applied.failures.values())
    assert other.execute("SELECT count(*) FROM child").fetchall() == [(30,)]
    assert ids(on_postgres) == list(range(120))


def test_a_column_that_comes_with_values_before_the_rows_are_deleted_is_moved_too(
    make_lake: MakeLake, quiet: PostgresServer, url: str
) -> None:
    """Who waits for the copy's snapshot gets the table before the rows are deleted."""
    lake = make(make_lake, warehouse=url, at_once=1)

    def add() -> None:
        with quiet.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            connection.execute("ALTER TABLE trips ADD COLUMN tip integer DEFAULT 7")

    adding = threading.Thread(target=add)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.VERIFY) and not adding.ident:
            adding.start()
            adding.join(0.3)
        if (span, step) == (MONTHS[1], Step.DELETE):
            adding.join(SECONDS)

    seen = apply(lake, watch)
    assert copies(seen) == 2
    april = "SELECT count(*) FROM trips WHERE tip = 7 AND pickup >= '2018-04-01'"
    assert lake.sql(april).fetchall() == [(89,)]
    nothing_is_left_behind(lake)


@pytest.mark.parametrize("step", in_turn([Step.VERIFY, Step.BEGIN, Step.DELETE], 3))
def test_another_table_of_the_same_name_keeps_its_rows(
    make_lake: MakeLake, quiet: PostgresServer, url: str, other: Connection, step: Step
) -> None:
    """It is older than the copy, and has as many rows."""
    lake = make(make_lake, warehouse=url, at_once=1)
    other.execute("CREATE TABLE trips_new AS SELECT pickup, id + 1000 AS id FROM trips")

    def swap() -> None:
        with quiet.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            connection.execute(
                "BEGIN; ALTER TABLE trips RENAME TO trips_old; "
                "ALTER TABLE trips_new RENAME TO trips; COMMIT"
            )

    swapping = threading.Thread(target=swap)

    def begin() -> None:
        swapping.start()
        swapping.join(0.3)

    with suppress(MovesFailed):
        apply(lake, once((MONTHS[1], step), begin))
    swapping.join(SECONDS)
    age(lake)
    march, others = list(range(31)), list(range(1000, 1120))
    assert ids(lake) in (others, [*march, *others])  # where it had left before
    assert not untidy(lake)


def test_a_partition_that_comes_with_old_rows_keeps_them(make_lake: MakeLake, url: str) -> None:
    lake = make(make_lake, warehouse=url, table=False)
    run_sql_of(
        url,
        "CREATE TABLE trips (pickup timestamp, id int) PARTITION BY RANGE (pickup)",
        "CREATE TABLE p1 PARTITION OF trips FOR VALUES FROM ('2018-01-01') TO ('2018-04-30')",
        "CREATE TABLE p3 PARTITION OF trips FOR VALUES FROM ('2018-05-01') TO ('2019-04-30')",
        "INSERT INTO trips SELECT TIMESTAMP '2018-03-01' + i * INTERVAL '1 day', i "
        "FROM generate_series(0, 119) t(i) WHERE i <> 60",
        "CREATE TABLE p2 (pickup timestamp, id int)",
        "INSERT INTO p2 VALUES ('2018-04-30', 60)",
    )

    def attach() -> None:
        run_sql_of(
            url,
            "DELETE FROM trips WHERE id = 40",
            "ALTER TABLE trips ATTACH PARTITION p2 "
            "FOR VALUES FROM ('2018-04-30') TO ('2018-05-01')",
        )

    apply(lake, once((MONTHS[1], Step.BEGIN), attach))
    age(lake)
    assert ids(lake) == [*range(40), *range(41, 120)]
    assert not untidy(lake)


def test_rows_of_another_server_are_not_moved(
    make_lake: MakeLake, quiet: PostgresServer, url: str
) -> None:
    far = quiet.database()
    lake = make(make_lake, warehouse=url, table=False)
    run_sql_of(
        far,
        "CREATE TABLE far AS SELECT TIMESTAMP '2018-03-01' + i * INTERVAL '1 day' AS pickup, "
        "i AS id FROM generate_series(0, 119) t(i)",
    )
    run_sql_of(
        url,
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
        f"(host '127.0.0.1', port '{quiet.port}', dbname '{far.rpartition('/')[2]}')",
        "CREATE USER MAPPING FOR postgres SERVER far "
        "OPTIONS (user 'postgres', password_required 'false')",
        "CREATE TABLE trips (pickup timestamp, id int) PARTITION BY RANGE (pickup)",
        "CREATE FOREIGN TABLE p1 PARTITION OF trips "
        "FOR VALUES FROM ('2018-01-01') TO ('2019-04-30') SERVER far OPTIONS (table_name 'far')",
    )
    with pytest.raises(MovesFailed, match="lies on another server"):
        apply(lake)
    assert ids(lake) == list(range(120))


@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "in its turn"])
@pytest.mark.parametrize("step", in_turn([Step.VERIFY, Step.DELETE], 2))
def test_another_schema_of_the_same_name_keeps_its_rows(
    make_lake: MakeLake,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    ahead: bool,
    step: Step,
) -> None:
    """No lock of a table keeps its schema from being renamed."""
    if not ahead:
        monkeypatch.setattr(Runner, "order", lambda _, move: steps(move.kind, ahead=False))
    config = CONFIG.replace('table = "trips"', 'table = "app.trips"')
    assert config != CONFIG
    lake = make(make_lake, warehouse=url, table=False, config=config)
    for schema, first in (("app", 0), ("app_new", 1000)):
        run_sql_of(
            url,
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.trips AS SELECT {first} + i AS id, TIMESTAMP '2018-03-01' "
            "+ i * INTERVAL '1 day' AS pickup FROM generate_series(0, 119) t(i)",
        )
    swap = "ALTER SCHEMA app RENAME TO app_old; ALTER SCHEMA app_new RENAME TO app"
    with suppress(MovesFailed):
        apply(lake, once((MONTHS[1], step), lambda: run_sql_of(url, swap)))
    age(lake)
    march, others = list(range(31)), list(range(1000, 1120))
    assert ids(lake) in (others, [*march, *others])  # where it had left before
    assert not untidy(lake)
