"""The server ends in the middle of a move: nothing is lost, and the next apply works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from databases import PostgresServer, running
from isotherm.lake import Lake
from isotherm.model.errors import IsothermError, MovesFailed, StorageError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps

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


@pytest.mark.parametrize("when", [s for s in steps(Kind.UNLOAD) if s is not Step.INTENT])
def test_a_restart_in_the_middle_of_a_move_fails_that_move_and_nothing_else(
    lake: Lake, own: PostgresServer, when: Step
) -> None:
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
    assert [type(error) for error in failures] in ([], [StorageError])
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
