"""Lakes with a move for each month, so that moves overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import pytest
import stamina

from ageing import Clock, ids, plan_of, policy, untidy
from conftest import MakeLake, run_sql
from isotherm.control import journal
from isotherm.lake import Lake
from isotherm.moves.applying import Watch
from isotherm.plan.batches import apart
from isotherm.plan.plan import Move, Plan
from isotherm.plan.steps import Step

MONTHS = ("2018-03", "2018-04", "2018-05", "2018-06")
CONFIG = policy(STANDARD="6 months", STANDARD_IA="14 months")
EARLY = datetime(2019, 1, 1)
"""When every month is due to leave the warehouse, and none of them its first tier."""
SECONDS = 30.0
FOR_THE_NEXT = ("unsealed", "metadata nobody needs")
"""What an apply that was interrupted leaves to the next one."""
Seen = list[tuple[str, Step]]


def make(
    make_lake: MakeLake,
    *,
    at_once: int = 3,
    config: str = CONFIG,
    warehouse: str = "",
    table: bool = True,
) -> Lake:
    settings = f"[settings]\nmoves_at_once = {at_once}\n"
    lake = make_lake(settings + config, clock=Clock(EARLY), warehouse=warehouse)
    if table:
        run_sql(
            lake,
            "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 24) HOUR "
            "AS pickup, i AS id FROM range(120) t(i)",
        )
    return lake


def each_by_itself(lake: Lake) -> Plan:
    """Plan a move for each month: small ones would share one."""
    plan = plan_of(lake)
    return replace(plan, moves=tuple(one for move in plan.moves for one in apart(move)))


def apply(lake: Lake, step: Callable[[str, Step], None] = lambda span, step: None) -> Seen:
    """Make a move for each month, and return the steps in the order in which they were taken."""
    seen: Seen = []

    def watch(move: Move, now: Step) -> None:
        seen.append((move.span, now))
        step(move.span, now)

    lake.apply(each_by_itself(lake), watch=Watch(step=watch))
    return seen


def held_back(later: tuple[str, Step], until: tuple[str, Step]) -> Callable[[str, Step], None]:
    """Return who lets a step wait until another one has come."""
    came = threading.Event()

    def watch(span: str, step: Step) -> None:
        if (span, step) == until:
            came.set()
        if (span, step) == later:
            assert came.wait(SECONDS)

    return watch


def events(lake: Lake) -> list[tuple[str, str]]:
    """Return what the journal says of which move."""
    with lake.warehouse.snapshot() as tx:
        found = journal.entries(tx)
    moves = {e.move: str(e.detail["move"]).split()[2] for e in found if "move" in e.detail}
    return [(moves[entry.move], entry.event) for entry in found]


def nothing_is_left_behind(lake: Lake, *, but: tuple[str, ...] = ("nothing",)) -> None:
    assert ids(lake) == list(range(120))
    assert not [item for item in untidy(lake) if not item.startswith(but)]


def once(at: tuple[str, Step], act: Callable[[], object]) -> Callable[[str, Step], None]:
    """Return who does something the first time that a step comes."""
    waiting = [act]

    def watch(span: str, step: Step) -> None:
        if (span, step) == at and waiting:
            waiting.pop()()

    return watch


def copies(seen: Seen, span: str = MONTHS[1]) -> int:
    return seen.count((span, Step.COPY))


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Let a move that has met another writer be run again at once."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture
def on_postgres(make_lake: MakeLake, url: str) -> Lake:
    """Return a lake on a PostgreSQL of the test's own, with a move for each month."""
    return make(make_lake, warehouse=url)
