"""The search for what a query needs: few questions, and nothing missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from isotherm.query.segments import Kind, Search, Segment

Wanted = Callable[[int], bool]


def run(
    kind: Kind, ordinals: Sequence[int], named: Iterable[int], wanted: Wanted
) -> tuple[tuple[int, ...], int, int]:
    """Answer as a planner that knows it all would; return what is found, rounds and questions."""
    search = Search("trips", kind, ordinals, named)
    rounds = asked = 0
    going = bool(search.questions)
    while going:
        rounds += 1
        asked += len(search.questions)
        going = search.answer([s for s in search.questions if any(map(wanted, s.ordinals))])
    return search.found, rounds, asked


def hull(segment: Segment, wanted: Wanted) -> bool:
    """Answer as the optimizer does, that knows of a segment nothing but its ends."""
    return any(map(wanted, range(segment.ordinals[0], segment.ordinals[-1] + 1)))


lists = st.lists(st.integers(-500, 5_000), unique=True, max_size=300).map(sorted)
kinds = st.sampled_from(Kind)


@given(kinds, lists, st.lists(st.integers(-600, 5_100), max_size=4), st.data())
def test_nothing_that_is_needed_is_missed(
    kind: Kind, ordinals: list[int], named: list[int], data: st.DataObject
) -> None:
    needed = set(data.draw(st.lists(st.sampled_from(ordinals), max_size=9))) if ordinals else set()
    found, _, _ = run(kind, ordinals, named, needed.__contains__)
    assert needed <= set(found)
    assert list(found) == sorted(set(found))


@given(lists, st.integers(-600, 5_100), st.integers(-600, 5_100), st.booleans())
def test_of_archived_partitions_a_range_is_found_exactly(
    ordinals: list[int], one: int, other: int, is_named: bool
) -> None:
    low, high = min(one, other), max(one, other)
    search = Search("trips", Kind.ARCHIVED, ordinals, (low, high) if is_named else ())
    going = bool(search.questions)
    while going:
        going = search.answer([s for s in search.questions if hull(s, lambda o: low <= o < high)])
    assert list(search.found) == [o for o in ordinals if low <= o < high]


@given(lists, st.integers(-600, 5_100), st.integers(-600, 5_100))
def test_a_range_whose_ends_are_named_takes_one_round_of_few_questions(
    ordinals: list[int], one: int, other: int
) -> None:
    low, high = min(one, other), max(one, other)
    found, rounds, asked = run(Kind.COLD, ordinals, (low, high), lambda o: low <= o < high)
    assert list(found) == [o for o in ordinals if low <= o < high]
    assert rounds <= 1
    assert asked <= 9


def test_ten_years_of_days_are_searched_in_few_rounds_without_a_named_time() -> None:
    days = range(3_650)
    found, rounds, asked = run(Kind.COLD, days, (), lambda o: 1_000 <= o < 1_365)
    assert list(found) == list(range(1_000, 1_365))
    assert rounds <= 5
    assert asked < 200
    found, rounds, _ = run(Kind.COLD, days, (), lambda o: True)
    assert len(found) == 3_650
    assert rounds == 1


def test_a_day_far_from_what_is_kept_is_refuted_in_one_round() -> None:
    assert run(Kind.ARCHIVED, range(1_000), (5_000,), lambda o: False) == ((), 1, 1)
