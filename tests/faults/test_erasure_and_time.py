"""An erasure while clocks jump, other processes are at it, and servers end: it comes to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import stamina
from test_erasure import ARCHIVE, NOW, TABLE, THREE, WARM, finish

import isotherm
from ageing import Clock, age, ids, tiers_of, untidy
from command_line import CommandLine, edit, words
from conftest import MakeLake, run_sql
from databases import PostgresServer, running
from isotherm.control import erasures
from isotherm.lake import Lake
from isotherm.model.errors import BusyError, IsothermError, MovesFailed, StorageError
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Limits, Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps
from turns import in_turn

TWO_MONTHS = TABLE.replace("range(200)", "range(80)")
HOT = "INSERT INTO trips VALUES (TIMESTAMP '2019-06-03', 80, 3, 'r3@x.org')"
EVERY = list(range(81))
OTHERS = [id_ for id_ in EVERY[:80] if id_ % 10 != 3]
MONTHS = [Period.parse("2018-03"), Period.parse("2018-04")]
ONE = Limits(max_moves=1)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """Start a server that a test may stop."""
    with running() as server:
        yield server


def make(make_lake: MakeLake, config: str, url: str = "") -> Lake:
    """Make a lake of cold months and one hot one; somebody is to be forgotten."""
    lake = make_lake(config, warehouse=url, clock=Clock(NOW))
    run_sql(lake, *TWO_MONTHS.split("; "), HOT)
    lake.erasing.new_key()
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    return lake


def at_last(lake: Lake) -> dict[str, Any]:
    """Go on to the certificate, and return what it says."""
    erased = finish(lake)
    assert ids(lake) == OTHERS
    assert not untidy(lake)
    assert lake.audit(share=1.0).findings == ()
    said: dict[str, Any] = json.loads(erased.request.certificate or "")
    assert lake.erasing.verify(erased.request.certificate or "")
    return said


# -- clocks that jump


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=366)])
@pytest.mark.parametrize("when", in_turn([Step.INTENT, Step.COPY, Step.COMMIT, Step.REMOVE], 4))
@pytest.mark.parametrize("config", [WARM, ARCHIVE], ids=["warm", "archive"])
def test_a_clock_that_jumps_in_the_middle_forgets_the_same_people(
    make_lake: MakeLake, config: str, when: Step, jump: timedelta
) -> None:
    lake = make(make_lake, config)
    clock, jumped = lake.clock, []
    assert isinstance(clock, Clock)

    def watch(move: Move, step: Step) -> None:
        if step is when and move.periods and not jumped:
            jumped.append(step)
            clock.forward(jump)

    with suppress(MovesFailed):  # what was restored may be over at once
        assert not lake.erasing.run("DSR", watch=Watch(step=watch)).request.proven_at
    assert jumped
    assert set(ids(lake)) <= set(EVERY)
    assert set(ids(lake)) >= set(OTHERS)
    clock.forward(max(-jump, timedelta()))  # what waits for its grace goes by the right time
    at_last(lake)


def test_what_was_replaced_while_the_clock_was_wrong_has_to_go_before_the_proof(
    make_lake: MakeLake,
) -> None:
    """It stays for a grace that ends by that clock."""
    lake = make(make_lake, WARM)
    clock = lake.clock
    assert isinstance(clock, Clock)
    colder = WARM.replace('STANDARD = "6 months"', 'STANDARD_IA = "6 months"')
    lake.config.file.write_text(colder, encoding="utf-8")
    lake.close()
    clock.forward(timedelta(days=2))
    with isotherm.open(lake.config.file, clock=clock) as again:
        old = list((again.config.folder / "objects" / "STANDARD").rglob("*.parquet"))
        age(again)
        clock.forward(timedelta(days=-2))
        for _ in range(3):
            erased = again.erasing.run("DSR")
            clock.forward(timedelta(hours=2))
        there = [path for path in old if path.exists()]
        assert not (erased.request.proven_at and there)
        clock.forward(timedelta(days=3))
        at_last(again)
        assert not [path for path in old if path.exists()]


# -- other processes


def test_an_erasure_beside_another_one_is_told_who_is_at_work(
    make_lake: MakeLake, postgres: PostgresServer
) -> None:
    lake = make(make_lake, WARM, postgres.database())
    other = isotherm.open(lake.config.file, clock=lake.clock)
    told: list[str] = []

    def watch(move: Move, step: Step) -> None:
        if step is Step.COPY:
            with pytest.raises(BusyError, match="is at work on this lake") as busy:
                other.erasing.run("DSR")
            told.append(str(busy.value))

    lake.erasing.run("DSR", watch=Watch(step=watch))
    assert len(told) == 2  # of the warehouse, and of the objects
    finish(other)
    other.close()
    assert ids(lake) == OTHERS
    at_last(lake)


def test_an_erasure_of_a_file_that_is_held_says_by_whom(warm: CommandLine) -> None:
    edit('# subject  = ["rider_id"]', 'subject  = ["id"]')
    named = ("erase", "trips", "--subject", "id=7", "--new-key", "--request", "R", "--yes")
    with duckdb.connect("warehouse.duckdb"):
        words(warm(*named, code=BusyError.exit_code).err, ["is held by", "--wait"])
    assert not Path("certificate.key").exists()
    warm(*named)
    assert warm.rows("select count(*) from trips where id = 7") == [(0,)]


# -- a server that ends


def restarting(
    server: PostgresServer, when: Step, kind: Kind, *, cold: bool = True
) -> tuple[Watch, list[Step]]:
    """Return who restarts the server before a step of the first move of a kind, of its periods."""
    done: list[Step] = []

    def watch(move: Move, step: Step) -> None:
        if step is when and move.kind is kind and bool(move.periods) is cold and not done:
            done.append(step)
            server.stop()
            server.start()

    return Watch(step=watch), done


def test_a_server_that_ends_at_any_step_of_an_erasure_keeps_it_from_nothing(
    make_lake: MakeLake, own: PostgresServer
) -> None:
    lake = make(make_lake, WARM, own.database())
    nothing = (Step.INTENT, Step.FENCE, Step.DELETE)  # that is done to objects
    tried = [(step, True) for step in steps(Kind.ERASE) if step not in nothing]
    left = set(EVERY)
    for rider, (when, cold) in zip((0, 1, 2, 4, 5, 6, 7, 8, 9), tried, strict=True):
        case = f"STEP-{rider}"
        lake.erasing.ask("trips", [DataSubject.parse(f"rider_id={rider}")], case)
        gone = {id_ for id_ in left if id_ % 10 == rider and id_ != 80}  # that is 3's
        end_once(lake, own, case, when, cold=cold)
        assert left - gone <= set(ids(lake)) <= left
        assert not lake.erasing.run(case).request.proven_at
        left -= gone
        assert set(ids(lake)) == left
    end_once(lake, own, "DSR", Step.DELETE, cold=False)
    finish(lake)
    assert ids(lake) == []
    assert not untidy(lake)
    assert lake.audit(share=1.0).findings == ()


def end_once(lake: Lake, server: PostgresServer, case: str, when: Step, *, cold: bool) -> None:
    """Go on with a request, and end the server before a step of its move of objects, or of rows."""
    watch, done = restarting(server, when, Kind.ERASE, cold=cold)
    failures: list[IsothermError] = []
    try:
        lake.erasing.run(case, watch=watch)
    except MovesFailed as failed:
        failures.extend(failed.applied.failures.values())
    except IsothermError as error:
        failures.append(error)
    assert done
    assert {type(error) for error in failures} <= {StorageError}


def test_a_server_that_ends_at_any_step_of_a_restore_keeps_it_from_nothing(
    make_lake: MakeLake, own: PostgresServer
) -> None:
    lake = make(make_lake, ARCHIVE, own.database())
    order = steps(Kind.RESTORE)
    for when in order[order.index(Step.BEGIN) :]:
        plan = lake.restore_plan("trips", MONTHS, Duration.parse("7 days"))
        watch, done = restarting(own, when, Kind.RESTORE)
        with suppress(IsothermError):
            lake.apply(plan, limits=ONE, watch=watch)
        assert done
        assert ids(lake) == EVERY
    lake.apply(lake.restore_plan("trips", MONTHS, Duration.parse("7 days")))
    assert lake.sql("select count(*) from trips").fetchall() == [(81,)]
    assert set(tiers_of(lake).values()) == {"GLACIER", "hot"}
    assert not untidy(lake)


@pytest.mark.parametrize("after", in_turn([False, True], 2))
def test_a_server_that_ends_while_it_is_proven_gives_one_certificate(
    make_lake: MakeLake, own: PostgresServer, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, WARM, own.database())
    lake.erasing.run("DSR")
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(hours=2))
    prove = erasures.prove

    def ending(*arguments: Any) -> None:
        if after:
            prove(*arguments)
        own.stop()
        own.start()
        if not after:
            prove(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(erasures, "prove", ending)
        with pytest.raises(IsothermError):
            lake.erasing.run("DSR")
    assert not lake.erasing.request("DSR").proven_at
    at_last(lake)
    certified = [entry for entry in lake.journal() if entry.event == "certified"]
    assert len(certified) == 1
