"""Tables that PostgreSQL itself partitions by the dataset's period."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from ageing import Clock, age, plan_of, policy, tiers_of, untidy
from conftest import MakeLake
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.errors import QueryError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step

CONFIG = policy(STANDARD="6 months")
MONTHS = ("2018-03", "2018-04", "2018-05")
TABLE = """
CREATE TABLE trips (pickup {clock} NOT NULL, id int) PARTITION BY RANGE (pickup);
CREATE TABLE trips_2018_03 PARTITION OF trips FOR VALUES FROM ('2018-03-01 00:00+00')
    TO ('2018-04-01 00:00+00');
CREATE TABLE trips_2018_04 PARTITION OF trips FOR VALUES FROM ('2018-04-01 00:00+00')
    TO ('2018-05-01 00:00+00');
CREATE TABLE trips_rest PARTITION OF trips DEFAULT;
INSERT INTO trips SELECT timestamptz '2018-03-01 00:00+00' AT TIME ZONE 'UTC'
    + i * interval '8 hours', i FROM generate_series(0, 199) i;
"""


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture(params=["timestamp", "timestamptz", "date"])
def lake(
    make_lake: MakeLake, postgres: PostgresServer, url: str, request: pytest.FixtureRequest
) -> Lake:
    made = make_lake(CONFIG, warehouse=url, clock=Clock())
    with postgres.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(TABLE.format(clock=request.param))
    return made


def partitions(server: PostgresServer, url: str) -> list[str]:
    with server.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
        ).fetchall()
    return [str(row[0]) for row in rows]


def count(lake: Lake) -> int:
    return int(lake.sql("select count(*) from trips").fetchall()[0][0])


def test_rows_leave_and_their_empty_partitions_go_when_the_grace_is_over(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    age(lake)
    assert tiers_of(lake) == dict.fromkeys(MONTHS, "STANDARD")
    assert count(lake) == 200
    assert partitions(postgres, url) == ["trips_2018_03", "trips_2018_04", "trips_rest"]
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(hours=2))
    age(lake)
    assert partitions(postgres, url) == ["trips_rest"]
    assert count(lake) == 200
    assert not untidy(lake)


def test_a_partition_with_a_late_row_stays_until_that_has_left_too(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    age(lake)
    with postgres.connect(url) as connection:
        connection.execute("INSERT INTO trips VALUES ('2018-03-09', 1000)")
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(hours=2))
    lake.apply(plan_of(lake, "2018-05"))
    assert partitions(postgres, url) == ["trips_2018_03", "trips_rest"]
    age(lake)
    assert partitions(postgres, url) == ["trips_rest"]
    assert count(lake) == 201


def test_a_writer_who_is_at_it_is_waited_for_and_then_seen(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    """What he has not committed is read once, before that is found; then he is waited for."""
    attempts: list[Step] = []
    with postgres.connect(url) as writer:
        writer.autocommit = False
        writer.execute("UPDATE trips SET id = id + 1000 WHERE pickup < '2018-03-05'")
        threading.Timer(0.15, writer.commit).start()

        def watch(move: Move, step: Step) -> None:
            if step is Step.COPY:
                attempts.append(step)

        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))
    assert len(attempts) <= 2
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    changed = lake.sql("select count(*) from trips where id >= 1000").fetchall()
    assert changed == [(12,)]
    assert count(lake) == 200


def test_a_partition_by_its_own_name_is_refused(lake: Lake) -> None:
    with pytest.raises(QueryError, match="would show the hot rows of trips alone"):
        lake.sql("select count(*) from trips_2018_03")
