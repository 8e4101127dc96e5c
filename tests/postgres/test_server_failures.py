"""The server ends in the middle of a move: nothing is lost, and the next apply works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from databases import PostgresServer, running
from isotherm.lake import Lake
from isotherm.model.errors import ConfigError, IsothermError, MovesFailed, StorageError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps
from turns import in_turn

CONFIG = policy(STANDARD="6 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
MONTHS = ("2018-03", "2018-04", "2018-05")


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """Start a server that a test may stop."""
    with running() as server:
        yield server


@pytest.fixture
def lake(make_lake: MakeLake, own: PostgresServer) -> Lake:
    made = make_lake(CONFIG, warehouse=own.database(), clock=Clock())
    run_sql(made, TABLE)
    return made


@pytest.mark.parametrize(
    "when", in_turn([s for s in steps(Kind.UNLOAD) if s is not Step.INTENT], 3)
)
def test_a_restart_in_the_middle_of_a_move_fails_what_is_under_way_and_nothing_else(
    lake: Lake, own: PostgresServer, when: Step
) -> None:
    """It, and the next one, where that is being read."""
    restarts: list[Step] = []

    def watch(move: Move, step: Step) -> None:
        if step is when and not restarts:
            restarts.append(step)
            own.stop()
            own.start()

    failures: list[IsothermError] = []
    try:
        lake.apply(plan_of(lake), watch=Watch(step=watch))
    except MovesFailed as failed:
        failures.extend(failed.applied.failures.values())
    assert restarts
    assert len(failures) <= 2
    assert all(type(error) is StorageError for error in failures)
    assert ids(lake) == list(range(200))
    age(lake)
    assert tiers_of(lake) == dict.fromkeys(MONTHS, "STANDARD")
    assert ids(lake) == list(range(200))
    assert not untidy(lake)


def test_a_server_that_is_gone_is_named_and_a_password_is_not(
    make_lake: MakeLake, own: PostgresServer
) -> None:
    url = own.database().replace("postgres@", "postgres:secret@")
    own.stop()
    try:
        with pytest.raises(StorageError, match=r"PostgreSQL at 127\.0\.0\.1/lake_") as error:
            make_lake(CONFIG, warehouse=url)
        assert "secret" not in f"{error.value} {error.value.hint}"
    finally:
        own.start()


def test_a_server_that_goes_away_is_named_and_a_password_is_not(
    make_lake: MakeLake, own: PostgresServer
) -> None:
    url = own.database().replace("postgres@", "postgres:secret@")
    lake = make_lake(CONFIG, warehouse=url, clock=Clock())
    own.stop()
    try:
        for act in (lake.status, lake.plan, lake.apply, lambda: lake.sql("select * from trips")):
            with pytest.raises(IsothermError, match="the warehouse or the store") as error:
                act()
            assert "secret" not in f"{error.value} {error.value.hint}"
    finally:
        own.start()


def test_the_same_process_applies_again_after_a_restart(lake: Lake, own: PostgresServer) -> None:
    def watch(move: Move, step: Step) -> None:
        if step is Step.SEAL:
            own.stop()
            own.start()

    with suppress(IsothermError):
        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))
    age(lake)
    assert tiers_of(lake) == dict.fromkeys(MONTHS, "STANDARD")


def test_a_standby_is_refused(make_lake: MakeLake, own: PostgresServer) -> None:
    """Its readers do not share one snapshot."""
    url = own.database()
    make_lake(CONFIG, warehouse=url)
    with own.standby() as other:
        there = url.replace(f":{own.port}/", f":{other.port}/")
        with pytest.raises(StorageError, match="is a standby"):
            make_lake(CONFIG, warehouse=there, folder="there")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_text_of_another_encoding_is_read_as_it_is_or_refused(
    make_lake: MakeLake, own: PostgresServer, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    with own.connect() as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding} LOCALE 'C'"  # type: ignore[arg-type]
        )
    if encoding == "SQL_ASCII":
        with pytest.raises(StorageError, match="SQL_ASCII"):
            make_lake(CONFIG, warehouse=own.url(name))
        return
    lake = make_lake(CONFIG, warehouse=own.url(name), clock=Clock())
    with own.connect(own.url(name)) as connection:
        connection.execute("CREATE TABLE trips (pickup timestamp NOT NULL, id int, t text)")
        connection.execute(
            "INSERT INTO trips VALUES ('2018-03-01', 1, 'Ã©'), ('2018-03-02', 2, 'é')"
        )
    age(lake)
    assert lake.sql("select t from trips order by id").fetchall() == [("Ã©",), ("é",)]


def test_a_commit_is_durable_before_objects_go(make_lake: MakeLake, own: PostgresServer) -> None:
    url = own.database()
    with own.connect(url) as connection:
        name = url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[arg-type]
    lake = make_lake(CONFIG, warehouse=url)
    with lake.warehouse.transaction() as tx:
        shown = "SELECT * FROM postgres_query(?, 'SELECT current_setting(''synchronous_commit'')')"
        assert tx.execute(shown, [lake.warehouse.alias]) == [("on",)]


def test_a_url_may_say_all_that_libpq_knows(make_lake: MakeLake, own: PostgresServer) -> None:
    name = own.database().rpartition("/")[2]
    hosts = f"127.0.0.1:{own.port},127.0.0.2:{own.port}"
    url = f"postgresql://postgres@{hosts}/{name}?options=-cwork_mem%3D5MB&connect_timeout=3"
    lake = make_lake(f'catalog.url = "{url}"\n{CONFIG}', warehouse=url, clock=Clock())
    run_sql(lake, TABLE)
    age(lake)
    assert ids(lake) == list(range(200))


def test_a_url_that_is_none_is_refused(make_lake: MakeLake) -> None:
    with pytest.raises(ConfigError, match=r"warehouse\.url is no URL of PostgreSQL"):
        make_lake(CONFIG, warehouse="postgresql://a@b/c?colour=red")


def test_a_database_that_there_is_not_is_named(make_lake: MakeLake, own: PostgresServer) -> None:
    with pytest.raises(IsothermError, match='database "nowhere" does not exist'):
        make_lake(CONFIG, warehouse=own.url("nowhere"))


def test_a_query_after_a_restart_works(lake: Lake, own: PostgresServer) -> None:
    assert lake.sql("select count(*) from trips").fetchall() == [(200,)]
    own.stop()
    own.start()
    for _ in range(3):
        try:
            assert lake.sql("select count(*) from trips").fetchall() == [(200,)]
            break
        except IsothermError:
            continue
    else:
        pytest.fail("the lake does not find the server again")
