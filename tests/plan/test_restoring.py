"""A restore that somebody asks for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from plan_world import (
    BOOK,
    NOW,
    Subject,
    applied,
    hot,
    lines,
    part,
    pause,
    planned,
    subject,
    trips,
)

from isotherm.cost.dollars import DAYS_PER_MONTH
from isotherm.cost.prices import GB
from isotherm.model.errors import RequestError
from isotherm.model.period import Period, Unit, between
from isotherm.plan.plan import Plan
from isotherm.plan.restoring import make_restore_plan
from isotherm.plan.stale import changes

approx = pytest.approx
DAY = timedelta(days=1)
WEEK = NOW + 7 * DAY
ARCHIVE = trips("GLACIER 6 months")


def restore(
    world: Subject, periods: str = "2019-03", until: datetime = WEEK, now: datetime = NOW
) -> Plan:
    return make_restore_plan(world, between(periods), until, now, BOOK)


def test_a_restore_is_one_move_a_month_with_its_price_and_its_end() -> None:
    world = subject(
        ARCHIVE, part("2019-03", "GLACIER", size=GB), part("2019-04", "GLACIER", size=GB)
    )
    plan = restore(world, "2019-03..2019-04")
    assert lines(plan) == [
        "restore 2019-03 from GLACIER",
        "restore 2019-04 from GLACIER",
    ]
    assert {move.until for move in plan.moves} == {WEEK}
    assert plan.moves[0].reason == "asked for until 2020-05-17 12:00"
    copies = 2 * 0.023 * 7 / DAYS_PER_MONTH  # ours, and the store's own
    price = 0.01 + 0.05 / 1000 + copies
    assert [move.dollars.once for move in plan.moves] == [approx(price)] * 2
    assert changes(plan, [world]) == ()


def test_restoring_twice_pays_once() -> None:
    world = subject(ARCHIVE, part("2019-03", "GLACIER", size=GB))
    opened = applied(world, restore(world))
    (again,) = restore(opened).moves
    assert (again.dollars.once, again.bytes, again.objects) == (0, 0, 0)


def test_restoring_for_longer_pays_for_the_days_that_are_added() -> None:
    world = subject(ARCHIVE, part("2019-03", "GLACIER", size=GB))
    opened = applied(world, restore(world))
    (longer,) = restore(opened, until=WEEK + 3 * DAY).moves
    assert longer.dollars.once == approx(0.023 * 3 / DAYS_PER_MONTH)
    assert longer.objects == 0


def test_a_restore_fetches_what_is_archived_and_leaves_the_rest() -> None:
    world = subject(
        ARCHIVE,
        part("2019-03", "STANDARD"),
        part("2019-03", "GLACIER", size=GB),
        part("2019-03", "GLACIER", size=GB, restored_until=NOW + DAY),
        part("2019-03", "DEEP_ARCHIVE"),
        hot("2019-03"),
    )
    plan = restore(world)
    assert [(str(move.source), move.objects) for move in plan.moves] == [
        ("GLACIER", 1),
        ("DEEP_ARCHIVE", 1),
    ]
    (partition,) = applied(world, plan).inventory
    assert all(item.readable_at(WEEK - DAY) for item in partition.parts)


def test_after_a_restore_the_plan_brings_it_back_when_its_time_is_over() -> None:
    world = subject(ARCHIVE, part("2019-03", "GLACIER"))
    opened = applied(world, restore(world))
    assert lines(planned(opened)) == []
    assert lines(planned(opened, now=WEEK)) == ["retier 2019-03 back to GLACIER"]


def test_small_days_are_restored_together() -> None:
    dataset = trips("GLACIER 6 months", unit=Unit.DAY)
    days = [str(period) for period in between("2019-03-01..2019-03-31")]
    world = subject(dataset, *(part(day, "GLACIER", size=1_000) for day in days))
    plan = make_restore_plan(world, [Period.parse(d) for d in days], WEEK, NOW, BOOK)
    assert lines(plan) == ["restore 2019-03-01..2019-03-31 from GLACIER"]


@pytest.mark.parametrize(
    ("periods", "until", "message"),
    [
        ("2019-05", WEEK, "trips has no cold rows in 2019-05"),
        ("2019-06", WEEK, "trips has no cold rows in 2019-06"),
        ("2019-04", WEEK, "trips 2019-04 is in STANDARD and can be read as it is"),
        ("2019-03-01", WEEK, "trips ages by the month, and 2019-03-01 is a day"),
        ("2019-03", NOW, "a restore until 2020-05-10 12:00 would be over at once"),
    ],
)
def test_a_restore_that_makes_no_sense_is_refused(
    periods: str, until: datetime, message: str
) -> None:
    world = subject(ARCHIVE, part("2019-03", "GLACIER"), part("2019-04"), hot("2019-05"))
    with pytest.raises(RequestError, match=message):
        restore(world, periods, until)


def test_a_paused_dataset_is_not_restored() -> None:
    world = subject(ARCHIVE, part("2019-03", "GLACIER"), requests=[pause()])
    with pytest.raises(RequestError, match="trips is paused") as error:
        restore(world)
    assert error.value.hint == "Go on with: isotherm resume trips"
