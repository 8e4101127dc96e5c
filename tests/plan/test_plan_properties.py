"""What holds for every plan, whatever the policy and whatever lies where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from plan_world import BOOK, NOW, UNITS, Subject, applied, pause, planned, policies, subject, worlds

from isotherm.model.period import Period, Unit
from isotherm.model.tier import EXPIRED, HOT
from isotherm.plan.explain import explain
from isotherm.plan.plan import Cause, Kind, Move, Plan
from isotherm.plan.stale import changes
from isotherm.plan.status import make_status

SMALL_UNITS = st.sampled_from([Unit.DAY, Unit.HOUR])


def rows(what: Subject) -> int:
    return sum(partition.rows for partition in what.inventory)


@given(worlds())
def test_a_plan_that_was_applied_leaves_nothing_to_do(world: Subject) -> None:
    plan = planned(world, even=True)
    again = planned(applied(world, plan), even=True)
    assert again.moves == ()


@given(worlds())
def test_every_partition_ends_where_the_policy_says(world: Subject) -> None:
    world = replace(world, dataset=replace(world.dataset, settle=None))
    as_of = Period.of(NOW, world.dataset.unit)
    plan = planned(world, even=True)
    held = {period for refusal in plan.refused for period in refusal.move.periods}
    assert {refusal.cause for refusal in plan.refused} <= {Cause.RESTORED}
    for partition in applied(world, plan).inventory:
        due = world.dataset.policy.tier_at(partition.period, as_of)
        assert due != EXPIRED
        if partition.period not in held:
            assert {part.tier for part in partition.parts} <= {due}
        if partition.hot and not partition.parts:
            assert due == HOT
        if partition.late_rows and due != HOT:
            waits = partition.late_rows < world.dataset.append_min_rows
            assert partition.tier.archived or waits


@given(worlds())
def test_no_row_is_lost_but_by_expiry(world: Subject) -> None:
    plan = planned(world, even=True)
    gone = sum(move.rows for move in plan.moves if move.kind is Kind.EXPIRE)
    assert rows(applied(world, plan)) == rows(world) - gone


@given(worlds())
def test_moves_that_must_pay_come_to_rest_too(world: Subject) -> None:
    for _ in range(4):
        plan = planned(world)
        if not plan.moves:
            return
        world = applied(world, plan)
    assert not plan.moves, "every plan finds something new to move"


@given(st.data())
def test_a_policy_may_be_edited_in_every_direction(data: st.DataObject) -> None:
    world = data.draw(worlds())
    world = applied(world, planned(world, even=True))
    edited = data.draw(policies(world.dataset.unit))
    world = replace(world, dataset=replace(world.dataset, policy=edited))
    once = applied(world, planned(world, even=True))
    assert planned(once, even=True).moves == ()


@given(worlds(), st.integers(0, 800))
def test_what_will_be_due_is_planned_as_it_will_be(world: Subject, days: int) -> None:
    later = NOW + timedelta(days=days)
    what_if = planned(world, as_of=later, even=True)
    then = planned(world, as_of=later, now=later, even=True)
    assert what_if.moves == then.moves
    assert planned(applied(world, then, later), as_of=later, now=later, even=True).moves == ()


@given(worlds())
def test_what_goes_to_a_warmer_tier_expires_or_ends_is_never_refused_for_money(
    world: Subject,
) -> None:
    for refusal in planned(world).refused:
        if refusal.cause is Cause.UNECONOMIC:
            assert refusal.move.kind in (Kind.UNLOAD, Kind.RETIER)
            assert refusal.move.target.rank > refusal.move.source.rank
            assert refusal.why.startswith("it never pays back: ")


@given(worlds())
def test_nothing_moves_that_somebody_has_paused(world: Subject) -> None:
    plan = planned(replace(world, requests=(pause(),)), even=True)
    assert plan.moves == ()
    assert {refusal.cause for refusal in plan.refused} <= {Cause.PAUSED}


@given(worlds())
def test_a_move_says_what_lies_there(world: Subject) -> None:
    for move in planned(world, even=True).moves:
        found = [world.inventory.partitions[period] for period in move.periods]
        if move.kind in (Kind.UNLOAD, Kind.APPEND):
            assert move.rows == sum(partition.hot.rows for partition in found if partition.hot)
            assert move.source == HOT
        elif move.kind is Kind.EXPIRE:
            assert move.rows == sum(partition.rows for partition in found)
        elif move.kind is Kind.COMPACT:  # what other moves bring there, too
            assert move.rows <= sum(partition.rows for partition in found)
            assert move.objects >= world.dataset.compact_min_objects * len(found)
        else:
            parts = [p for item in found for p in item.parts if p.tier == move.source]
            assert move.rows <= sum(p.rows for p in parts)
            assert move.objects <= len(parts)
            # What is readable already is not read again to stay so.
            assert move.objects or move.kind is Kind.RESTORE


@given(worlds(SMALL_UNITS))
def test_small_partitions_share_moves_and_lose_nothing_by_it(world: Subject) -> None:
    plan = planned(world, even=True)
    single = [move for one in alone(world) for move in planned(one, even=True).moves]
    assert places(plan.moves) == places(single)
    assert len(plan.moves) <= len(single)
    for total in ("rows", "bytes", "objects"):
        assert sum(getattr(move, total) for move in plan.moves) == sum(
            getattr(move, total) for move in single
        )


def alone(world: Subject) -> list[Subject]:
    """Return a world of its own for each partition, where objects take what they do in all."""
    totals: dict[int, tuple[int, int]] = {}
    for part in world.inventory.parts:
        rows, bytes_ = totals.get(len(str(part.rows)), (0, 0))
        totals[len(str(part.rows))] = (rows + part.rows, bytes_ + part.bytes)
    ones = [
        subject(world.dataset, *filter(None, [partition.hot]), *partition.parts)
        for partition in world.inventory
    ]
    return [replace(one, totals=totals) for one in ones]


def places(moves: Iterable[Move]) -> Counter[object]:
    return Counter(
        (period, move.kind, move.source, move.target, move.reason, move.until)
        for move in moves
        for period in move.periods
    )


@given(worlds())
def test_a_plan_is_read_back_as_it_was_written(world: Subject) -> None:
    plan = planned(world)
    assert Plan.from_json(json.dumps(plan.to_json())) == plan


@given(worlds())
def test_a_plan_fits_what_it_was_made_of_and_nothing_it_has_moved(world: Subject) -> None:
    plan = planned(world, even=True)
    assert changes(plan, [world]) == ()
    after = applied(world, plan)
    assert bool(changes(plan, [after])) == bool(plan.moves)


@given(worlds())
def test_the_status_adds_up(world: Subject) -> None:
    plan = planned(world)
    found = make_status([world], plan, BOOK).datasets[0]
    lines = sum(line.dollars for line in found.partitions)
    assert abs(found.dollars - lines) < 1e-9 * max(1, lines)
    assert sum(total.rows for total in found.tiers) == rows(world)
    assert sum(len(line.moves) for line in found.partitions) == sum(
        len(move.periods) for move in plan.moves
    )
    json.dumps(found.to_json())


@given(worlds())
def test_every_partition_can_be_explained(world: Subject) -> None:
    plan = planned(world)
    for partition in world.inventory:
        found = explain(world, plan, partition.period, BOOK)
        assert bool(found.steps) == bool(found.moves)
        if found.tier != found.due and not found.moves:
            assert found.blocks, f"{found.period} is not where it should be, and nobody says why"
        json.dumps(found.to_json())


@given(worlds(), UNITS)
def test_what_comes_next_comes_at_that_very_time(world: Subject, unit: Unit) -> None:
    as_of = Period.of(NOW, world.dataset.unit)
    plan = planned(world)
    for partition in world.inventory:
        coming = explain(world, plan, partition.period, BOOK).coming
        if coming:
            at = Period.of(coming.at, world.dataset.unit)
            policy = world.dataset.policy
            assert at > as_of
            assert policy.rule_at(partition.period, at) == coming.rule
            assert policy.rule_at(partition.period, at.shifted(-1)) != coming.rule
