"""Processes that are killed in the middle of an apply, by ports that count what passes them.

Nothing in the product knows of this: the lake is built over ports that stand before the real ones
and end the process, with SIGKILL, at the n-th thing that could outlive it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

from danger import in_danger

import isotherm
from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy, waiting
from conftest import run_sql
from isotherm.lake import Lake
from isotherm.model.period import Duration, between
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Limits
from isotherm.opening import init_lake, rebuild_lake
from isotherm.plan.batches import apart

FIRST, OTHER = "2018-03", "2018-04"
"""The partition whose move is killed, and the one that is moved first afterwards."""
STORE = "ISOTHERM_TEST_STORE"
"""The URL of the store, where it is no folder of the lake."""
WAREHOUSE = "ISOTHERM_TEST_WAREHOUSE"
"""The URL of the warehouse, where it is no file of the lake."""
ONE_THREAD = "[settings]\nthreads = 1\n"
WAIT = 30.0
"""For so many seconds at most a server may still know a process that was killed."""
FARE = -1.5
"""What a correction sets."""
MONTHS = ("2018-03", "2018-04", "2018-05")


@dataclass(frozen=True)
class Story:
    """How a lake comes to a due move of some kind.

    Attributes:
        config: The policy that leads there.
        then: The policy that makes the move due, where it is another one.
        early: An earlier time, at which everything due is moved first.
        pieces: Whether partitions are cut up, FIRST into four stretches; the third has no rows.
        apart: Whether each partition has a move of its own, and all of them are in danger.
        late: Whether late rows arrive after that.
        followed: Whether these have followed the others.
        restored: Whether the partitions are restored after that.
        asks: Whether the move is a restore that somebody asks for.
        forgets: The ids of the rows that somebody wants forgotten.
        corrects: The ids of the rows that shall have another fare.
        now: The time at which the move is due.
        after: The tier of each partition once nothing is due any more.

    """

    config: str
    after: str
    then: str | None = None
    early: datetime | None = None
    pieces: bool = False
    apart: bool = False
    late: bool = False
    followed: bool = False
    restored: bool = False
    asks: bool = False
    forgets: tuple[int, ...] = ()
    corrects: tuple[int, ...] = ()
    now: datetime = datetime(2019, 7, 1)


_CLOCK = 'clock = "pickup"'
_SUBJECTS = (_CLOCK, f'{_CLOCK}\nsubject = ["id"]')
_EARLY = datetime(2019, 2, 1)
_GAP = "pickup BETWEEN '2018-03-13' AND '2018-03-25'"
_SOON_ONE = "compact_min_objects = 2"
_BOTH = policy(STANDARD="6 months", STANDARD_IA="14 months")
_ARCHIVE = policy(STANDARD="6 months", GLACIER="14 months")
STORIES = {
    "unload": Story(policy(STANDARD="6 months"), "STANDARD"),
    "unload in pieces": Story(policy(STANDARD="6 months"), "STANDARD", pieces=True),
    "unload of several": Story(policy(STANDARD="6 months"), "STANDARD", apart=True),
    "unload to the archive": Story(policy(GLACIER="6 months"), "GLACIER"),
    "append": Story(policy(STANDARD="6 months"), "STANDARD", early=_EARLY, late=True),
    "retier": Story(_BOTH, "STANDARD_IA", early=_EARLY),
    "retier of several": Story(_BOTH, "STANDARD_IA", early=_EARLY, apart=True),
    "retier to the archive": Story(_ARCHIVE, "GLACIER", early=_EARLY),
    "restore": Story(policy(GLACIER="6 months"), "GLACIER", early=datetime(2019, 6, 30), asks=True),
    "compact": Story(
        policy(STANDARD="6 months").replace(_CLOCK, f"{_CLOCK}\n{_SOON_ONE}"),
        "STANDARD",
        early=_EARLY,
        late=True,
        followed=True,
    ),
    "end of a restore": Story(policy(GLACIER="6 months"), "GLACIER", early=_EARLY, restored=True),
    "reload": Story(policy(STANDARD="6 months"), "hot", then=policy(), early=_EARLY),
    "erase": Story(
        policy(STANDARD="6 months").replace(*_SUBJECTS), "STANDARD", early=_EARLY, forgets=(3, 50)
    ),
    "correct": Story(
        policy(STANDARD="6 months").replace(*_SUBJECTS), "STANDARD", early=_EARLY, corrects=(3, 50)
    ),
    "expire": Story(policy(STANDARD="6 months", expire="14 months"), "gone", early=_EARLY),
}


def within(environment: dict[str, str], act: Callable[..., None], *arguments: object) -> None:
    """Act in an environment, which a forked process does not have of its own."""
    os.environ.update(environment)
    tempfile.tempdir = None  # it may be another one
    act(*arguments)


def build(story: str, folder: str) -> None:
    """Set up a lake in which the story's moves of FIRST and OTHER are due."""
    told, clock = STORIES[story], Clock()
    file = Path(folder) / "isotherm.toml"
    ports = f"[storage]\nurl = '{os.environ.get(STORE, 'file:objects')}'\n"
    if WAREHOUSE in os.environ:
        ports += f"[warehouse]\nurl = '{os.environ[WAREHOUSE]}'\n"
    config = told.config
    if told.pieces:  # of a table so small the file of DuckDB holds little
        size = 1_100 if WAREHOUSE in os.environ else 40_000
        lines = f"target_object_bytes = {size}\ncompact_min_objects = 100"
        config = config.replace(_CLOCK, f"{_CLOCK}\n{lines}")
    init_lake(file, ONE_THREAD + ports + config)
    with isotherm.open(file, clock=clock) as lake:
        run_sql(
            lake,
            "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, fare DOUBLE)",
            "INSERT INTO trips SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 20) HOUR, i, i / 7 "
            "FROM range(100) t(i)",
        )
        if told.pieces:
            run_sql(lake, f"UPDATE trips SET pickup = '2018-03-05' WHERE {_GAP}")
        if told.early:
            clock.now = told.early
            age(lake)
            clock.forward(timedelta(hours=2))
            age(lake)  # so that nothing of those moves is left to be removed
        if told.late:
            run_sql(
                lake,
                "INSERT INTO trips SELECT TIMESTAMP '2018-03-02' + INTERVAL (i) WEEK, 1000 + i, 0 "
                "FROM range(9) t(i)",
            )
        if told.followed:
            age(lake)
            clock.forward(timedelta(hours=2))
            age(lake, "no period")
        if told.restored:
            lake.apply(_restores(lake, *MONTHS))
        if people := told.forgets + told.corrects:
            lake.erasing.new_key()
            whose = [DataSubject.parse(f"id={id_}") for id_ in people]
            changes = (("fare", str(FARE)),) if told.corrects else ()
            lake.erasing.ask("trips", whose, "DSR-1", changes=changes)
    if told.then:
        file.write_text(ONE_THREAD + ports + told.then, encoding="utf-8")


def move(lake: Lake, story: str, *periods: str) -> None:
    """Make the story's moves of some periods, or all."""
    if STORIES[story].asks:
        lake.apply(_restores(lake, *(periods or MONTHS)))
    elif STORIES[story].forgets or STORIES[story].corrects:
        plan = lake.erasing.plan("DSR-1")
        if OTHER in periods:  # alone; with FIRST go those that are carried with it
            plan = replace(plan, moves=tuple(one for m in plan.moves for one in apart(m)))
        chosen = [m for m in plan.moves if not periods or periods[0] in map(str, m.periods)]
        assert chosen or FIRST not in periods
        lake.apply(replace(plan, moves=tuple(chosen)))
    else:
        plan = plan_of(lake, *periods)
        if STORIES[story].apart:
            plan = replace(plan, moves=tuple(one for m in plan.moves for one in apart(m)))
        lake.apply(plan, limits=Limits(expire=True))


def _restores(lake: Lake, *periods: str) -> Any:
    found = [period for text in periods for period in between(text)]
    return lake.restore_plan("trips", found, Duration.parse("7 days"))


def die(story: str, folder: str, kill_at: int, log: str) -> None:
    """Make the move of FIRST, and be killed at its n-th step; 0 counts the steps into `log`."""
    steps: list[str] = []
    told, one = STORIES[story], threading.Lock()

    def tick(step: str) -> None:
        with one:  # moves overlap
            steps.append(step)
            if len(steps) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    file, clock = Path(folder) / "isotherm.toml", Clock(told.now)
    with isotherm.open(file, clock=clock) as real, in_danger(real, tick) as lake:
        move(lake, story, *(MONTHS if told.apart else (FIRST,)))
    Path(log).write_text(json.dumps(steps), encoding="utf-8")


def survive(story: str, folder: str, other_first: bool, report: str) -> None:
    """Open the lake again, finish what was begun, and write down everything that is wrong."""
    try:
        problems = _survive(STORIES[story], story, folder, other_first)
    except BaseException:
        problems = [traceback.format_exc()]
    Path(report).write_text(json.dumps(problems), encoding="utf-8")


def survive_without_control(story: str, folder: str, other_first: bool, report: str) -> None:
    """Lose control as well, rebuild it from what the store has, and go on as `survive` does."""
    told, file = STORIES[story], Path(folder) / "isotherm.toml"
    try:
        with isotherm.open(file, clock=Clock(told.now), wait=WAIT) as lake:
            run_sql(lake, "DROP SCHEMA isotherm CASCADE")
        rebuild_lake(file, clock=Clock(told.now))
        found = _survive(told, story, folder, other_first)
        # Of what was begun after the last copy, and not manifest yet, nobody knows the objects.
        known = ("orphan", "staged", "audit: is nobody's")
        problems = [item for item in found if not item.startswith(known)]
    except BaseException:
        problems = [traceback.format_exc()]
    Path(report).write_text(json.dumps(problems), encoding="utf-8")


def _survive(told: Story, story: str, folder: str, other_first: bool) -> list[str]:
    problems: list[str] = []
    clock = Clock(told.now)
    every = list(range(100)) + (list(range(1000, 1009)) if told.late else [])
    with isotherm.open(Path(folder) / "isotherm.toml", clock=clock, wait=WAIT) as lake:
        expires = told.after == "gone"

        def see(when: str) -> None:
            found = ids(lake)
            allowed = _after_expiry(every) if expires else [every]
            allowed += _after_erasure(every, told.forgets)
            if found not in allowed:
                problems.append(f"{when}: {len(found)} rows, {len(set(found))} different ones")

        see("before")
        if other_first:
            move(lake, story, OTHER)
            see("between")
        move(lake, story)
        see("after")
        tiers = tiers_of(lake)
        wanted = {} if expires else dict.fromkeys(MONTHS, told.after)
        if tiers != wanted:
            problems.append(f"tiers: {tiers}")
        objects = next((len(p.parts) for p in lake.inventory("trips") if str(p.period) == FIRST), 0)
        if told.pieces and objects < 3:
            problems.append(f"{FIRST} is {objects} objects")
        if not told.asks and plan_of(lake).moves:
            problems.append(f"still due: {plan_of(lake).moves}")
        problems += untidy(lake)
        clock.forward(timedelta(hours=2))
        age(lake)
        problems += untidy(lake)
        problems += [f"still waiting for its removal: {item}" for item in waiting(lake)]
        see("at last")
        problems += [f"audit: {f.what}: {f.where}" for f in lake.audit(share=1.0).findings]
        if told.forgets and set(told.forgets) & set(ids(lake)):
            problems.append("somebody is still remembered")
        fares = lake.sql(f"SELECT id FROM trips WHERE fare = {FARE}", archived="skip").fetchall()
        if {id_ for (id_,) in fares} != set(told.corrects):
            problems.append(f"corrected: {fares}")
    return problems


def _after_erasure(every: list[int], forgets: tuple[int, ...]) -> list[list[int]]:
    """Return what may be seen while somebody is forgotten in partition after partition."""
    some = [set(chosen) for n in range(1, len(forgets) + 1) for chosen in combinations(forgets, n)]
    return [[id_ for id_ in every if id_ not in gone] for gone in some]


def _after_expiry(every: list[int]) -> list[list[int]]:
    """Return what may be seen while partition after partition is deleted, each in one instant."""
    starts = [datetime(2018, 3, 1) + timedelta(hours=20 * i) for i in every]
    months = {f"{start:%Y-%m}" for start in starts}
    kept = [set(months), months - {FIRST}, months - {OTHER}, months - {FIRST, OTHER}, set()]
    return [
        [i for i, start in zip(every, starts, strict=True) if f"{start:%Y-%m}" in months_left]
        for months_left in kept
    ]


def put_back(template: Path, folder: Path) -> None:
    """Bring the lake back to where its story begins; its paths must stay the same."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
