"""Others write, work fails or ends while moves overlap: it is as if none had overlapped."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import pytest
import stamina

from ageing import age, ids, plan_of, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.control import intents
from isotherm.engine.session import DuckDBSession
from isotherm.model.errors import ConflictError, MovesFailed, StorageError
from isotherm.moves.applying import Watch
from isotherm.moves.begun import Begun
from isotherm.moves.runner import Runner
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage
from overlapping import (
    CONFIG,
    FOR_THE_NEXT,
    MONTHS,
    SECONDS,
    apply,
    each_by_itself,
    events,
    make,
    nothing_is_left_behind,
)

BY_DAY = '[datasets.trips]\nperiod = "day"\n'


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize(
    ("write", "rows"),
    [
        ("UPDATE trips SET id = 1000 WHERE id = 40", [*range(40), *range(41, 120), 1000]),
        ("DELETE FROM trips WHERE id = 40", [*range(40), *range(41, 120)]),
        ("INSERT INTO trips VALUES ('2018-04-10', 1000)", [*range(120), 1000]),
    ],
)
@pytest.mark.parametrize("exclusive", [False, True])
def test_what_is_written_after_the_copy_is_found_when_its_turn_comes(
    make_lake: MakeLake, write: str, rows: list[int], exclusive: bool
) -> None:
    """Even where nobody was to write."""
    lake, attempts = make(make_lake), 0

    def watch(move: Move, step: Step) -> None:
        nonlocal attempts
        if move.span == MONTHS[1]:
            attempts += step is Step.COPY
            if step is Step.BEGIN and attempts == 1:
                run_sql(lake, write)

    lake.apply(each_by_itself(lake), exclusive=exclusive, watch=Watch(step=watch))
    assert attempts == 2
    assert ids(lake) == rows
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert not run_sql(lake, "FROM trips")
    assert not untidy(lake)


def test_a_column_that_came_after_the_copy_is_moved_too(make_lake: MakeLake) -> None:
    lake, once = make(make_lake), []

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.BEGIN) and not once:
            once.append(span)
            run_sql(lake, "ALTER TABLE trips ADD COLUMN tip INTEGER DEFAULT 7")

    apply(lake, watch)
    found = lake.sql("select count(*) from trips where tip = 7 and pickup < '2018-05-01'")
    assert found.fetchall() == [(30,)]  # of the month that was copied anew
    nothing_is_left_behind(lake)


def test_objects_that_others_have_moved_meanwhile_are_not_moved_again(make_lake: MakeLake) -> None:
    lake, once = make(make_lake), []
    age(lake)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.BEGIN) and not once:
            once.append(span)
            with lake.warehouse.transaction() as tx:
                tx.execute(
                    "UPDATE isotherm.parts SET restored_until = ? WHERE period = ?",
                    [lake.clock(), MONTHS[1]],
                )

    seen = apply(lake, watch)
    assert seen.count((MONTHS[1], Step.COPY)) == 2
    nothing_is_left_behind(lake)


def test_one_that_fails_before_its_turn_is_told_and_keeps_no_other(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    stage = FolderStorage.stage

    def broken(storage: FolderStorage, location: Any) -> str:
        if MONTHS[1] in location.key:
            raise StorageError("this month cannot be written")
        return stage(storage, location)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "stage", broken)
        with pytest.raises(MovesFailed) as failed:
            apply(lake)
    errors = failed.value.applied.failures.values()
    assert [str(error) for error in errors] == ["this month cannot be written"]
    assert [outcome.move.span for outcome in failed.value.applied.done] == [
        span for span in MONTHS if span != MONTHS[1]
    ]
    nothing_is_left_behind(lake)
    age(lake)
    nothing_is_left_behind(lake)


def test_a_stop_gives_up_what_has_begun(make_lake: MakeLake) -> None:
    lake, copied, stop = make(make_lake), threading.Event(), threading.Event()

    def watch(move: Move, step: Step) -> None:
        if (move.span, step) == (MONTHS[1], Step.VERIFY):
            copied.set()
        if (move.span, step) == (MONTHS[0], Step.COMMIT):
            assert copied.wait(SECONDS)
            stop.set()

    applied = lake.apply(each_by_itself(lake), watch=Watch(step=watch, stop=stop.is_set))
    assert [outcome.move.span for outcome in applied.done] == [MONTHS[0]]
    assert [move.span for move in applied.left] == list(MONTHS[1:])
    assert (MONTHS[1], "abandoned") in events(lake)
    nothing_is_left_behind(lake)
    age(lake)
    nothing_is_left_behind(lake)


def test_an_interrupt_gives_up_all_that_has_begun(make_lake: MakeLake) -> None:
    lake, copying = make(make_lake), threading.Event()

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.COPY):
            copying.set()
        if (span, step) == (MONTHS[0], Step.DELETE):
            assert copying.wait(SECONDS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        apply(lake, watch)
    assert interrupt.value.__notes__ == [f"Rolled back: unload trips {MONTHS[0]} hot -> STANDARD"]
    assert set(tiers_of(lake).values()) == {"hot"}
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)
    age(lake)
    nothing_is_left_behind(lake)


def test_an_interrupt_stops_what_is_being_copied(make_lake: MakeLake) -> None:
    """A copy that would never end by itself."""
    lake, copying = make(make_lake), threading.Event()
    copy = DuckDBSession.copy

    def endless(session: Any, select: str, *args: Any, **named: Any) -> int:
        if MONTHS[1] in str(args):
            copying.set()
            session.execute("SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b")
        return int(copy(session, select, *args, **named))

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[0], Step.DELETE):
            assert copying.wait(SECONDS)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DuckDBSession, "copy", endless)
        with pytest.raises(KeyboardInterrupt):
            apply(lake, watch)
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)


def test_what_cannot_begin_early_is_told_in_its_turn(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, begin, failed = make(make_lake), intents.begin, []

    def broken(tx: Any, intent: Any) -> None:
        if intent.periods == (MONTHS[1],):
            failed.append(intent)
            raise ConflictError("somebody else writes")
        begin(tx, intent)

    monkeypatch.setattr(intents, "begin", broken)
    with pytest.raises(MovesFailed) as raised:
        apply(lake)
    assert len(raised.value.applied.done) == 3
    assert len(failed) > 3  # each time in its turn, and once before it
    nothing_is_left_behind(lake)


def test_a_change_that_is_taken_back_while_the_move_commits_loses_nothing(
    make_lake: MakeLake,
) -> None:
    """What is copied, what is deleted and what is there at the fence are three snapshots."""
    lake, done = make(make_lake), set[Step]()
    away = "UPDATE trips SET pickup = pickup + INTERVAL 2 MONTH WHERE id = 40"
    back = "UPDATE trips SET pickup = pickup - INTERVAL 2 MONTH WHERE id = 40"
    there = "UPDATE trips SET pickup = pickup - INTERVAL 1 MONTH WHERE id = 70"
    home = "UPDATE trips SET pickup = pickup + INTERVAL 1 MONTH WHERE id = 70"

    def watch(span: str, step: Step) -> None:
        if span == MONTHS[1] and step not in done:
            done.add(step)
            if step is Step.BEGIN:
                run_sql(lake, away, there)
            if step is Step.REGISTER:
                run_sql(lake, back, home)

    apply(lake, watch)
    assert {Step.BEGIN, Step.REGISTER} <= done
    nothing_is_left_behind(lake)


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_object_that_is_damaged_before_it_is_read_back_fails_its_own_move_alone(
    make_lake: MakeLake, at_once: int
) -> None:
    lake = make(make_lake, at_once=at_once)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.VERIFY):
            assert isinstance(lake.storage, FolderStorage)
            for path in lake.storage.root.rglob(f"{MONTHS[1]}/*.parquet"):
                path.write_bytes(path.read_bytes()[:50])

    with pytest.raises(MovesFailed) as failed:
        apply(lake, watch)
    assert [outcome.move.span for outcome in failed.value.applied.done] == [
        span for span in MONTHS if span != MONTHS[1]
    ]
    nothing_is_left_behind(lake)


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_statement_that_is_interrupted_by_a_signal_is_an_interrupt(
    make_lake: MakeLake, at_once: int
) -> None:
    lake, copy = make(make_lake, at_once=at_once), DuckDBSession.copy

    def endless(session: Any, *args: Any, **named: Any) -> int:
        if MONTHS[0] in str(args):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            session.execute("SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b")
        return int(copy(session, *args, **named))

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DuckDBSession, "copy", endless)
            with pytest.raises(KeyboardInterrupt):
                apply(lake)
    finally:
        signal.signal(signal.SIGINT, before)
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)


def test_moves_that_lack_memory_beside_each_other_are_made_alone(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, copy, tried = make(make_lake), DuckDBSession.copy, list[str]()
    both = threading.Barrier(2, timeout=SECONDS)

    def first_together(session: Any, select: str, path: str, *args: Any, **named: Any) -> int:
        if len(tried) < 2:
            tried.append(path)
            both.wait()
            raise duckdb.OutOfMemoryException("failed to allocate data")
        return int(copy(session, select, path, *args, **named))

    monkeypatch.setattr(DuckDBSession, "copy", first_together)
    seen = apply(lake)
    assert len(tried) == 2
    begins = [span for span, step in seen if step is Step.BEGIN]
    assert begins == list(MONTHS)
    last = [span for span, _ in seen[-12:]]
    assert last == sorted(last)
    nothing_is_left_behind(lake)


def test_what_has_not_begun_on_the_store_never_does_once_a_move_is_given_up(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, config=CONFIG.replace("[datasets.trips]\n", BY_DAY))
    age(lake)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]
    first, *others = each_by_itself(lake).moves
    many = replace(others[0], periods=tuple(period for m in others for period in m.periods))
    plan = replace(plan_of(lake), moves=(first, many))
    copying, copied = threading.Event(), list[str]()
    go_on = threading.Event()
    copy = FolderStorage.copy

    def slow(storage: FolderStorage, source: Any, target: Any, sha256: str) -> Any:
        if str(first.periods[0]) not in target.key:
            copied.append(target.key)
            copying.set()
            assert go_on.wait(SECONDS)
        return copy(storage, source, target, sha256)

    def watch(move: Move, step: Step) -> None:
        if move.id == first.id and step is Step.COMMIT:
            assert copying.wait(SECONDS)
            raise KeyboardInterrupt

    def end(begun: Begun) -> None:
        if begun.move.id == many.id:
            threading.Timer(0.2, go_on.set).start()  # once it has been given up
        real_end(begun)

    real_end = Begun.end
    monkeypatch.setattr(Begun, "end", end)

    monkeypatch.setattr(FolderStorage, "copy", slow)
    with pytest.raises(KeyboardInterrupt):
        lake.apply(plan, watch=Watch(step=watch))
    assert len(copied) < len(many.periods) / 2
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)


def test_an_interrupt_right_after_a_move_has_been_taken_gives_it_up_all_the_same(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, run = make(make_lake), Runner.run

    def interrupted(runner: Runner, dataset: Any, move: Move, begun: Any = None) -> Any:
        if move.span == MONTHS[1]:
            raise KeyboardInterrupt
        return run(runner, dataset, move, begun)

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            apply(lake)
    assert (MONTHS[1], "abandoned") in events(lake)
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)


def test_an_interrupt_while_the_next_move_begins_is_said_of_the_one_in_hand(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.INTENT):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        apply(lake, watch)
    assert interrupt.value.__notes__ == [f"Rolled back: unload trips {MONTHS[0]} hot -> STANDARD"]
    assert set(tiers_of(lake).values()) == {"hot"}
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)
