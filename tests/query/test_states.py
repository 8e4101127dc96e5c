"""What queries keep of a DuckDB file is kept while nobody can have written it, and no longer."""

from __future__ import annotations

import pytest

from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import QueryError
from isotherm.warehouse.duckdb import DuckDBWarehouse
from isotherm.warehouse.states import States

ROWS = 4_000
ALL = "SELECT count(*) FROM trips"


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    lake = make_lake(clock=Clock())
    run_sql(lake, make_trips(ROWS, "2018-05-01"), "CREATE TABLE zones AS SELECT 1 AS zone")
    lake.apply(lake.plan(even_if_uneconomic=True))
    return lake


def state_of(lake: Lake) -> int | None:
    with lake.warehouse.snapshot() as tx:
        return tx.state


def test_snapshots_have_one_state_until_somebody_writes(lake: Lake) -> None:
    before = state_of(lake)
    assert before is not None
    assert lake.sql(ALL).fetchall() == [(ROWS,)]
    assert state_of(lake) == before
    with lake.warehouse.transaction() as tx:
        assert tx.state is None
        assert state_of(lake) is None
    after = state_of(lake)
    assert after is not None
    assert after != before
    with lake.warehouse.snapshot() as tx:
        run_sql(lake, "CREATE VIEW late AS FROM zones")
        assert tx.state == after
        assert not any(name == "late" for _, name in tx.views())
    assert lake.sql("FROM late").fetchall() == [(1,)]


def test_a_snapshot_that_is_taken_while_a_writer_comes_and_goes_has_none() -> None:
    states = States()
    before = states.now
    with states.writing():
        assert states.now is None
    assert states.now != before
    assert states.kept(before, "views", lambda: "old") == "old"
    assert states.kept(states.now, "views", lambda: "new") == "new"
    assert states.kept(states.now, "views", lambda: "newer") == "new"
    assert states.kept(before, "views", lambda: "old again") == "old again"
    assert states.kept(None, "views", lambda: "mine") == "mine"


def test_who_has_a_connection_of_their_own_may_write_at_any_time(lake: Lake) -> None:
    connection = lake.connection()
    assert lake.sql(ALL).fetchall() == [(ROWS,)]
    assert state_of(lake) is None
    connection.execute("CREATE VIEW fresh AS SELECT count(*) AS n FROM trips")
    assert lake.sql("FROM fresh").fetchall() == [(ROWS,)]
    connection.execute("DROP VIEW fresh")
    with pytest.raises(QueryError, match="no dataset or table fresh"):
        lake.sql("FROM fresh")


def test_what_an_owner_changes_between_two_queries_is_seen(lake: Lake) -> None:
    assert lake.sql("FROM zones").fetchall() == [(1,)]
    run_sql(lake, "CREATE SCHEMA more", "CREATE TABLE more.zones AS SELECT 2 AS zone")
    assert lake.sql("FROM more.zones").fetchall() == [(2,)]
    run_sql(lake, "DROP TABLE zones", f"CREATE VIEW zones AS {ALL}")
    assert lake.sql("FROM zones").fetchall() == [(ROWS,)]
    run_sql(lake, "CREATE MACRO trips_of(x) AS (SELECT count(*) + x FROM trips)")
    assert lake.sql("SELECT trips_of(1)").fetchall() == [(ROWS + 1,)]
    run_sql(lake, "ALTER TABLE trips ADD COLUMN mood VARCHAR DEFAULT 'fine'")
    assert lake.sql("SELECT count(*) FROM trips WHERE mood IS NULL").fetchall()[0][0] > 0
    assert isinstance(lake.warehouse, DuckDBWarehouse)
    assert lake.warehouse.states.now is not None


def test_what_a_move_changes_is_seen_by_the_next_query(lake: Lake) -> None:
    before = lake.sql("SELECT sum(fare) FROM trips").fetchall()
    run_sql(lake, "INSERT INTO trips FROM trips LIMIT 10")
    assert lake.sql(ALL).fetchall() == [(ROWS + 10,)]
    lake.apply(lake.plan(even_if_uneconomic=True))
    assert lake.sql(ALL).fetchall() == [(ROWS + 10,)]
    assert lake.sql("SELECT sum(fare) FROM trips").fetchall() != before
