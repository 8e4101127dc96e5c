"""The JSON forms and docs/json.md name the same fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from plan_world import BOOK, MB, NOW, hot, part, planned, subject, trips

from isotherm.model.part import Ageless
from isotherm.model.period import Period
from isotherm.plan.explain import explain
from isotherm.plan.status import make_status

DOCS = Path(__file__).parents[2] / "docs" / "json.md"
MARCH = Period.parse("2019-03")
WORLD = subject(
    trips("STANDARD 6 months, DEEP_ARCHIVE 12 months, expire 18 months"),
    part("2019-03", "GLACIER", size=500 * MB, restored_until=NOW + timedelta(days=1)),
    part("2019-03", "STANDARD", size=500 * MB),
    hot("2019-03", loaded_at=datetime(2020, 1, 1)),
    part("2019-11", "GLACIER"),
)
WORLD = replace(
    WORLD,
    inventory=replace(WORLD.inventory, ageless=(Ageless("before earliest", 3, (MARCH,)),)),
)
PLAN = planned(WORLD)


def documented(form: str) -> set[str]:
    section = re.search(rf"^## {form}\n(.*?)(?=^## |\Z)", DOCS.read_text("utf-8"), re.M | re.S)
    assert section
    return set(re.findall(r"^\| `([^`]+)` \|", section.group(1), re.M))


def fields(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every value; a name that may be any is written as in the docs."""
    names = {"basis": "<dataset>", "basis.<dataset>": "<period>", "terms": "<dataset>"}
    names["datasets[].partitions[].on_s3"] = "<class>"
    if isinstance(value, dict):
        for key, inner in value.items():
            name = names.get(path, key)
            if path == "refused[].move":
                name = "<field>"
            yield from fields(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{path}[]")
    else:
        yield path


def simplified(form: str, value: object) -> set[str]:
    """Return the paths of a form; what another form describes is one path."""
    found = set(fields(value))
    if form == "explain":
        found = {re.sub(r"^moves\[\]\..*", "moves[].<field>", path) for path in found}
    return {re.sub(r"<field>.*", "<field>", path) for path in found}


def test_every_field_of_a_plan_is_in_the_docs_and_no_other() -> None:
    assert PLAN.moves
    assert PLAN.refused
    plan = replace(PLAN, warnings=("a rule of others",))
    assert simplified("plan", json.loads(json.dumps(plan.to_json()))) == documented("plan")


def test_every_field_of_a_status_is_in_the_docs_and_no_other() -> None:
    classes = {part.location: "STANDARD_IA" for part in WORLD.inventory.parts}
    status = make_status([WORLD], PLAN, BOOK, classes).to_json()
    assert simplified("status", json.loads(json.dumps(status))) == documented("status")


def test_every_field_of_an_explanation_is_in_the_docs_and_no_other() -> None:
    found = simplified("explain", explain(WORLD, PLAN, MARCH, BOOK).to_json())
    said = {path for path in documented("explain") if not path.startswith(("last_move", "on_s3"))}
    assert found == said
