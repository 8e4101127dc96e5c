"""Objects are rewritten without somebody while another move is committed: nothing passes unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from test_erasure import NOW, TABLE, THREE, WARM

from ageing import Clock, age, ids, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.moves.applying import Applied, Watch
from isotherm.plan.batches import apart
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from overlapping import Seen, held_back, once
from turns import places_in_turn

CASE = "DSR"
ROWS = 200
NEXT = "2018-04"
"""The second month to be rewritten."""


@pytest.fixture(params=places_in_turn(["duckdb", "postgres"], 2))
def lake(request: pytest.FixtureRequest, make_lake: MakeLake, no_waiting: None) -> Lake:
    """Return a lake of cold months, of which somebody is to be forgotten."""
    url = request.getfixturevalue("url") if request.param == "postgres" else ""
    lake = make_lake("[settings]\nmoves_at_once = 2\n" + WARM, warehouse=url, clock=Clock(NOW))
    run_sql(lake, *TABLE.split("; "))
    lake.erasing.new_key()
    age(lake)
    lake.erasing.ask("trips", [THREE], CASE)
    return lake


def forget(lake: Lake, step: Callable[[str, Step], None]) -> Seen:
    """Go on with the request by a move for each month, and return the steps as they were taken."""
    seen: Seen = []

    def watch(move: Move, now: Step) -> None:
        seen.append((move.span, now))
        step(move.span, now)

    run_apart(lake, Watch(step=watch))
    return seen


def run_apart(lake: Lake, watch: Watch) -> Applied:
    plan = lake.erasing.plan(CASE)
    return lake.apply(
        replace(plan, moves=tuple(one for move in plan.moves for one in apart(move))), watch=watch
    )


def others() -> list[int]:
    return [id_ for id_ in range(ROWS) if id_ % 10 != 3]


def theirs_from_next_on(lake: Lake) -> int:
    found = lake.sql(f"select count(*) from trips where rider_id = 3 and pickup >= '{NEXT}-01'")
    return int(found.fetchall()[0][0])


def test_the_next_objects_are_rewritten_before_those_in_their_turn_are_committed(
    lake: Lake,
) -> None:
    seen = forget(lake, held_back(("2018-03", Step.COMMIT), until=(NEXT, Step.VERIFY)))
    commits = [span for span, step in seen if step is Step.COMMIT]
    assert commits == sorted(commits)
    assert len(commits) > 2
    assert ids(lake) == others()
    assert not untidy(lake)


def test_a_hold_that_comes_after_objects_were_rewritten_keeps_their_rows(lake: Lake) -> None:
    before = theirs_from_next_on(lake)
    seen = forget(lake, once((NEXT, Step.BEGIN), lambda: lake.hold("A", "trips", reason="x")))
    assert seen.count((NEXT, Step.COPY)) == 2
    assert theirs_from_next_on(lake) == before
    assert len(ids(lake)) < ROWS  # the first month's had gone before
    assert not untidy(lake)


def test_a_request_that_is_withdrawn_after_objects_were_rewritten_takes_no_more(
    lake: Lake,
) -> None:
    before = theirs_from_next_on(lake)
    seen = forget(lake, once((NEXT, Step.BEGIN), lambda: lake.erasing.withdraw(CASE, "a mistake")))
    assert seen.count((NEXT, Step.COPY)) == 2
    assert theirs_from_next_on(lake) == before
    assert not untidy(lake)


def test_an_interrupt_gives_up_what_is_being_rewritten(lake: Lake) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget(lake, once(("2018-03", Step.COMMIT), stop))
    assert ids(lake) == list(range(ROWS))
    age(lake)
    assert not untidy(lake)
    forget(lake, lambda span, step: None)
    assert ids(lake) == others()
