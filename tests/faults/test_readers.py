"""Whoever reads while an apply runs sees every row exactly once, at every instant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import pytest

import isotherm
from ageing import Clock, age, plan_of, policy, set_config, untidy
from conftest import MakeLake, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError
from isotherm.model.period import Duration, between
from isotherm.moves.applying import Watch

ROWS = 10_000
"""26 minutes apart: the first half of 2018."""
READERS = 2
EVERYTHING = "select count(*), sum(id), sum(hash(trips)::hugeint) from trips"
Seen = tuple[object, ...]


def make_rows(lake: Lake) -> None:
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-01-01' + INTERVAL (i * 26) MINUTE AS pickup, "
        f"i AS id, i / 7 AS fare, 'x' || (i % 50) AS tag FROM range({ROWS}) t(i)",
    )


@contextmanager
def readers(read: Callable[[], Seen], allowed: set[Seen]) -> Iterator[list[Seen]]:
    """Read in threads until the block is over; every answer must be one of those allowed."""
    over, wrong, answers = threading.Event(), [], []

    def loop() -> None:
        while not over.is_set():
            try:
                answer = read()
            except Exception as error:
                wrong.append(repr(error))
                return
            answers.append(answer)
            if answer not in allowed:
                wrong.append(repr(answer))
                return

    threads = [threading.Thread(target=loop) for _ in range(READERS)]
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(over.set)
        yield answers
    assert not wrong
    assert len(answers) > READERS


def test_readers_see_one_number_while_rows_leave_follow_and_change_their_tier(
    make_lake: MakeLake,
) -> None:
    clock = Clock(datetime(2018, 6, 1))
    lake = make_lake(policy(STANDARD="2 months", STANDARD_IA="5 months"), clock=clock)
    make_rows(lake)

    def read() -> Seen:
        return lake.sql(EVERYTHING).fetchall()[0]

    whole = read()
    with readers(read, {whole}):
        age(lake)
    assert read() == whole
    late = (
        "INSERT INTO trips SELECT TIMESTAMP '2018-02-01' + INTERVAL (i) DAY, 90000 + i, 0, 'late' "
        "FROM range(100) t(i)"
    )
    run_sql(lake, late)
    whole = read()
    clock.forward(timedelta(days=60))
    kinds = {move.kind.value for move in plan_of(lake).moves}
    assert kinds == {"unload", "append", "retier"}
    with readers(read, {whole}):
        age(lake)
    assert read() == whole

    set_config(lake, policy())
    lake.close()
    with isotherm.open(lake.config.file, clock=clock) as warm:
        with readers(lambda: warm.sql(EVERYTHING).fetchall()[0], {whole}):
            assert {outcome.move.kind.value for outcome in age(warm).done} == {"reload"}
        assert warm.sql(EVERYTHING).fetchall()[0] == whole
        assert not untidy(warm)


def test_readers_of_an_archive_get_everything_or_what_is_left_out_is_said(
    make_lake: MakeLake,
) -> None:
    clock = Clock(datetime(2018, 7, 1))
    lake = make_lake(policy(STANDARD="2 months", GLACIER="4 months"), clock=clock)
    make_rows(lake)
    by_month = dict(
        run_sql(lake, "SELECT strftime(pickup, '%Y-%m'), count(*) FROM trips GROUP BY ALL")
    )

    def read() -> Seen:
        result = lake.sql("select count(*) from trips", archived="skip")
        left_out = [
            str(period) for note in result.notes for period in between(note.rpartition("trips ")[2])
        ]
        (count,) = result.fetchall()[0]
        return (count + sum(by_month.get(month, 0) for month in left_out),)

    def strict() -> Seen:
        try:
            return lake.sql("select count(*) from trips").fetchall()[0]
        except ArchivedError:
            return (ROWS,)

    for look in (read, strict):
        assert look() == (ROWS,)
    with readers(read, {(ROWS,)}), readers(strict, {(ROWS,)}):
        age(lake)
    with lake.warehouse.snapshot() as tx:
        archived = [part.period for part in parts.of_dataset(tx, "trips") if part.tier.archived]
    assert len(archived) == 3

    with readers(read, {(ROWS,)}), readers(strict, {(ROWS,)}):
        lake.apply(lake.restore_plan("trips", archived, Duration.parse("7 days")))
        assert lake.sql("select count(*) from trips").fetchall() == [(ROWS,)]
        clock.forward(timedelta(days=8))
        assert {move.reason[:8] for move in plan_of(lake).moves} == {"restored"}
        age(lake)
    assert not untidy(lake)


def test_readers_see_a_partition_that_expires_whole_or_not_at_all(make_lake: MakeLake) -> None:
    clock = Clock(datetime(2018, 6, 1))
    lake = make_lake(policy(STANDARD="2 months", expire="5 months"), clock=clock)
    make_rows(lake)
    age(lake)
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-01-05', 90000, 0, 'late')")
    clock.now = datetime(2018, 8, 1)

    def read() -> Seen:
        return lake.sql(EVERYTHING).fetchall()[0]

    left = [
        f"{EVERYTHING} where pickup >= timestamp '2018-01-01' + interval {n} month"
        for n in range(4)
    ]
    allowed = {lake.sql(sql).fetchall()[0] for sql in left}
    assert len(allowed) == 4
    assert {move.kind.value for move in plan_of(lake).moves} >= {"expire", "unload"}
    with readers(read, allowed):
        age(lake)
    assert read() == lake.sql(left[3]).fetchall()[0]


def test_a_reader_that_began_before_a_move_reads_on_to_its_end(make_lake: MakeLake) -> None:
    clock = Clock(datetime(2018, 7, 1))
    lake = make_lake(policy(STANDARD="2 months", STANDARD_IA="5 months"), clock=clock)
    make_rows(lake)
    begun = {"hot": lake.sql("select id from trips")}
    age(lake)
    begun["cold"] = lake.sql("select id from trips")
    clock.forward(timedelta(days=60))
    steps: list[object] = []
    lake.apply(plan_of(lake), watch=Watch(step=lambda move, step: steps.append(step)))
    assert steps
    for result in begun.values():
        found = sorted(row[0] for row in result.fetchall())
        assert found == list(range(ROWS))


@pytest.mark.parametrize("months", [1, 3])
def test_a_batch_of_days_is_seen_to_move_in_one_instant(make_lake: MakeLake, months: int) -> None:
    config = policy(STANDARD="30 days").replace('"pickup"', '"pickup"\nperiod = "day"', 1)
    lake = make_lake(config, clock=Clock(datetime(2018, 2 + months, 1)))
    make_rows(lake)

    def read() -> Seen:
        return lake.sql(EVERYTHING).fetchall()[0]

    whole = read()
    plan = plan_of(lake)
    assert max(len(move.periods) for move in plan.moves) >= 28
    with readers(read, {whole}):
        lake.apply(plan)
    assert read() == whole
    assert not untidy(lake)
