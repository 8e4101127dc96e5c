"""What the times of another engine come to, each time of all queries by itself."""

from __future__ import annotations

import math
from functools import partial

import pyarrow as pa
import pytest
from bench.engines import FailedError
from bench.ratio import Ratio
from bench.tpcds_engines import SPARK, Answer, Asked, in_rounds, summed_up

NONE = pa.table({})
ASKED = {
    1: Asked("SELECT 1", NONE, (1.0, 1.0, 2.0)),
    2: Asked("SELECT 2", NONE, (1.0, 2.0, 1.0)),
    3: Asked("SELECT 3", NONE, (1.0, 1.0, 1.0)),
}
ANSWERS = [
    Answer(1, (8.0, 4.0, 8.0), right=True),
    Answer(2, (2.0, 8.0, 4.0), right=False),
    Answer(3, (), right=False),
]


def figures(name: str) -> dict[str, Ratio]:
    return {item.name: item for item in summed_up(name, ANSWERS, ASKED)}


def test_the_mean_and_the_sum_are_the_median_of_each_time_with_their_spread() -> None:
    found = figures("TPC-DS, Sail")
    mean = found["TPC-DS, Sail: times as long, geometric mean of 2 queries"]
    assert (mean.ratio, mean.spread, mean.bar) == (4.0, 0.0, None)
    total = found["TPC-DS, Sail: times as long, sum of 2 queries"]
    assert total.ratio == pytest.approx(4.0)  # of 5, 4 and 4
    assert total.spread == pytest.approx(0.5)


def test_what_is_not_answered_or_otherwise_is_counted() -> None:
    found = figures("TPC-DS, Sail")
    assert found["TPC-DS, Sail: queries not answered"].ratio == 1
    assert found["TPC-DS, Sail: queries answered otherwise"].ratio == 1


def test_only_spark_has_a_bar_and_more_is_better() -> None:
    mean = next(iter(figures(SPARK).values()))
    assert mean.bar
    assert mean.verdict == "MISSED"
    assert not mean.less_is_better


def test_an_engine_that_answers_nothing_has_no_ratio() -> None:
    nothing = [Answer(number, (), right=False) for number in ASKED]
    mean, total, failed, other = summed_up(SPARK, nothing, ASKED)
    assert math.isnan(mean.ratio)
    assert math.isnan(total.ratio)
    assert mean.verdict == "MISSED"
    assert (failed.ratio, other.ratio) == (3, 0)


def test_queries_are_asked_in_rounds_of_which_the_first_warms_up() -> None:
    asked: list[int] = []
    taken = in_rounds({number: partial(asked.append, number) for number in (1, 2)}, 2)
    assert asked == [1, 2] * 3
    assert {number: len(times) for number, times in taken.items()} == {1: 2, 2: 2}


def test_a_query_that_fails_once_is_not_asked_again_and_has_no_time() -> None:
    asked: list[int] = []

    def fail() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise FailedError("too long")

    taken = in_rounds({1: fail, 2: lambda: None}, 3)
    assert len(asked) == 2
    assert taken[1] == ()
    assert len(taken[2]) == 3
