"""What a move is worth, worked by hand, and what is refused with the arithmetic."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from plan_world import MB, NOW, hot, part, planned, refusals, subject, trips

from isotherm.cost.dollars import DAYS_PER_MONTH
from isotherm.cost.prices import GB, KB
from isotherm.cost.sizes import COLD_RATIO, OBJECT_BYTES
from isotherm.plan.plan import Kind, Move

approx = pytest.approx
DAY = timedelta(days=1)


def only(policy: str, *items: object, even: bool = True) -> Move:
    (move,) = planned(subject(trips(policy), *items), even=even).moves  # type: ignore[arg-type]
    return move


def test_an_unload_saves_the_warehouse_and_costs_the_class_and_a_put() -> None:
    move = only("STANDARD_IA 6 months", hot("2019-03", size=GB))
    assert move.objects == 2  # of 512 MB at most
    cold = (COLD_RATIO * GB + OBJECT_BYTES) / GB
    assert move.dollars.saved == approx(0.024 - cold * 0.0125)
    read_back = 2 * 0.001 / 1000 + cold * 0.01
    assert move.dollars.once == approx(2 * 0.01 / 1000 + read_back)
    assert move.dollars.payback == approx(move.dollars.once / move.dollars.saved)


def test_an_unload_is_measured_by_the_datasets_own_objects() -> None:
    items = (hot("2019-03", rows=100_000, size=GB), part("2019-04", rows=100_000, size=100 * MB))
    move = planned(subject(trips("STANDARD 6 months"), *items)).moves[0]
    assert move.dollars.saved == approx(0.024 - 100 * MB / GB * 0.023)


def test_a_retier_pays_the_transition_the_reading_and_what_leaves_early() -> None:
    cold = part("2019-03", "STANDARD_IA", size=GB, created=NOW - 10 * DAY)
    move = only("GLACIER 6 months", cold)
    beside = (32 * 0.0036 + 8 * 0.023) * KB / GB
    assert move.dollars.saved == approx(0.0125 - 0.0036 - beside)
    early = 0.0125 * 20 / DAYS_PER_MONTH
    assert move.dollars.once == approx(0.03 / 1000 + (0.001 / 1000 + 0.01) + early)


def test_a_warmer_class_is_entered_by_a_copy_and_costs_more_a_month() -> None:
    move = only("STANDARD 6 months", part("2019-03", "STANDARD_IA", size=GB))
    assert move.dollars.saved == approx(0.0125 - 0.023)
    assert move.dollars.once == approx(0.005 / 1000 + 0.001 / 1000 + 0.01 + 0.0004 / 1000)
    assert move.dollars.payback is None


def test_a_restore_is_paid_once_and_its_copy_by_the_day() -> None:
    world = subject(trips("STANDARD 24 months"), part("2019-03", "GLACIER", size=10 * GB))
    restore, reload_ = planned(world).moves
    assert restore.dollars.saved == 0
    copies = 10 * 0.023 * (1 + 35) / DAYS_PER_MONTH  # ours, and the store's own
    assert restore.dollars.once == approx(copies)
    assert restore.speed == "Bulk"  # which costs nothing, and nobody waits
    beside = (32 * 0.0036 + 8 * 0.023) * KB / GB
    assert reload_.dollars.saved == approx(10 * 0.0036 + beside - 10 / COLD_RATIO * 0.024)
    assert reload_.dollars.once == approx(0.0004 / 1000)


def test_an_unload_to_an_archive_is_written_and_read_back_before_it_is_archived() -> None:
    move = only("GLACIER 6 months", hot("2019-03", size=GB))
    assert move.dollars.once == approx(2 * (0.005 + 0.0004 + 0.03) / 1000)  # two objects


def test_what_a_rule_moves_is_neither_read_nor_read_back() -> None:
    dataset = trips("GLACIER_IR 6 months", by_rules=True)
    (move,) = planned(subject(dataset, part("2019-03", "STANDARD_IA", size=GB)), even=True).moves
    assert move.by_rule
    assert move.dollars.once == approx(0.02 / 1000)


def test_an_archive_is_left_by_way_of_a_restore_and_that_has_to_pay() -> None:
    policy = "GLACIER 6 months, DEEP_ARCHIVE 12 months"
    objects = part("2019-03", "GLACIER", size=100 * GB)
    restore, retier = planned(subject(trips(policy), objects)).moves
    assert (restore.kind, retier.kind) == (Kind.RESTORE, Kind.RETIER)
    assert restore.dollars.once == approx(100 * 0.023 * 36 / DAYS_PER_MONTH)
    assert retier.dollars.once == approx((0.05 + 0.0004) / 1000)
    short = planned(subject(trips(f"{policy}, expire 20 months"), objects))
    assert refusals(short) == [("retier 2019-03 GLACIER -> DEEP_ARCHIVE", "uneconomic")]
    assert "$2.72 once" in short.refused[0].why


def test_the_end_of_a_restore_saves_the_readable_copy() -> None:
    over = part("2019-03", "GLACIER", size=10 * GB, restored_until=NOW - DAY)
    move = only("GLACIER 6 months", over)
    assert (move.dollars.saved, move.dollars.once) == (approx(10 * 0.023), 0)


def test_expiry_saves_everything_and_pays_what_leaves_early() -> None:
    young = part("2019-03", "DEEP_ARCHIVE", size=GB, created=NOW - 30 * DAY)
    move = only("expire 12 months", young, hot("2019-03", size=GB))
    archived = 0.00099 + (32 * 0.00099 + 8 * 0.023) * KB / GB
    assert move.dollars.saved == approx(0.024 + archived)
    assert move.dollars.once == approx(archived * 150 / DAYS_PER_MONTH)


def why(policy: str, *items: object) -> str:
    plan = planned(subject(trips(policy), *items))  # type: ignore[arg-type]
    assert plan.moves == ()
    assert {cause for _, cause in refusals(plan)} == {"uneconomic"}
    return plan.refused[0].why


def test_an_object_below_the_least_size_never_pays_and_says_so() -> None:
    assert why("STANDARD_IA 6 months", part("2019-03", size=12 * KB)) == (
        "it never pays back: STANDARD_IA costs $0.0000013 a month more: "
        "it bills 128 KB for an object of 12 KB"
    )


def test_an_object_that_is_smaller_than_what_is_billed_beside_it_never_pays() -> None:
    assert why("GLACIER 6 months", part("2019-03", size=4 * KB)) == (
        "it never pays back: GLACIER costs $0.00000021 a month more: "
        "it bills 40 KB beside an object of 4 KB"
    )


def test_a_stay_that_is_shorter_than_the_payback_never_pays() -> None:
    story = "STANDARD_IA 12 months, GLACIER 15 months"
    assert why(story, part("2019-04", size=200 * KB)) == (
        "it never pays back: $0.000013 once, $0.0000020 saved a month, is 6.6 months, "
        'but it stays 2 months, until GLACIER = "15 months"'
    )


def test_a_stay_that_is_shorter_than_the_least_days_pays_for_leaving_early() -> None:
    story = "GLACIER_IR 12 months, GLACIER 13 months"
    world = subject(trips(story), part("2019-05", "STANDARD_IA", size=GB))
    assert planned(world, as_of=datetime(2020, 5, 1)).refused[0].why == (
        "it never pays back: $0.040 once and $0.0078 for leaving before 90 days, "
        '$0.0085 saved a month, is 5.6 months, but it stays 1 month, until GLACIER = "13 months"'
    )


def test_the_same_month_moves_where_it_is_asked_for_in_spite_of_that() -> None:
    world = subject(trips("STANDARD_IA 6 months"), part("2019-03", size=12 * KB))
    plan = planned(world, even=True)
    assert (len(plan.moves), plan.refused) == (1, ())
    assert plan.moves[0].dollars.payback is None


def test_a_class_that_costs_as_much_as_the_last_never_pays() -> None:
    assert "costs" in why("STANDARD 6 months", hot("2019-03", rows=5, size=800))


@pytest.mark.parametrize("tier", ["STANDARD_IA", "GLACIER", "DEEP_ARCHIVE"])
def test_money_keeps_nothing_from_coming_back(tier: str) -> None:
    world = subject(trips("STANDARD 24 months"), part("2019-03", tier, size=900))
    plan = planned(world)
    assert plan.refused == ()
    assert plan.moves[-1].kind is Kind.RELOAD


def test_money_keeps_nothing_from_expiring() -> None:
    young = part("2019-03", "DEEP_ARCHIVE", size=900, created=NOW)
    assert planned(subject(trips("expire 6 months"), young)).refused == ()
