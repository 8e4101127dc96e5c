"""Where every partition stands, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from plan_world import BOOK, NOW, Subject, hot, part, pause, planned, subject, trips

from isotherm.cost.prices import GB
from isotherm.cost.sizes import COLD_RATIO
from isotherm.model.part import Ageless
from isotherm.model.period import Period
from isotherm.plan.plan import Cause, Kind
from isotherm.plan.status import DatasetStatus, Standing, make_status

approx = pytest.approx
STORY = "STANDARD 6 months, GLACIER 12 months, expire 12 years"


def status(world: Subject, as_of: datetime = NOW) -> DatasetStatus:
    return make_status([world], planned(world, as_of=as_of), BOOK).datasets[0]


def line(world: Subject, as_of: datetime = NOW) -> Standing:
    (found,) = status(world, as_of).partitions
    return found


def test_a_line_says_age_tier_size_dollars_and_what_is_due() -> None:
    found = line(subject(trips(STORY), part("2019-03", rows=500, size=GB)))
    assert (str(found.period), found.age, str(found.tier)) == ("2019-03", 14, "STANDARD")
    assert (found.rows, found.bytes, found.objects) == (500, GB, 1)
    assert found.dollars == approx(0.023)
    assert str(found.due) == "GLACIER"
    assert [(move.id, move.kind) for move in found.moves] == [("1", Kind.RETIER)]


def test_a_refused_move_is_shown_as_refused() -> None:
    found = line(subject(trips(STORY), part("2019-03", size=900)))
    assert found.moves == ()
    assert [refusal.cause for refusal in found.refused] == [Cause.UNECONOMIC]


def test_late_rows_and_a_readable_copy_are_on_the_line() -> None:
    until = NOW + timedelta(days=2)
    opened = part("2019-03", "GLACIER", rows=7, size=GB, restored_until=until)
    found = line(subject(trips(STORY), opened, hot("2019-03", 5, GB)))
    assert (found.rows, found.late_rows, found.bytes, found.objects) == (12, 5, 2 * GB, 1)
    assert found.restored_until == until
    assert found.dollars == approx(0.024 + 0.0036 + 0.023, abs=1e-6)


def test_a_month_in_the_future_has_a_negative_age() -> None:
    assert line(subject(trips(STORY), hot("2020-07"))).age == -2


def test_a_what_if_shows_what_will_be_due() -> None:
    world = subject(trips(STORY), hot("2020-04"))
    assert str(line(world).due) == "hot"
    assert str(line(world, datetime(2020, 10, 1)).due) == "STANDARD"


def test_tiers_add_up_and_late_rows_count_as_hot() -> None:
    world = subject(
        trips(STORY),
        hot("2020-04", 100, GB),
        part("2019-09", rows=50, size=GB),
        hot("2019-09", 10, GB),
        part("2019-03", "GLACIER", rows=70, size=GB),
        part("2019-04", "GLACIER", rows=30, size=GB),
    )
    found = status(world)
    assert [(str(t.tier), t.rows, t.bytes, t.objects) for t in found.tiers] == [
        ("hot", 110, 2 * GB, 0),
        ("STANDARD", 50, GB, 1),
        ("GLACIER", 100, 2 * GB, 2),
    ]
    assert found.dollars == approx(2 * 0.024 + 0.023 + 2 * 0.0036, abs=1e-6)


def test_before_is_what_all_of_it_would_cost_in_the_warehouse() -> None:
    world = subject(trips(STORY), hot("2020-04", 100, GB), part("2019-09", rows=300, size=GB))
    assert status(world).dollars_all_hot == approx(4 * 0.024)
    cold = subject(trips(STORY), part("2019-09", rows=300, size=GB))
    assert status(cold).dollars_all_hot == approx(0.024 / COLD_RATIO)


def test_rows_that_never_age_are_listed_and_paid_for() -> None:
    world = subject(trips(STORY), hot("2020-04", 100, GB))
    ageless = (Ageless("pickup is NULL", 50), Ageless("late", 50, (Period.parse("2031-01"),)))
    found = status(replace(world, inventory=replace(world.inventory, ageless=ageless)))
    assert found.ageless == ageless
    assert [(str(t.tier), t.rows, t.bytes) for t in found.tiers] == [("hot", 200, 2 * GB)]
    assert found.dollars == approx(0.048)


def test_a_paused_dataset_says_so() -> None:
    assert status(subject(trips(STORY), requests=[pause()])).paused
    assert not status(subject(trips(STORY))).paused


def test_a_dataset_without_rows_has_no_lines_and_costs_nothing() -> None:
    found = status(subject(trips(STORY)))
    assert (found.partitions, found.tiers, found.dollars, found.dollars_all_hot) == ((), (), 0, 0)


def test_each_dataset_has_its_own_moves() -> None:
    first = subject(trips("STANDARD 6 months"), hot("2019-03"))
    second = subject(trips("", name="rides"), hot("2019-03"))
    plan = planned(first)
    found = make_status([first, second], plan, BOOK)
    assert [len(item.partitions[0].moves) for item in found.datasets] == [1, 0]
