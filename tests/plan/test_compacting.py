"""Which small objects become one: those that will lie together, and stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plan_world import (
    MB,
    NOW,
    Part,
    applied,
    hot,
    lines,
    part,
    pause,
    planned,
    refusals,
    subject,
    trips,
)

from isotherm.model.dataset import Dataset
from isotherm.model.hold import Hold
from isotherm.model.period import Duration


def dataset(policy: str, **changes: object) -> Dataset:
    return trips(policy, compact_min_objects=3, **changes)


def small(many: int, tier: str = "STANDARD", size: int = MB) -> list[Part]:
    return [part("2019-10", tier, 1_000, size) for _ in range(many)]


def test_late_rows_and_the_objects_that_are_there_become_one() -> None:
    world = subject(dataset("STANDARD 6 months"), *small(2), hot("2019-10", 1_000, MB))
    plan = planned(world)
    assert lines(plan) == ["append 2019-10 hot -> STANDARD", "compact 2019-10 in STANDARD"]
    assert plan.moves[1].objects == 3
    assert planned(applied(world, plan)).moves == ()


def test_late_rows_that_will_be_a_large_object_do_not_count() -> None:
    many = hot("2019-10", 9_000_000, 1_000 * MB)
    plan = planned(subject(dataset("STANDARD 6 months"), *small(2), many))
    assert lines(plan) == ["append 2019-10 hot -> STANDARD"]


def test_objects_that_come_from_another_tier_become_one_with_those_there() -> None:
    world = subject(dataset("STANDARD 6 months"), *small(2), *small(1, "STANDARD_IA"))
    assert lines(planned(world)) == [
        "retier 2019-10 STANDARD_IA -> STANDARD",
        "compact 2019-10 in STANDARD",
    ]


def test_what_goes_on_is_left_as_it_is() -> None:
    world = subject(dataset("STANDARD 1 month, STANDARD_IA 3 months"), *small(4))
    assert lines(planned(world, even=True)) == ["retier 2019-10 STANDARD -> STANDARD_IA"]


def test_what_never_pays_to_go_on_becomes_one_where_it_is() -> None:
    world = subject(dataset("STANDARD 1 month, STANDARD_IA 3 months"), *small(4, size=2_000))
    plan = planned(world)
    assert refusals(plan) == [("retier 2019-10 STANDARD -> STANDARD_IA", "uneconomic")]
    assert lines(plan) == ["compact 2019-10 in STANDARD"]


def test_what_a_case_keeps_from_ending_becomes_one() -> None:
    case = Hold("h", "A-1", "trips", None, (), "a court", NOW, "me")
    world = replace(subject(dataset("STANDARD 1 month, expire 3 months"), *small(4)), holds=(case,))
    plan = planned(world)
    assert refusals(plan) == [("expire 2019-10 STANDARD -> expired", "held")]
    assert lines(plan) == ["compact 2019-10 in STANDARD"]


def test_what_ends_is_not_written_anew() -> None:
    world = subject(dataset("STANDARD 1 month, expire 3 months"), *small(4))
    assert lines(planned(world)) == ["expire 2019-10 STANDARD -> expired"]


def test_an_archive_is_left_as_it_is() -> None:
    open_ = [
        part("2019-10", "GLACIER", size=MB, restored_until=NOW + timedelta(days=2))
        for _ in range(4)
    ]
    assert lines(planned(subject(dataset("GLACIER 1 month"), *open_))) == []


def test_nothing_becomes_one_while_somebody_has_paused_it() -> None:
    world = subject(dataset("STANDARD 6 months"), *small(3), requests=[pause()])
    plan = planned(world)
    assert (lines(plan), refusals(plan)) == ([], [("compact 2019-10 in STANDARD", "paused")])


def test_what_settles_before_it_goes_on_waits() -> None:
    world = subject(
        dataset("STANDARD 1 month, STANDARD_IA 3 months", settle=Duration.parse("7 days")),
        *small(4),
        hot("2019-10", 10, 1_000, loaded_at=NOW - timedelta(days=1)),
    )
    plan = planned(world, even=True)
    assert not [line for line in lines(plan) if line.startswith("compact")]
    assert ("retier 2019-10 STANDARD -> STANDARD_IA", "settles") in refusals(plan)


def test_objects_are_small_against_what_the_dataset_wants() -> None:
    world = subject(
        dataset("STANDARD 6 months", target_object_bytes=8 * MB), *small(3, size=2 * MB)
    )
    assert lines(planned(world)) == []
    assert lines(planned(subject(dataset("STANDARD 6 months"), *small(3, size=2 * MB)))) != []
