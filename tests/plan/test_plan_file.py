"""A plan that was written down, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from plan_world import hot, planned, subject, trips

from isotherm.model.errors import StalePlanError
from isotherm.plan.plan import Plan

PLAN = planned(
    subject(trips("STANDARD 6 months, expire 12 years"), hot("2019-03"), hot("2005-01", 1))
)
Raw = dict[str, Any]


def edited(edit: Callable[[Raw], object]) -> str:
    raw = json.loads(json.dumps(PLAN.to_json()))
    edit(raw)
    return json.dumps(raw)


def test_a_plan_is_read_back() -> None:
    assert Plan.from_json(json.dumps(PLAN.to_json())) == PLAN
    assert len(PLAN.moves) == 2


BROKEN: dict[str, tuple[str, str]] = {
    "nothing": ("", "is no plan: Expecting value"),
    "no JSON": ("moves: []", "is no plan: Expecting value"),
    "a list": ("[]", "is no plan: it is no JSON object"),
    "another file": ('{"a": 1}', "is no plan: 'version' is missing"),
    "without moves": (edited(lambda raw: raw.pop("moves")), "'moves' is missing"),
    "an unknown kind": (
        edited(lambda raw: raw["moves"][0].update(kind="delete")),
        "'delete' is not a valid Kind",
    ),
    "an unknown tier": (
        edited(lambda raw: raw["moves"][0].update(target="COLD")),
        "'COLD' is no tier",
    ),
    "a period that is none": (
        edited(lambda raw: raw["moves"][0].update(periods=["March"])),
        "'March' is no period",
    ),
    "a move without its basis": (
        edited(lambda raw: raw["basis"]["trips"].pop("2019-03")),
        "it has no basis for trips 2019-03",
    ),
    "a move without its terms": (
        edited(lambda raw: raw["terms"].clear()),
        "it has no terms of trips",
    ),
    "rows in words": (
        edited(lambda raw: raw["moves"][0].update(rows="many")),
        "is no plan: invalid literal",
    ),
    "a time that is none": (edited(lambda raw: raw.update(as_of="today")), "Invalid isoformat"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_plan_is_refused_with_the_file_and_what_to_do(text: str, message: str) -> None:
    with pytest.raises(StalePlanError) as error:
        Plan.from_json(text, "plan.json")
    assert error.value.message.startswith("plan.json ")
    assert message in error.value.message
    assert error.value.hint == "Make a new one: isotherm plan --out plan.json"


def test_a_plan_of_another_version_is_refused_by_its_version() -> None:
    with pytest.raises(StalePlanError, match=r"is of version 2, this Isotherm reads 1"):
        Plan.from_json(edited(lambda raw: raw.update(version=2)))
