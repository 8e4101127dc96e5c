"""A mover that stalls, is given up for dead and overtaken, and wakes up again does no harm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stamina

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.control import intents
from isotherm.lake import Lake
from isotherm.model.errors import ConflictError, MovesFailed
from isotherm.moves import recovery
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step

CONFIG = policy(STANDARD="6 months")
BEFORE_THE_FENCE = (Step.BEGIN, Step.COPY, Step.VERIFY, Step.REGISTER, Step.FENCE)
AFTER_IT = (Step.DELETE, Step.RECORD, Step.COMMIT)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """A conflict is tried once: the stalled mover fails as its own process would see it."""
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


class Stalled:
    """A thread that applies until a step of its first move, and goes on when it is told to."""

    def __init__(self, lake: Lake, step: Step, period: str = "2018-03") -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.failure: BaseException | None = None
        plan = plan_of(lake, period)

        def watch(move: Move, now: Step) -> None:
            if now is step:
                self.reached.set()
                assert self.go_on.wait(60)

        def run() -> None:
            try:
                lake.apply(plan, watch=Watch(step=watch))
            except BaseException as error:
                self.failure = error

        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert self.reached.wait(60)

    def wake(self) -> None:
        self.go_on.set()
        self.thread.join(60)

    @property
    def errors(self) -> list[Any]:
        assert isinstance(self.failure, MovesFailed)
        return list(self.failure.applied.failures.values())


@contextmanager
def stalled(lake: Lake, step: Step) -> Iterator[Stalled]:
    mover = Stalled(lake, step)
    try:
        yield mover
    finally:
        mover.wake()


def beside(lake: Lake) -> Lake:
    """Return another process's lake, as far as one file of DuckDB allows: ports of its own."""
    return Lake(lake.config, lake.warehouse, lake.storage, lake._make_catalog, lake.clock)


def make(make_lake: MakeLake) -> Lake:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 20) HOUR AS pickup, "
        "i AS id FROM range(100) t(i)",
    )
    return lake


def objects(lake: Lake) -> set[str]:
    return {str(item) for item in lake.storage.list("STANDARD")}


@pytest.mark.parametrize("step", BEFORE_THE_FENCE)
def test_a_mover_that_was_overtaken_commits_nothing(make_lake: MakeLake, step: Step) -> None:
    lake = make(make_lake)
    other = beside(lake)
    with stalled(lake, step) as mover:
        assert len(recovery.recover(other.ports())) == 1
        assert ids(other) == list(range(100))
        age(other)
        assert tiers_of(other) == dict.fromkeys(("2018-03", "2018-04", "2018-05"), "STANDARD")
        winners = objects(other)
        assert ids(other) == list(range(100))
    assert [type(error) for error in mover.errors] == [ConflictError]
    assert ids(lake) == list(range(100))
    assert objects(lake) == winners
    assert not untidy(lake)
    assert not age(lake).done


@pytest.mark.parametrize("step", BEFORE_THE_FENCE)
def test_a_mover_that_was_overtaken_by_another_partition_alone_is_tried_again(
    make_lake: MakeLake, step: Step
) -> None:
    lake = make(make_lake)
    other = beside(lake)
    with stalled(lake, step) as mover:
        recovery.recover(other.ports())
        age(other, "2018-04")
        assert ids(other) == list(range(100))
    assert [type(error) for error in mover.errors] == [ConflictError]
    assert tiers_of(lake) == {"2018-03": "hot", "2018-04": "STANDARD", "2018-05": "hot"}
    assert ids(lake) == list(range(100))
    age(lake)
    assert ids(lake) == list(range(100))
    assert not untidy(lake)


@pytest.mark.parametrize("step", AFTER_IT)
def test_a_mover_that_holds_the_table_wins_and_the_one_beside_it_fails(
    make_lake: MakeLake, step: Step
) -> None:
    lake = make(make_lake)
    other = beside(lake)
    with stalled(lake, step) as mover:
        given_up = recovery.recover(other.ports())
        with pytest.raises(MovesFailed) as failed:
            age(other)
        errors = failed.value.applied.failures.values()
        assert {type(error) for error in errors} == {ConflictError}
        assert ids(other) == list(range(100))
    if given_up:  # the stalled mover had not written its own end yet
        assert [type(error) for error in mover.errors] == [ConflictError]
    else:
        assert mover.failure is None
        assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert ids(lake) == list(range(100))
    age(lake)
    assert ids(lake) == list(range(100))
    assert not untidy(lake)


def test_a_recoverer_gives_up_nothing_of_a_mover_that_has_written_its_end(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    with stalled(lake, Step.COMMIT) as mover:
        assert recovery.recover(beside(lake).ports()) == ()
    assert mover.failure is None
    with lake.warehouse.snapshot() as tx:
        assert not intents.in_state(tx, intents.OPEN)
        assert not intents.in_state(tx, intents.ABANDONED)


def test_a_stalled_mover_that_writes_its_object_after_it_was_given_up_removes_it_again(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make(make_lake)
    with stalled(lake, Step.COPY) as mover:
        recovery.recover(beside(lake).ports())
        age(beside(lake), "2018-04")
        winners = objects(lake)
    assert isinstance(mover.errors[0], ConflictError)
    assert objects(lake) == winners
    assert not list(tmp_path.rglob("*.staged"))
    assert not untidy(lake)


def test_two_movers_at_once_lose_no_row(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    other = beside(lake)
    plans = [plan_of(lake), plan_of(lake)]
    start = threading.Barrier(2)

    def run(who: Lake, plan: Any) -> None:
        start.wait()
        try:
            who.apply(plan)
        except (MovesFailed, ConflictError):
            return

    threads = [
        threading.Thread(target=run, args=pair) for pair in zip((lake, other), plans, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ids(lake) == list(range(100))
    age(lake)
    assert ids(lake) == list(range(100))
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert not untidy(lake)


def test_publishing_what_was_seen_before_another_commit_takes_nothing_back(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    age(lake, "2018-03")
    seen = lake.catalog.look("trips")
    old = lake.catalog.head("trips")
    assert seen
    age(beside(lake), "2018-04", "2018-05")
    new = lake.catalog.head("trips").snapshot
    assert new != old.snapshot
    lake.catalog.publish("trips", seen, old, seen.moves)
    assert lake.catalog.head("trips").snapshot == new
    assert ids(lake) == list(range(100))
    assert not untidy(lake)
