"""One partition explained: the line in force, the next move, what comes, and what blocks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from plan_world import BOOK, MB, NOW, Subject, hot, part, pause, planned, subject, trips

from isotherm.model.errors import RequestError
from isotherm.model.part import Ageless
from isotherm.model.period import Duration, Period
from isotherm.plan.explain import Blocking, Explanation, explain
from isotherm.plan.plan import Kind
from isotherm.plan.steps import Step, steps

DAY = timedelta(days=1)
STORY = "STANDARD 6 months, STANDARD_IA 12 months, GLACIER 15 months, expire 12 years"


def explained(
    world: Subject, period: str = "2019-03", *, as_of: datetime = NOW, even: bool = False
) -> Explanation:
    plan = planned(world, as_of=as_of, even=even)
    return explain(world, plan, Period.parse(period), BOOK)


def blocks(found: Explanation) -> dict[Blocking, str]:
    return {block.kind: block.why for block in found.blocks}


def test_a_hot_month_that_is_too_young_says_what_comes_and_when() -> None:
    found = explained(subject(trips(STORY), hot("2020-02")), "2020-02")
    assert (found.age, found.rule, str(found.tier), str(found.due)) == (3, None, "hot", "hot")
    assert (found.moves, found.steps, found.blocks) == ((), (), ())
    assert found.coming
    assert str(found.coming.rule) == 'STANDARD = "6 months"'
    assert found.coming.at == datetime(2020, 8, 1)


def test_a_month_that_is_due_says_its_move_and_the_very_steps_of_it() -> None:
    found = explained(subject(trips(STORY), hot("2019-03")))
    assert str(found.rule) == 'STANDARD_IA = "12 months"'
    assert [move.kind for move in found.moves] == [Kind.UNLOAD]
    assert found.steps == steps(Kind.UNLOAD)
    assert found.steps[0] is Step.INTENT
    assert found.coming
    assert found.coming.at == datetime(2020, 6, 1)


def test_a_month_where_it_belongs_says_only_what_comes() -> None:
    found = explained(subject(trips(STORY), part("2019-03", "STANDARD_IA")))
    assert (found.moves, found.blocks) == ((), ())
    assert found.coming
    assert str(found.coming.rule) == 'GLACIER = "15 months"'


def test_without_a_policy_nothing_comes() -> None:
    found = explained(subject(trips(), hot("2019-03")))
    assert (found.rule, found.coming, found.moves, found.blocks) == (None, None, (), ())


def test_after_the_last_line_nothing_comes() -> None:
    found = explained(subject(trips("STANDARD 6 months"), part("2019-03")))
    assert found.coming is None


def test_a_refused_move_says_why() -> None:
    found = explained(subject(trips("GLACIER 6 months"), part("2019-03", size=900)))
    assert found.moves == ()
    assert blocks(found)[Blocking.UNECONOMIC].startswith(
        "retier: it never pays back: GLACIER costs $"
    )


def test_a_settling_month_says_until_when() -> None:
    dataset = trips("STANDARD 6 months", settle=Duration.parse("7 days"))
    found = explained(subject(dataset, hot("2019-03", loaded_at=NOW - DAY)))
    assert blocks(found)[Blocking.SETTLES] == (
        'unload: it settles until 2020-05-16 12:00 (settle = "7 days")'
    )


def test_a_paused_dataset_says_so_whether_or_not_something_is_due() -> None:
    world = subject(trips("STANDARD 6 months"), hot("2019-03"), hot("2020-04"), requests=[pause()])
    assert list(blocks(explained(world))) == [Blocking.PAUSED]
    assert list(blocks(explained(world, "2020-04"))) == [Blocking.PAUSED]


def test_a_restored_month_says_until_when_and_what_it_costs_meanwhile() -> None:
    dataset = trips("GLACIER 6 months, DEEP_ARCHIVE 12 months")
    opened = part("2019-03", "GLACIER", size=500 * MB, restored_until=NOW + DAY)
    found = explained(subject(dataset, opened))
    assert Blocking.RESTORED in blocks(found)
    closed = replace(opened, restored=None, restored_until=None)
    assert found.dollars > explained(subject(dataset, closed)).dollars
    assert found.parts == (opened,)


def test_late_rows_behind_an_archive_are_named() -> None:
    world = subject(trips("GLACIER 6 months"), part("2019-03", "GLACIER"), hot("2019-03", 12))
    found = explained(world)
    assert found.late_rows == 12
    assert blocks(found)[Blocking.LATE_ROWS_WAIT] == (
        "12 late rows stay in the warehouse: the partition is archived in GLACIER, "
        "and nothing can follow it there"
    )


def test_late_rows_that_are_too_few_say_how_many_they_wait_for() -> None:
    dataset = trips("STANDARD 6 months", append_min_rows=1_000)
    world = subject(dataset, part("2019-03"), hot("2019-03", 12, loaded_at=NOW))
    assert blocks(explained(world))[Blocking.LATE_ROWS_WAIT] == (
        "12 late rows wait until there are 1,000, or 7 days after their load"
    )


def test_late_rows_that_follow_or_come_together_with_the_others_block_nothing() -> None:
    follow = subject(trips("STANDARD 6 months"), part("2019-03"), hot("2019-03", 12))
    assert explained(follow).blocks == ()
    back = subject(trips("STANDARD 24 months"), part("2019-03"), hot("2019-03", 12))
    assert explained(back).blocks == ()


def test_an_expired_month_says_what_it_needs() -> None:
    found = explained(subject(trips("expire 12 months"), part("2019-03")))
    assert [move.kind for move in found.moves] == [Kind.EXPIRE]
    assert blocks(found)[Blocking.NEEDS_EXPIRE].endswith("isotherm apply --expire")


def test_several_moves_are_shown_in_their_order() -> None:
    found = explained(subject(trips("STANDARD 24 months"), part("2019-03", "GLACIER")))
    assert [move.kind for move in found.moves] == [Kind.RESTORE, Kind.RELOAD]
    assert found.steps == steps(Kind.RESTORE)


def test_a_what_if_is_explained_as_of_its_day() -> None:
    found = explained(subject(trips(STORY), hot("2020-02")), "2020-02", as_of=datetime(2021, 5, 1))
    assert (found.age, str(found.due)) == (15, "GLACIER")


def with_ageless(world: Subject, period: str) -> Subject:
    item = Ageless("before earliest = 2009-01-01", 2, (Period.parse(period),))
    return replace(world, inventory=replace(world.inventory, ageless=(item,)))


def test_rows_that_never_age_are_explained_although_they_are_in_no_partition() -> None:
    found = explained(with_ageless(subject(trips(STORY)), "2008-12"), "2008-12")
    assert blocks(found) == {
        Blocking.AGELESS: "rows of 2008-12 never age: before earliest = 2009-01-01"
    }
    assert (str(found.tier), found.hot, found.dollars) == ("hot", None, 0)


def test_a_partition_may_have_rows_that_age_and_rows_that_do_not() -> None:
    found = explained(with_ageless(subject(trips(STORY), hot("2019-03")), "2019-03"))
    assert found.moves
    assert Blocking.AGELESS in blocks(found)


@pytest.mark.parametrize(
    ("period", "message", "hint"),
    [
        ("2018-01", "trips has no rows in 2018-01", "It has rows from 2019-03 to 2019-08."),
        ("2019-03-05", "trips ages by the month, and 2019-03-05 is a day", ""),
    ],
)
def test_a_partition_that_is_not_there_is_answered_with_what_is(
    period: str, message: str, hint: str
) -> None:
    with pytest.raises(RequestError, match=message) as error:
        explained(subject(trips(STORY), hot("2019-03"), part("2019-08")), period)
    assert error.value.hint == hint


def test_a_dataset_without_rows_says_so() -> None:
    with pytest.raises(RequestError) as error:
        explained(subject(trips(STORY)))
    assert error.value.hint == "It has no rows."
