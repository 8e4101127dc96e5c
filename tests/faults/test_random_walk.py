"""A random walk: whatever is done in whatever order, the lake equals a plain table.

Loads, late rows, the owner's own writes, applies, restores, holds, erasures, other policies and
clocks that jump follow each other as hypothesis draws them, and any of them may be killed at any of
its steps. Quick by default; `ISOTHERM_WALK=5000` makes so many steps, others each time.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import stamina
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from walk_rows import POLICIES, WRITES, Group, Kept, Row, Wanted, csv_of, period_of
from walking import Beside, World

from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, RequestError, StalePlanError
from isotherm.model.period import Duration, Period, Unit, between
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Applied, Limits
from isotherm.plan.batches import apart
from isotherm.plan.plan import OF_PEOPLE, Kind, Plan
from turns import TURN, places_in_turn

A_WALK = 50  # steps with one lake
STEPS = int(os.environ.get("ISOTHERM_WALK", "0"))
OFTEN = {"grow_older": 6, "serve": 6, "apply": 6, "restore": 3, "ask": 2, "load": 2}
"""What matters most is drawn so much more often than the rest."""
MADE: Counter[str] = Counter()
"""How often what was done, in all walks."""
RIDERS = st.sets(st.integers(1, 7), min_size=1, max_size=2)


def evenly(first: int, last: int) -> st.SearchStrategy[int]:
    """Draw numbers evenly, those below 1 as 0; hypothesis itself likes the small ones best."""
    many = last - first + 1
    return st.integers(0, 10_006).map(lambda n: max(0, first + n * 7_919 % 10_007 % many))


KILLS, EARLY_KILLS = evenly(-30, 70), evenly(-2, 3)
"""At which step of an act its process is killed; at none if it is 0, or has not so many."""
A_STEP = evenly(-20, 50)
TIMES = st.sampled_from(
    [timedelta(minutes=30), timedelta(hours=2), *(timedelta(days=n) for n in (2, 8, 31, 31, 95))]
)
JUMPS = st.sampled_from([timedelta(n) for n in (0, 0, 0, 0, 0, -3, 2, 366)])
BESIDE = st.builds(
    lambda at, kind, back, look, jump: (at, kind, back, look, jump),
    A_STEP,
    st.sampled_from(sorted(WRITES)),
    st.integers(0, 12),
    A_STEP,
    JUMPS,
)
"""When who writes what beside an act, when everything is read, and how far the clock jumps."""


def sets(groups: Iterable[int]) -> list[DataSubject]:
    return [DataSubject.parse(f"rider_id={rider}") for rider in sorted(groups)]


class Walk(RuleBasedStateMachine):
    """Makes steps, each of which ends with everything as it has to be."""

    url = staticmethod(str)

    @initialize(number=st.integers(0, 9))
    def begin(self, number: int) -> None:
        assume(number)  # the first walk that hypothesis tries is all zeros: it goes nowhere
        self.folder = tempfile.TemporaryDirectory(prefix="walk-")
        self.world = World(Path(self.folder.name), POLICIES[0], self.url())
        self.files: list[tuple[Path, Counter[Row]]] = []
        self.loaded: set[Path] = set()
        self.cases: dict[str, Wanted] = {}
        self.asked = 0
        self.paused = False
        self.kept_plan: Plan | None = None
        for back in range(0, 12, 2):
            self._write("insert", back, 6)
        self.world.lake.apply(self.world.lake.plan(even_if_uneconomic=True))
        self.ask({1, 2}, None, 0)  # a short walk may draw no request at all
        self.ask({3}, -1, 0)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            MADE.update(self.world.made)
            self.world.lake.close()
            self.folder.cleanup()

    @invariant()
    def everything_is_as_it_has_to_be(self) -> None:
        self.world.made["steps"] += 1
        self.world.check()

    # -- rows

    @rule(
        back=st.integers(-1, 20),
        many=st.integers(1, 8),
        again=st.sampled_from([False, False, True]),
        kill=EARLY_KILLS,
    )
    def load(self, back: int, many: int, again: bool, kill: int) -> None:
        if again and self.files:
            file, rows = self.files[back % len(self.files)]
            self._load(file, Counter() if file in self.loaded else rows, kill)
            return
        file = self.world.folder / f"{len(self.files)}.csv"
        rows = self.world.writer.new_rows(self.world.clock(), back, many)
        file.write_text(csv_of(rows))
        self.files.append((file, rows))
        self._load(file, rows, kill)

    def _load(self, file: Path, rows: Counter[Row], kill: int) -> None:
        before = self.world.rows.total()
        self.world.act(lambda lake: lake.load("trips", [file]), kill, come=rows)
        if self.world.rows.total() > before:
            self.loaded.add(file)

    @rule(kind=st.sampled_from(sorted(WRITES)), back=st.integers(0, 20), many=st.integers(1, 6))
    def write(self, kind: str, back: int, many: int) -> None:
        self._write(kind, back, many)
        self.world.act(lambda lake: None)

    def _write(self, kind: str, back: int, many: int) -> None:
        self.world.write(*self.world.writer.statement(self.world.clock(), kind, back, many))

    # -- moves

    @rule(
        earlier=st.sampled_from([0, 0, 0, 1, 4]),
        expire=st.booleans(),
        even=st.sampled_from([True, True, True, False]),
        many=st.sampled_from([None, None, None, 1, 3]),
        by_month=st.booleans(),
        beside=BESIDE,
        kill=KILLS,
    )
    def apply(
        self,
        earlier: int,
        expire: bool,
        even: bool,
        many: int | None,
        by_month: bool,
        beside: Any,
        kill: int,
    ) -> None:
        as_of = Period.of(self.world.clock(), Unit.MONTH).shifted(-earlier).start
        plan = self.world.lake.plan(as_of=as_of, even_if_uneconomic=even)
        if by_month:  # they overlap
            plan = replace(plan, moves=tuple(one for move in plan.moves for one in apart(move)))
        self._apply(plan, Limits(expire=expire, max_moves=many), self._beside(*beside), kill)

    @rule(time=TIMES, kill=KILLS)
    def grow_older(self, time: timedelta, kill: int) -> None:
        self.world.clock.forward(time)
        plan = self.world.lake.plan(even_if_uneconomic=True)
        applied = self._apply(plan, Limits(expire=True), Beside(), kill)
        if applied:
            assert not self.world.lake.plan(even_if_uneconomic=True).moves

    @rule()
    def keep_a_plan(self) -> None:
        self.kept_plan = self.world.lake.plan(even_if_uneconomic=True)

    @precondition(lambda self: self.kept_plan)
    @rule(kill=KILLS)
    def apply_the_kept_plan(self, kill: int) -> None:
        assert self.kept_plan
        with suppress(StalePlanError, RequestError):
            self._apply(self.kept_plan, Limits(expire=True), Beside(), kill)
        self.kept_plan = None

    def _apply(self, plan: Plan, limits: Limits, beside: Beside, kill: int) -> Applied | None:
        spans = {move.periods[0] for move in plan.moves if move.kind is Kind.EXPIRE}
        going = {period: self.world.of(period) for period in spans}

        def expired(applied: Applied | None) -> list[Group]:
            if applied is None:
                return [Group(rows) for rows in going.values()]
            done = {o.move.periods[0] for o in applied.done if o.move.kind is Kind.EXPIRE}
            return [Group(rows, period in done) for period, rows in going.items()]

        def may(row: Row) -> bool:
            return period_of(row) in spans

        watch = self.world.watch(beside, lambda: expired(None), may)
        applied = self.world.act(
            lambda lake: _made(beside, lambda: lake.apply(plan, limits=limits, watch=watch)),
            kill,
            go=expired,
            may=may,
        )
        self._finished(applied)
        return applied

    def _finished(self, applied: Applied | None) -> None:
        if applied is not None:
            self.world.made.update(f"moves: {outcome.move.kind}" for outcome in applied.done)
            assert not applied.untidy
            self.world.half_done = False

    def _beside(self, at: int, kind: str, back: int, look: int, jump: timedelta) -> Beside:
        write = (
            (at, *self.world.writer.statement(self.world.clock(), kind, back, 3)) if at else None
        )
        return Beside(write, look, jump if look else timedelta())

    @rule(
        first=st.integers(0, 20), many=st.integers(1, 3), days=st.sampled_from([1, 7]), kill=KILLS
    )
    def restore(self, first: int, many: int, days: int, kill: int) -> None:
        closed = sorted({part.period for part in self.world.parts() if part.tier.archived})
        if not closed or self.paused:
            return
        chosen = [closed[(first + n) % len(closed)] for n in range(many)]
        plan = self.world.lake.restore_plan("trips", chosen, Duration.parse(f"{days} days"))
        self._finished(self.world.act(lambda lake: lake.apply(plan), kill))

    @rule(back=st.integers(0, 20))
    def look_at(self, back: int) -> None:
        self.world.look_at(Period.of(self.world.clock(), Unit.MONTH).shifted(-back))

    # -- what people ask

    @rule(
        case=st.sampled_from("ABC"),
        back=st.one_of(st.none(), st.integers(0, 14)),
        many=st.integers(1, 4),
        riders=st.one_of(st.just(set()), RIDERS),
        kill=EARLY_KILLS,
    )
    def hold(self, case: str, back: int | None, many: int, riders: set[int], kill: int) -> None:
        world, periods = self.world, None
        if back is not None:
            first = Period.of(world.clock(), Unit.MONTH).shifted(-back)
            periods = between(f"{first}..{first.shifted(many - 1)}")
        kept = Kept(case, (periods[0], periods[-1]) if periods else None, frozenset(riders))
        there = not periods or set(periods) & set(world.months())
        may = bool(there) and kept not in world.holds

        def place(lake: Lake) -> bool:
            lake.hold(case, "trips", periods or (), sets(riders), reason="x")
            return True

        try:
            done = world.act(place, kill)
        except RequestError:
            assert not may
            return
        if done is None:
            done = len(world.lake.holds()) > len(world.holds)
        assert may or not done
        world.holds += [kept] * done

    @rule(case=st.sampled_from("ABC"), kill=EARLY_KILLS)
    def release(self, case: str, kill: int) -> None:
        world = self.world
        left = [hold for hold in world.holds if hold.case != case]
        try:
            done = world.act(lambda lake: len(lake.release(case)), kill)
        except RequestError:
            assert left == world.holds
            return
        if done or len(world.lake.holds()) == len(left):
            world.holds = left

    @precondition(lambda self: len(self.cases) < 3)
    @rule(riders=RIDERS, fare=st.sampled_from([None, None, -1, -2]), kill=EARLY_KILLS)
    def ask(self, riders: set[int], fare: int | None, kill: int) -> None:
        self.asked += 1
        case = f"DSR-{self.asked}"
        changes = (("fare", str(fare)),) if fare else ()

        def ask(lake: Lake) -> None:
            lake.erasing.ask("trips", sets(riders), case, changes=changes)

        self.world.act(ask, kill)
        if case in {request.case for request in self.world.lake.erasing.requests()}:
            self.cases[case] = Wanted(frozenset(riders), fare)

    @precondition(lambda self: self.cases)
    @rule(
        number=st.integers(0, 2),
        many=st.sampled_from([None, None, None, 1, 3]),
        wait=st.booleans(),
        beside=BESIDE,
        kill=KILLS,
    )
    def serve(self, number: int, many: int | None, wait: bool, beside: Any, kill: int) -> None:
        world, case = self.world, sorted(self.cases)[number % len(self.cases)]
        world.clock.forward(timedelta(hours=2 * wait))
        wanted = self.cases[case]
        theirs, places = world.wanted(wanted), world.places()
        going = {place: rows & theirs for place, rows in places.items()}
        told, limits = self._beside(*beside), Limits(max_moves=many)

        def forgotten(applied: Applied | None) -> list[Group]:
            if applied is None or told.jump:  # what is archived again is left to the next run
                return [Group(rows, come=wanted.come) for rows in going.values()]
            done = {
                (str(period), o.move.source.name)
                for o in applied.done
                if o.move.kind in OF_PEOPLE
                for period in o.move.periods or ("",)
            }
            return [Group(rows, place in done, wanted.come) for place, rows in going.items()]

        def may(row: Row) -> bool:
            return world.is_wanted(wanted, row)

        watch = world.watch(told, lambda: forgotten(None), may)

        def run(lake: Lake) -> Applied | None:
            run_ = lake.erasing.run
            return _made(told, lambda: run_(case, limits=limits, watch=watch).applied)

        try:
            applied = world.act(run, kill, go=forgotten, may=may)
        except RequestError:
            assert self.paused
            return
        self._finished(applied)
        self._proven(case)

    def _proven(self, case: str) -> None:
        request = self.world.lake.erasing.request(case)
        if not request.proven_at:
            return
        self.world.made["certificates"] += 1
        wanted = self.cases.pop(case)
        assert not self.world.wanted(wanted)
        assert not list(self.world.remembered(wanted))
        if self.world.half_done:  # the journal may not be sealed after it
            self._finished(self.world.act(lambda lake: lake.apply(replace(lake.plan(), moves=()))))
        assert self.world.lake.erasing.verify(request.certificate or "")

    # -- the world around

    @precondition(lambda self: not self.world.half_done)
    @rule(rarely=st.sampled_from([True, False, False]))
    def lose_control(self, rarely: bool) -> None:
        if rarely:
            self.world.rebuild()
            self.world.act(lambda lake: None)
            self.world.made["control rebuilt"] += 1

    @rule(number=st.integers(0, len(POLICIES) - 1))
    def edit_the_policy(self, number: int) -> None:
        self.world.reopen(POLICIES[number])

    @rule(rarely=st.sampled_from([True] + [False] * 4), kill=EARLY_KILLS)
    def pause_or_resume(self, rarely: bool, kill: int) -> None:
        paused = self.paused
        if not paused and not rarely:
            return

        def change(lake: Lake) -> bool:
            (lake.resume if paused else lake.pause)("trips")
            return True

        done = self.world.act(change, kill)
        if done is None:
            (found,) = self.world.lake.status().datasets
            done = found.paused != paused
        self.paused = paused != done

    @rule(time=st.one_of(TIMES, st.sampled_from([timedelta(n) for n in (-0.001, -0.125, -3)])))
    def set_the_clock(self, time: timedelta) -> None:
        self.world.clock.forward(time)


def _made(beside: Beside, act: Callable[[], Applied | None]) -> Applied | None:
    """Return what was done; where the clock has jumped, a restore may be over too early."""
    try:
        return act()
    except MovesFailed as failed:
        if not beside.jump:
            raise
        return cast(Applied, failed.applied)


def walk(url: Any, steps: int) -> None:
    copies = {f"{name}_{n}": vars(Walk)[name] for name, many in OFTEN.items() for n in range(many)}
    here = type("Here", (Walk,), {"url": staticmethod(url), **copies})
    by_hand = settings(
        max_examples=max(1, (STEPS or steps) // A_WALK),
        stateful_step_count=A_WALK,
        derandomize=not STEPS,
        database=None,
        print_blob=bool(STEPS),
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    stamina.set_testing(True, attempts=3)
    try:
        run_state_machine_as_test(here, settings=by_hand)
    finally:
        stamina.set_testing(False)
        print(*(f"{number:7} {what}" for what, number in MADE.most_common()), sep="\n")


@pytest.mark.parametrize("warehouse", places_in_turn(["duckdb", "postgres"], 1 if STEPS else 2))
def test_a_random_walk_ends_with_every_row_where_it_belongs(
    request: pytest.FixtureRequest, warehouse: str
) -> None:
    if warehouse == "duckdb":
        walk(str, 150 if TURN == "all" else 100)
    else:
        walk(request.getfixturevalue("postgres").database, 50)
