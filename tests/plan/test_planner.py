"""Which moves are due, in which order, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from plan_world import (
    BOOK,
    MB,
    NOW,
    Subject,
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

from isotherm.cost.dollars import DAYS_PER_MONTH
from isotherm.cost.prices import GB
from isotherm.model.period import Duration, Period, Unit
from isotherm.model.request import Request, RequestKind
from isotherm.plan.batches import BATCH_BYTES, BATCH_PERIODS, refused_together
from isotherm.plan.plan import Kind, Plan
from isotherm.plan.planner import make_plan

DAY = timedelta(days=1)
STORY = "STANDARD 6 months, STANDARD_IA 12 months, GLACIER 15 months, expire 12 years"


# -- ageing


def test_a_month_leaves_on_the_first_of_the_month_it_is_old_enough() -> None:
    world = subject(trips("STANDARD 6 months"), hot("2019-11"))
    assert lines(planned(world, as_of=datetime(2020, 4, 30, 23, 59))) == []
    assert lines(planned(world, as_of=datetime(2020, 5, 1))) == ["unload 2019-11 hot -> STANDARD"]


def test_a_day_leaves_at_midnight_and_an_hour_at_its_hour() -> None:
    days = subject(trips("STANDARD 7 days", unit=Unit.DAY), hot("2020-05-03"))
    assert lines(planned(days, as_of=datetime(2020, 5, 9, 23), even=True)) == []
    assert len(planned(days, as_of=datetime(2020, 5, 10), even=True).moves) == 1
    hours = subject(trips("STANDARD 36 hours", unit=Unit.HOUR), hot("2020-05-03T07"))
    assert lines(planned(hours, as_of=datetime(2020, 5, 4, 18, 59), even=True)) == []
    assert len(planned(hours, as_of=datetime(2020, 5, 4, 19), even=True).moves) == 1


def test_a_backlog_goes_to_each_months_own_tier_at_once() -> None:
    months = ["2008-05", "2019-01", "2019-03", "2019-08", "2020-01"]
    world = subject(trips(STORY), *(hot(month) for month in months))
    plan = planned(world)
    assert lines(plan) == [
        "expire 2008-05 hot -> expired",
        "unload 2019-01 hot -> GLACIER",
        "unload 2019-03 hot -> STANDARD_IA",
        "unload 2019-08 hot -> STANDARD",
    ]
    assert [move.id for move in plan.moves] == ["1", "2", "3", "4"]
    assert [move.reason for move in plan.moves] == [
        'expire = "12 years"',
        'GLACIER = "15 months"',
        'STANDARD_IA = "12 months"',
        'STANDARD = "6 months"',
    ]


def test_without_a_policy_nothing_moves_and_what_has_moved_comes_back() -> None:
    world = subject(trips(), hot("2008-05"), part("2019-03"))
    assert lines(planned(world)) == ["reload 2019-03 STANDARD -> hot"]


# -- policy edits


@pytest.mark.parametrize(
    ("policy", "tier", "expected"),
    [
        ("STANDARD 24 months", "STANDARD", ["reload 2019-03 STANDARD -> hot"]),
        (
            "GLACIER 24 months",
            "GLACIER",
            ["restore 2019-03 from GLACIER", "reload 2019-03 GLACIER -> hot"],
        ),
        (
            "STANDARD 6 months",
            "GLACIER",
            ["restore 2019-03 from GLACIER", "retier 2019-03 GLACIER -> STANDARD"],
        ),
        (
            "GLACIER 6 months",
            "DEEP_ARCHIVE",
            [
                "restore 2019-03 from DEEP_ARCHIVE",
                "retier 2019-03 DEEP_ARCHIVE -> GLACIER",
            ],
        ),
        (
            "DEEP_ARCHIVE 6 months",
            "GLACIER",
            ["restore 2019-03 from GLACIER", "retier 2019-03 GLACIER -> DEEP_ARCHIVE"],
        ),
        ("STANDARD_IA 12 months", "STANDARD", ["retier 2019-03 STANDARD -> STANDARD_IA"]),
        ("STANDARD 6 months", "STANDARD_IA", ["retier 2019-03 STANDARD_IA -> STANDARD"]),
        ("STANDARD 6 months", "STANDARD", []),
        ("STANDARD 6 months, expire 12 months", "STANDARD", ["expire 2019-03 STANDARD -> expired"]),
    ],
)
def test_an_edited_policy_moves_in_both_directions(
    policy: str, tier: str, expected: list[str]
) -> None:
    world = subject(trips(policy), part("2019-03", tier, size=500 * MB))
    assert lines(planned(world)) == expected


def test_what_is_readable_already_is_not_restored_on_its_way_back() -> None:
    opened = part("2019-03", "GLACIER", restored_until=NOW + 2 * DAY)
    world = subject(trips("GLACIER 24 months"), opened)
    assert lines(planned(world)) == ["reload 2019-03 GLACIER -> hot"]


def test_a_restore_on_the_way_back_lasts_a_day_from_the_time_of_the_plan() -> None:
    world = subject(trips("GLACIER 24 months"), part("2019-03", "GLACIER"))
    assert planned(world).moves[0].until == NOW + DAY


# -- restores


def test_a_restored_partition_returns_when_its_time_is_over_and_not_before() -> None:
    until = NOW + 7 * DAY
    world = subject(trips("GLACIER 6 months"), part("2019-03", "GLACIER", restored_until=until))
    assert lines(planned(world, now=until - timedelta(seconds=1))) == []
    plan = planned(world, now=until)
    assert lines(plan) == ["retier 2019-03 back to GLACIER"]
    assert plan.moves[0].reason == "restored until 2020-05-17 12:00 is over"
    assert plan.moves[0].dollars.saved > 0


def test_a_what_if_in_the_future_shows_restores_that_will_be_over() -> None:
    opened = part("2019-03", "GLACIER", restored_until=NOW + 7 * DAY)
    world = subject(trips("GLACIER 6 months"), opened)
    assert lines(planned(world, as_of=NOW + 6 * DAY)) == []
    assert len(planned(world, as_of=NOW + 8 * DAY).moves) == 1


def test_parts_that_were_restored_together_return_together_when_the_last_is_over() -> None:
    first = part("2019-03", "GLACIER", restored_until=NOW + DAY)
    last = part("2019-03", "GLACIER", restored_until=NOW + 3 * DAY)
    world = subject(trips("GLACIER 6 months"), first, last)
    assert lines(planned(world, now=NOW + 2 * DAY)) == []
    plan = planned(world, now=NOW + 3 * DAY)
    assert [(move.objects, move.reason) for move in plan.moves] == [
        (2, "restored until 2020-05-13 12:00 is over")
    ]


def test_nobodys_restore_is_cut_short_by_the_next_tier() -> None:
    opened = part("2019-03", "GLACIER", size=500 * MB, restored_until=NOW + 2 * DAY)
    world = subject(trips("GLACIER 6 months, DEEP_ARCHIVE 12 months"), opened)
    plan = planned(world)
    assert refusals(plan) == [("retier 2019-03 GLACIER -> DEEP_ARCHIVE", "restored")]
    assert plan.refused[0].why == "it is restored until 2020-05-12 12:00, and goes on after that"
    assert lines(planned(world, now=NOW + 2 * DAY)) == OPENED


OPENED = ["restore 2019-03 from GLACIER", "retier 2019-03 GLACIER -> DEEP_ARCHIVE"]
"""What is archived can be copied to another archive once it can be read."""


def asked(kind: RequestKind, speed: str = "Standard", until: datetime = NOW + 7 * DAY) -> Request:
    march = Period.parse("2019-03")
    return Request("r", kind, "trips", NOW - DAY, march, until, speed)


@pytest.mark.parametrize("by_rules", [False, True])
def test_a_restore_that_the_archive_is_at_is_finished_before_the_next_tier(by_rules: bool) -> None:
    dataset = trips("GLACIER 6 months, DEEP_ARCHIVE 12 months", by_rules=by_rules)
    objects = part("2019-03", "GLACIER", size=500 * MB)
    requests = (asked(RequestKind.RESTORE, "Bulk"), asked(RequestKind.FETCH, "Bulk"))
    plan = planned(subject(dataset, objects, requests=requests))
    assert lines(plan) == ["restore 2019-03 from GLACIER"]
    (move,) = plan.moves
    assert (move.speed, move.asked, move.until) == ("Bulk", True, NOW + 7 * DAY)
    assert refusals(plan) == [("retier 2019-03 GLACIER -> DEEP_ARCHIVE", "restored")]
    after = planned(subject(dataset, objects, requests=requests), now=NOW + 8 * DAY)
    assert lines(after) == (OPENED[1:] if by_rules else OPENED)


def test_what_the_archive_was_asked_for_is_not_paid_again() -> None:
    objects = part("2019-03", "GLACIER", size=10 * GB)
    wanted = asked(RequestKind.RESTORE)
    fetching = asked(RequestKind.FETCH)
    copy = 10 * 0.023 * 7 / DAYS_PER_MONTH
    for requests, once in (
        ((wanted,), 10 * 0.01 + 0.05 / 1000 + 2 * copy),
        ((wanted, fetching), copy),
        ((asked(RequestKind.RESTORE, "Expedited"), fetching), 10 * 0.03 + 0.01 + 2 * copy),
    ):
        (move,) = planned(subject(trips("GLACIER 6 months"), objects, requests=requests)).moves
        assert move.dollars.once == pytest.approx(once)


@pytest.mark.parametrize(
    ("source", "target", "by_rule"),
    [
        ("STANDARD", "STANDARD_IA", True),
        ("STANDARD_IA", "GLACIER_IR", True),
        ("GLACIER", "DEEP_ARCHIVE", True),
        ("INTELLIGENT_TIERING", "STANDARD_IA", False),
        ("ONEZONE_IA", "GLACIER_IR", False),
        ("STANDARD_IA", "STANDARD", False),
    ],
)
def test_what_no_rule_of_s3_moves_is_copied(source: str, target: str, by_rule: bool) -> None:
    dataset = trips(f"{target} 6 months", by_rules=True)
    world = subject(dataset, part("2019-03", source, size=500 * MB))
    (move,) = planned(world, even=True).moves
    assert move.by_rule == by_rule


def test_a_restore_ends_even_where_the_next_tier_does_not_pay() -> None:
    over = part("2019-03", "GLACIER", size=5 * MB, restored_until=NOW - DAY)
    world = subject(trips("GLACIER 6 months, DEEP_ARCHIVE 12 months, expire 15 months"), over)
    plan = planned(world)
    assert refusals(plan) == [("retier 2019-03 GLACIER -> DEEP_ARCHIVE", "uneconomic")]
    assert lines(plan) == ["retier 2019-03 back to GLACIER"]


# -- late rows


def test_late_rows_follow_where_the_others_are_and_then_go_on_with_them() -> None:
    world = subject(trips(STORY), part("2019-04", "STANDARD", size=500 * MB), hot("2019-04", 30))
    plan = planned(world)
    assert lines(plan) == [
        "append 2019-04 hot -> STANDARD",
        "retier 2019-04 STANDARD -> STANDARD_IA",
    ]
    assert plan.moves[0].reason == 'late rows; STANDARD_IA = "12 months"'
    assert plan.moves[0].rows == 30


def test_late_rows_are_exempt_from_payback() -> None:
    world = subject(trips("GLACIER_IR 6 months, expire 15 months"), part("2019-04", "GLACIER_IR"))
    world = replace(world, inventory=replace(world.inventory, hot=(hot("2019-04", 1, 80),)))
    assert lines(planned(world)) == ["append 2019-04 hot -> GLACIER_IR"]


def test_late_rows_wait_until_they_are_many_or_old() -> None:
    dataset = trips(
        "STANDARD 6 months", append_min_rows=1_000, append_max_age=Duration.parse("7 days")
    )
    few = hot("2019-08", 999, loaded_at=NOW - 6 * DAY)
    for rows, expected in (
        (few, 0),
        (replace(few, rows=1_000), 1),
        (replace(few, loaded_at=NOW - 7 * DAY), 1),
        (replace(few, loaded_at=None), 1),
    ):
        assert len(planned(subject(dataset, part("2019-08"), rows)).moves) == expected


def test_late_rows_wait_behind_an_archive() -> None:
    world = subject(trips("GLACIER 6 months"), part("2019-03", "GLACIER"), hot("2019-03"))
    assert lines(planned(world)) == []
    opened = part("2019-03", "GLACIER", restored_until=NOW + DAY)
    assert lines(planned(subject(trips("GLACIER 6 months"), opened, hot("2019-03")))) == []


def test_late_rows_do_not_stay_behind_when_the_others_are_archived() -> None:
    dataset = trips("STANDARD 6 months, GLACIER 12 months", append_min_rows=1_000)
    few = hot("2019-03", 3, 300, loaded_at=NOW)
    world = subject(dataset, part("2019-03", "STANDARD", size=500 * MB), few)
    assert lines(planned(world)) == [
        "append 2019-03 hot -> STANDARD",
        "retier 2019-03 STANDARD -> GLACIER",
    ]
    assert planned(applied(world, planned(world))).moves == ()


def test_late_rows_follow_what_comes_back_out_of_an_archive() -> None:
    world = subject(trips("STANDARD 6 months"), part("2019-03", "GLACIER"), hot("2019-03"))
    assert lines(planned(world)) == [
        "restore 2019-03 from GLACIER",
        "retier 2019-03 GLACIER -> STANDARD",
        "append 2019-03 hot -> STANDARD",
    ]


def test_late_rows_stay_where_the_others_come_back_to_the_warehouse() -> None:
    world = subject(trips("STANDARD 24 months"), part("2019-03"), hot("2019-03"))
    assert lines(planned(world)) == ["reload 2019-03 STANDARD -> hot"]


def test_rows_of_an_expired_period_go_by_expiry_alone() -> None:
    world = subject(trips("STANDARD 6 months, expire 12 months"), hot("2019-03", 3))
    plan = planned(world)
    assert lines(plan) == ["expire 2019-03 hot -> expired"]
    assert plan.moves[0].rows == 3


# -- partitions in several tiers


def test_a_mixed_partition_comes_together_where_it_is_due() -> None:
    world = subject(
        trips("STANDARD_IA 12 months"),
        part("2019-03", "STANDARD", size=500 * MB),
        part("2019-03", "STANDARD_IA"),
        part("2019-03", "GLACIER"),
        part("2019-03", "DEEP_ARCHIVE"),
        hot("2019-03", 50),
    )
    assert lines(planned(world)) == [
        "restore 2019-03 from GLACIER",
        "retier 2019-03 GLACIER -> STANDARD_IA",
        "restore 2019-03 from DEEP_ARCHIVE",
        "retier 2019-03 DEEP_ARCHIVE -> STANDARD_IA",
        "append 2019-03 hot -> STANDARD_IA",
        "retier 2019-03 STANDARD -> STANDARD_IA",
    ]
    assert planned(applied(world, planned(world))).moves == ()


def test_a_mixed_partition_expires_whole() -> None:
    world = subject(
        trips("expire 12 months"), part("2019-03"), part("2019-03", "GLACIER"), hot("2019-03", 50)
    )
    plan = planned(world)
    assert lines(plan) == ["expire 2019-03 GLACIER -> expired"]
    assert (plan.moves[0].rows, plan.moves[0].objects) == (200_050, 2)


# -- settling and pausing


@pytest.mark.parametrize(
    ("policy", "items"),
    [
        ("STANDARD 6 months", ()),
        ("STANDARD 6 months", (part("2019-03", "STANDARD"),)),
        ("GLACIER 6 months", (part("2019-03", "STANDARD", size=500 * MB),)),
        ("expire 6 months", (part("2019-03", "STANDARD"),)),
    ],
)
def test_nothing_gets_colder_before_it_has_settled(policy: str, items: tuple[object, ...]) -> None:
    dataset = trips(policy, settle=Duration.parse("7 days"))
    fresh = hot("2019-03", loaded_at=NOW - 6 * DAY)
    plan = planned(subject(dataset, fresh, *items))
    assert plan.moves == ()
    assert {cause for _, cause in refusals(plan)} == {"settles"}
    assert plan.refused[0].why == 'it settles until 2020-05-11 12:00 (settle = "7 days")'
    assert planned(subject(dataset, fresh, *items), now=NOW + DAY).moves


def test_what_comes_back_to_the_warehouse_need_not_settle() -> None:
    dataset = trips("STANDARD 24 months", settle=Duration.parse("7 days"))
    world = subject(dataset, part("2019-03"), hot("2019-03", loaded_at=NOW))
    assert lines(planned(world)) == ["reload 2019-03 STANDARD -> hot"]


def test_one_day_that_settles_keeps_no_other_day_from_moving() -> None:
    dataset = trips("STANDARD 7 days", unit=Unit.DAY, settle=Duration.parse("7 days"))
    world = subject(dataset, hot("2020-04-01", loaded_at=NOW), hot("2020-04-02"))
    plan = planned(world)
    assert lines(plan) == ["unload 2020-04-02 hot -> STANDARD"]
    assert refusals(plan) == [("unload 2020-04-01 hot -> STANDARD", "settles")]


def test_a_paused_dataset_makes_no_move_and_says_how_to_go_on() -> None:
    over = part("2019-03", "GLACIER", restored_until=NOW - DAY)
    items = [hot("2019-02"), over, part("2008-03")]
    plan = planned(subject(trips(STORY), *items, requests=[pause()]), even=True)
    assert plan.moves == ()
    assert {cause for _, cause in refusals(plan)} == {"paused"}
    assert plan.refused[0].why == "trips is paused; go on with: isotherm resume trips"


def test_a_pause_of_one_dataset_leaves_the_others_alone() -> None:
    other = trips("STANDARD 6 months", name="rides")
    first = subject(trips("STANDARD 6 months"), hot("2019-03"), requests=[pause()])
    second = subject(other, hot("2019-03"))
    plan = make_plan([first, second], as_of=NOW, now=NOW, book=BOOK)
    assert [(move.id, move.dataset) for move in plan.moves] == [("1", "rides")]
    assert set(plan.basis) == set(plan.terms) == {"rides"}


# -- small partitions


def days(first: str, count: int) -> list[str]:
    start = Period.parse(first)
    return [str(start.shifted(number)) for number in range(count)]


def by_day(policy: str, *items: object) -> Subject:
    return subject(trips(policy, unit=Unit.DAY), *items)  # type: ignore[arg-type]


def kinds(plan: Plan) -> list[str]:
    return [move.kind.value for move in plan.moves]


def test_small_days_share_a_move() -> None:
    world = by_day("STANDARD 7 days", *(hot(day, 10, 1_000) for day in days("2020-01-01", 90)))
    plan = planned(world, even=True)
    assert lines(plan) == ["unload 2020-01-01..2020-03-30 hot -> STANDARD"]
    assert (plan.moves[0].rows, plan.moves[0].objects) == (900, 90)


def test_months_do_not_share_a_move() -> None:
    world = subject(trips("STANDARD 6 months"), hot("2019-03", 1, 9), hot("2019-04", 1, 9))
    assert len(planned(world, even=True).moves) == 2


def test_a_shared_move_stays_within_its_limits() -> None:
    small = by_day("STANDARD 7 days", *(hot(day, 10, 1_000) for day in days("2018-01-01", 250)))
    assert [len(m.periods) for m in planned(small, even=True).moves] == [
        BATCH_PERIODS,
        BATCH_PERIODS,
        50,
    ]
    half = BATCH_BYTES // 2
    large = by_day("STANDARD 7 days", *(hot(day, 10, half) for day in days("2018-01-01", 5)))
    assert [len(m.periods) for m in planned(large, even=True).moves] == [2, 2, 1]


def test_a_restore_comes_before_what_stands_on_it_however_the_moves_are_cut() -> None:
    open_ = [
        part(day, "GLACIER", size=BATCH_BYTES // 3, restored_until=NOW + DAY)
        for day in days("2020-01-01", 9)
    ]
    closed = [part(day, "GLACIER", size=1_000) for day in days("2020-01-01", 9)]
    world = by_day("GLACIER 1 year", *open_, *closed)
    plan = planned(world)
    assert kinds(plan) == ["restore"] + ["reload"] * 5
    assert planned(applied(world, plan)).moves == ()


def test_late_rows_come_before_the_move_that_takes_them_on() -> None:
    first, second = days("2020-01-01", 2)
    world = by_day(
        "STANDARD 7 days, GLACIER 30 days",
        part(first, size=20 * MB),
        part(second, size=20 * MB),
        hot(second, 5),
    )
    plan = planned(world)
    assert lines(plan) == [
        "append 2020-01-02 hot -> STANDARD",
        "retier 2020-01-01..2020-01-02 STANDARD -> GLACIER",
    ]
    assert planned(applied(world, plan)).moves == ()


def test_moves_for_different_reasons_are_not_shared() -> None:
    one, two, three = days("2020-01-01", 3)
    world = by_day(
        "GLACIER 7 days",
        part(one, "GLACIER", restored_until=NOW - DAY),
        part(two, "GLACIER", restored_until=NOW - 2 * DAY),
        part(three, "GLACIER", restored_until=NOW - DAY),
    )
    assert [(move.span, move.reason) for move in planned(world).moves] == [
        ("2020-01-01, 2020-01-03", "restored until 2020-05-09 12:00 is over"),
        ("2020-01-02", "restored until 2020-05-08 12:00 is over"),
    ]


def test_what_expires_shares_no_move_with_what_moves() -> None:
    items = [hot(day, 10, 1_000) for day in ["2019-01-01", "2019-01-02", "2020-01-01"]]
    plan = planned(by_day("STANDARD 7 days, expire 1 year", *items), even=True)
    assert {move.kind: move.span for move in plan.moves} == {
        Kind.EXPIRE: "2019-01-01..2019-01-02",
        Kind.UNLOAD: "2020-01-01",
    }


def test_refusals_are_shown_together_by_cause_and_way() -> None:
    tiny = [part(day, size=900) for day in days("2019-01-01", 40)]
    fresh = [hot(day, 5, 90, loaded_at=NOW) for day in days("2019-06-01", 3)]
    dataset = trips("GLACIER 7 days", unit=Unit.DAY, settle=Duration.parse("7 days"))
    plan = planned(subject(dataset, *tiny, *fresh))
    together = refused_together(plan.refused)
    assert len(plan.refused) == 43
    assert [(item.cause.value, item.span) for item in together] == [
        ("uneconomic", "2019-01-01..2019-02-09"),
        ("settles", "2019-06-01..2019-06-03"),
    ]
    assert together[0].example == plan.refused[0]
