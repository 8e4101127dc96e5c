"""The picture: every month once, every dollar accounted for, readable without colours."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from rich.console import Console

from isotherm.cost.prices import GB, PriceBook
from isotherm.demo.picture import Answer, Picture, by_tier, draw
from isotherm.model.part import Ageless, HotPartition, Inventory, Location, Part
from isotherm.model.period import Period, between
from isotherm.model.tier import TIERS

MONTHS = between("2018-01..2018-04")
UNTIL = datetime(2026, 11, 30)


def part(month: Period, tier: str, *, restored: bool = False) -> Part:
    here = Location(tier, f"trips/{month}/x.parquet")
    copy = Location("STANDARD", f"restored/{month}.parquet") if restored else None
    until = UNTIL if restored else None
    return Part(str(month), "trips", month, TIERS[tier], here, 1_000, GB, "", UNTIL, copy, until)


@pytest.fixture
def picture() -> Picture:
    now = Inventory(
        "trips",
        hot=(HotPartition(MONTHS[3], 1_000, 2 * GB), HotPartition(MONTHS[2], 50, GB // 7)),
        parts=(
            part(MONTHS[0], "GLACIER", restored=True),
            part(MONTHS[1], "STANDARD_IA"),
            part(MONTHS[2], "STANDARD"),
        ),
        ageless=(Ageless("before earliest = 2009-01-01", 1),),
    )
    answers = [Answer("Trips", ["tier", "trips"], [("hot", "1,000")], 0.125)]
    before = Inventory("trips", hot=tuple(HotPartition(m, 1_000, 2 * GB) for m in MONTHS))
    return Picture(Period.parse("2018-05"), before, now, PriceBook(), answers)


def drawn(picture: Picture, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    draw(Console(file=file, width=100), picture)
    file.seek(0)
    return file.read()


def test_each_month_has_one_bar_filled_by_its_tier(picture: Picture) -> None:
    lines = {line.split()[0]: line for line in drawn(picture).splitlines() if "2018-0" in line[:9]}
    assert set(lines) == {str(month) for month in MONTHS}
    bars = [lines[str(month)].split()[1] for month in MONTHS]
    assert bars == [
        "░" * 20 + "·" * 20,
        "▒" * 20 + "·" * 20,
        "▓" * 20 + "█" * 2 + "·" * 18,
        "█" * 40,
    ]
    assert "GLACIER, readable to 11-30" in lines["2018-01"]
    assert "STANDARD + 50 late" in lines["2018-03"]


def test_no_line_is_wider_than_the_terminal(picture: Picture) -> None:
    assert max(map(len, drawn(picture).splitlines())) <= 100


def test_a_terminal_without_unicode_gets_plain_characters(picture: Picture) -> None:
    text = drawn(picture, "ascii")
    assert text.isascii()
    assert ":" * 20 + "." * 20 in text
    assert "#" * 40 in text


def test_every_dollar_of_every_tier_is_counted_once(picture: Picture) -> None:
    shares = by_tier(picture)
    hot, ia = 2 * 0.024, 0.0125
    glacier = 0.0036 * (1 + 32 / 2**20) + 0.023 * 8 / 2**20
    assert {name: share.now for name, share in shares.items()} == pytest.approx(
        {
            "hot": hot,
            "STANDARD": 0.023 + 0.0024,
            "STANDARD_IA": ia,
            "GLACIER": glacier,
            "restored copies": 0.023,
        }
    )
    assert sum(share.before for share in shares.values()) == pytest.approx(4 * hot)
    assert sum(share.rows for share in shares.values()) == 4_050
    text = drawn(picture)
    assert "restored copies" in text
    assert "1 row never ages: before earliest" in text


def test_answers_stand_below_their_titles(picture: Picture) -> None:
    lines = [line.strip() for line in drawn(picture).splitlines()]
    at = lines.index("Trips")
    assert [line.split() for line in lines[at + 1 : at + 4]] == [
        ["tier", "trips"],
        ["hot", "1,000"],
        ["in", "125", "ms"],
    ]
