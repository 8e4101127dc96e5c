"""A move that ends otherwise than by its own COMMIT: interrupted, or its outcome unknown."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import stamina

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.control import intents, journal
from isotherm.lake import Lake
from isotherm.model.errors import ConflictError, MovesFailed, StorageError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps

CONFIG = policy(STANDARD="6 months")
STEPS = steps(Kind.UNLOAD)
COMMITTED = STEPS[STEPS.index(Step.COMMIT) + 1 :]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def make(make_lake: MakeLake, rows: int = 120) -> Lake:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(
        lake,
        f"CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i % 1440) HOUR AS pickup,"
        f" i AS id FROM range({rows}) t(i)",
    )
    return lake


@pytest.mark.parametrize("where", STEPS)
def test_an_interrupt_rolls_back_or_finishes_the_move_and_says_which(
    make_lake: MakeLake, where: Step
) -> None:
    lake = make(make_lake)

    def watch(move: Move, step: Step) -> None:
        if step is where:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        lake.apply(plan_of(lake), watch=Watch(step=watch))
    ended = "Done" if where in COMMITTED else "Rolled back"
    assert interrupt.value.__notes__ == [f"{ended}: unload trips 2018-03 hot -> STANDARD"]
    assert tiers_of(lake)["2018-03"] == ("STANDARD" if where in COMMITTED else "hot")
    assert ids(lake) == list(range(120))
    age(lake)
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_while_the_intent_is_written_is_said_to_have_done_nothing(
    make_lake: MakeLake, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)

    def interrupted(*args: Any) -> None:
        if after:
            begin(*args)
        raise KeyboardInterrupt

    begin = intents.begin
    with monkeypatch.context() as patch:
        patch.setattr(intents, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt) as raised:
            lake.apply(plan_of(lake))
    assert raised.value.__notes__ == ["Rolled back: unload trips 2018-03 hot -> STANDARD"]
    age(lake)
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


# A signal that meets a finalizer is lost to Python, and told as a warning.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_the_middle_of_a_copy_rolls_the_move_back(make_lake: MakeLake) -> None:
    lake = make(make_lake, rows=1_500_000)

    def watch(move: Move, step: Step) -> None:
        if step is Step.COPY:
            signal.setitimer(signal.ITIMER_REAL, 0.02)

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt) as raised:
            lake.apply(plan_of(lake), watch=Watch(step=watch))
    finally:
        signal.signal(signal.SIGALRM, before)
    (note,) = raised.value.__notes__
    # Was a signal lost, the next move's met that one.
    found = re.fullmatch(r"Rolled back: unload trips (\S+) hot -> STANDARD", note)
    assert found
    assert tiers_of(lake)[found[1]] == "hot"
    assert lake.sql("select count(*), sum(id) from trips").fetchall() == [
        (1_500_000, sum(range(1_500_000)))
    ]
    age(lake, "nothing")
    assert not untidy(lake)


class Losing:
    """Stands before the warehouse, and loses the answer to a commit, or the commit itself."""

    def __init__(self, lake: Lake, number: int, *, commits: bool) -> None:
        self.port: Any = lake.warehouse
        self.left, self.commits = number, commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.left -= 1
        if self.left:
            with self.port.transaction(*args, **kwargs) as tx:
                yield tx
            return
        with self.port.transaction(*args, **kwargs) as tx:
            yield tx
            if not self.commits:
                raise StorageError("the connection broke")
        raise StorageError("the connection broke")


def with_losses(lake: Lake, number: int, *, commits: bool) -> Lake:
    losing: Any = Losing(lake, number, commits=commits)
    return Lake(lake.config, losing, lake.storage, lambda: lake.catalog, lake.clock)


def test_a_commit_whose_answer_was_lost_is_settled_by_its_intent(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    applied = age(with_losses(lake, 2, commits=True), "2018-03")  # the intent's, then the move's
    assert [str(outcome.move) for outcome in applied.done] == [str(applied.done[0].move)]
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert ids(lake) == list(range(120))
    assert not untidy(lake)
    with lake.warehouse.snapshot() as tx:
        assert [entry.event for entry in journal.entries(tx)] == ["begun", "done"]


def test_a_commit_that_was_lost_with_its_answer_is_rolled_back(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    with pytest.raises(MovesFailed, match="the connection broke"):
        age(with_losses(lake, 2, commits=False), "2018-03")
    assert tiers_of(lake)["2018-03"] == "hot"
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


def test_an_intent_whose_answer_was_lost_is_given_up_by_the_next_apply(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    with pytest.raises(MovesFailed, match="the connection broke"):
        age(with_losses(lake, 1, commits=True), "2018-03")
    with lake.warehouse.snapshot() as tx:
        assert len(intents.in_state(tx, intents.OPEN)) == 1
    assert len(age(lake).done) == 1
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


def test_what_follows_a_commit_may_fail_and_the_move_is_made_all_the_same(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)

    def broken(*args: object) -> None:
        raise StorageError("the catalogue is away")

    with monkeypatch.context() as patch:
        patch.setattr(lake.catalog, "publish", broken)
        applied = age(lake)
    assert len(applied.done) == 1
    assert [str(error) for error in applied.untidy] == ["the catalogue is away"]
    assert ids(lake) == list(range(120))
    assert [item for item in untidy(lake) if item.startswith("main")]
    assert not age(lake).untidy
    assert not untidy(lake)


def test_a_conflict_is_tried_three_times_and_then_told(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    tries = []

    def changed(*args: object, **named: object) -> None:
        tries.append(args)
        raise ConflictError("others kept on changing the table")

    with monkeypatch.context() as patch:
        patch.setattr(lake.catalog, "register", changed)
        with pytest.raises(MovesFailed) as failed:
            age(lake)
    assert len(tries) == 3
    assert [type(e) for e in failed.value.applied.failures.values()] == [ConflictError]
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


def test_a_process_that_is_told_to_stop_by_a_signal_leaves_the_lake_whole(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)

    def watch(move: Move, step: Step) -> None:
        if step is Step.DELETE:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            lake.apply(plan_of(lake), watch=Watch(step=watch))
    finally:
        signal.signal(signal.SIGINT, before)
    assert tiers_of(lake)["2018-03"] == "hot"
    assert ids(lake) == list(range(120))
    age(lake)
    assert ids(lake) == list(range(120))
    assert not untidy(lake)
