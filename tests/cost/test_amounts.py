"""Amounts that people can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.cost.amounts import money, months, saving, size


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0, "$0"),
        (1_234.5, "$1,234.50"),
        (1, "$1.00"),
        (0.5, "$0.50"),
        (0.0463, "$0.046"),
        (0.0000005, "$0.00000050"),
        (4.12e-7, "$0.00000041"),
        (-0.003, "-$0.0030"),
        (-12, "-$12.00"),
        (1e-13, "$0"),
    ],
)
def test_dollars_keep_two_digits(dollars: float, text: str) -> None:
    assert money(dollars) == text


@given(st.floats(1e-9, 1e12))
def test_the_dollars_written_are_within_five_percent(dollars: float) -> None:
    assert float(money(dollars).strip("$").replace(",", "")) == pytest.approx(dollars, rel=0.05)


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (0, "0 B"),
        (712, "712 B"),
        (40 * 1024, "40 KB"),
        (1.5 * 2**20, "1.5 MB"),
        (2**30, "1 GB"),
        (5_000 * 2**40, "5000 TB"),
    ],
)
def test_sizes_name_their_unit(bytes_: float, text: str) -> None:
    assert size(bytes_) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1 month"), (5.23, "5.2 months"), (0, "0 months"), (1e4, "10,000 months")],
)
def test_months_are_counted(number: float, text: str) -> None:
    assert months(number) == text


def test_what_saves_nothing_says_what_it_costs() -> None:
    assert saving(2.1) == "saves $2.10 a month"
    assert saving(-0.5) == "costs $0.50 a month more"
