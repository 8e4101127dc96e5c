"""A plan is held against the config, the inventory and the requests of the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from plan_world import NOW, Subject, hot, part, pause, planned, subject, trips

from isotherm.model.part import HotPartition, Part
from isotherm.model.period import Unit
from isotherm.plan.plan import Plan, state_of
from isotherm.plan.stale import changes

DAY = timedelta(days=1)
STANDARD = trips("STANDARD 6 months")


def moved_on(*now: HotPartition | Part, **dataset: object) -> tuple[str, ...]:
    plan = planned(subject(STANDARD, hot("2019-03", 100)))
    assert len(plan.moves) == 1
    return changes(plan, [subject(replace(STANDARD, **dataset), *now)])  # type: ignore[arg-type]


def test_what_is_as_it_was_has_not_changed() -> None:
    assert moved_on(hot("2019-03", 100), hot("2019-04", 5)) == ()


def test_other_rows_are_named_with_what_was_there() -> None:
    assert moved_on(hot("2019-03", 101)) == (
        "trips 2019-03: 100 rows hot when planned, 101 rows hot now",
    )
    assert moved_on() == ("trips 2019-03: 100 rows hot when planned, nothing now",)


def test_a_partition_that_has_moved_is_named_with_its_tier() -> None:
    assert moved_on(part("2019-03", "GLACIER", rows=100)) == (
        "trips 2019-03: 100 rows hot when planned, no rows hot, 100 rows in GLACIER now",
    )


def test_rows_replaced_by_as_many_others_still_fit() -> None:
    """A move takes what is there when it runs, and verifies it by content."""
    assert moved_on(hot("2019-03", 100, loaded_at=NOW)) == ()


def test_a_restore_that_was_prolonged_is_not_ended_by_an_older_plan() -> None:
    dataset = trips("GLACIER 6 months")
    over = part("2019-03", "GLACIER", restored_until=NOW - DAY)
    plan = planned(subject(dataset, over))
    assert len(plan.moves) == 1
    longer = replace(over, restored_until=NOW + DAY)
    assert changes(plan, [subject(dataset, over)]) == ()
    assert len(changes(plan, [subject(dataset, longer)])) == 1


def test_a_plan_of_another_policy_does_not_fit() -> None:
    plan = planned(subject(trips("expire 12 months"), hot("2019-03", 100)))
    kept = subject(trips(), hot("2019-03", 100))
    assert changes(plan, [kept]) == (
        "trips: the config said 'main.trips by the month of pickup: expire = \"12 months\"' when "
        "planned, 'main.trips by the month of pickup: hot for ever' now",
    )


@pytest.mark.parametrize(
    "edit", [{"clock": "dropoff"}, {"earliest": NOW}, {"latest": NOW}, {"unit": Unit.DAY}]
)
def test_a_plan_of_another_clock_or_other_bounds_does_not_fit(edit: dict[str, object]) -> None:
    assert len(moved_on(hot("2019-03", 100), **edit)) == 1


def test_a_dataset_that_is_paused_since_does_not_fit() -> None:
    before = subject(STANDARD, hot("2019-03", 100))
    now = replace(before, requests=(pause(),))
    assert changes(planned(before), [now]) == ("trips: it is paused now",)


def test_a_dataset_that_the_plan_does_not_speak_of_may_change() -> None:
    plan = planned(subject(STANDARD, hot("2020-05")))
    other: Subject = subject(STANDARD, hot("2019-03"), requests=[pause()])
    assert plan == Plan(NOW, NOW)
    assert changes(plan, [other]) == ()


def test_a_state_says_what_lies_where() -> None:
    items = (hot("2019-03", 5), part("2019-03", rows=7), part("2019-03", "GLACIER", rows=9))
    world = subject(STANDARD, *items)
    (partition,) = world.inventory
    assert state_of(partition) == "5 rows hot, 7 rows in STANDARD, 9 rows in GLACIER"
    assert state_of(None) == "nothing"
