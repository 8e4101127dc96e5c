"""What a case keeps: against expiry, whoever asks, until the case itself lets go."""

from __future__ import annotations

from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import lake_at, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, RequestError, StalePlanError
from isotherm.model.period import Period, between
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Limits, Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from turns import places_in_turn

CONFIG = policy(STANDARD="6 months", expire="14 months").replace(
    'clock = "pickup"', 'clock = "pickup"\nsubject = ["rider_id"]'
)
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id, (i % 10)::INTEGER AS rider_id FROM range(200) t(i)"
)
MARCH, APRIL = Period.parse("2018-03"), Period.parse("2018-04")
EXPIRE = Limits(expire=True)
REQUEST = RequestError.exit_code


@pytest.fixture(params=places_in_turn(["duckdb", "postgres"], 2))
def lake(request: pytest.FixtureRequest) -> Lake:
    made = lake_at(request, request.param, CONFIG, clock=Clock())
    run_sql(made, TABLE)
    return made


def test_a_hold_keeps_what_would_expire_and_nothing_else(lake: Lake) -> None:
    lake.hold("SDNY-17", "trips", [MARCH], reason="subpoena", who="ann")
    plan = lake.plan(even_if_uneconomic=True)
    assert [(r.move.span, r.cause.value) for r in plan.refused] == [("2018-03", "held")]
    assert "case SDNY-17 (trips 2018-03: subpoena)" in plan.refused[0].why
    age(lake)
    assert tiers_of(lake)["2018-03"] == "STANDARD"  # where it would be without its end
    assert set(range(93)) <= set(ids(lake))
    assert len(ids(lake)) < 200
    explained, _ = lake.explain("trips", MARCH)
    assert "held" in {block.kind.value for block in explained.blocks}
    lake.release("SDNY-17", reason="settled", who="bob")
    age(lake)
    assert "2018-03" not in tiers_of(lake)
    assert not untidy(lake)
    events = [
        (e.event, e.detail["case"], e.detail["who"], e.detail["why"])
        for e in lake.journal("trips")
        if e.event in ("held", "released")
    ]
    assert events == [
        ("held", "SDNY-17", "ann", "subpoena"),
        ("released", "SDNY-17", "bob", "settled"),
    ]


def test_a_partition_is_held_until_the_last_case_lets_go(lake: Lake) -> None:
    lake.hold("A", "trips", [MARCH], reason="x")
    lake.hold("B", "trips", between("2018-02..2018-04"), reason="y")
    lake.hold("B", "trips", subjects=[DataSubject.parse("rider_id=4")], reason="z")
    lake.release("A")
    assert {hold.case for hold in lake.holds("trips")} == {"B"}
    assert len(lake.holds()) == 2
    age(lake)
    assert len(ids(lake)) == 200
    lake.release("B", "trips")
    age(lake)
    assert len(ids(lake)) < 200


def test_a_plan_from_before_a_hold_deletes_nothing(lake: Lake) -> None:
    plan = plan_of(lake, "2018-03")
    lake.hold("A", "trips", reason="x")
    with pytest.raises(StalePlanError, match="the hold of case A"):
        lake.apply(plan, limits=EXPIRE)
    assert len(ids(lake)) == 200


def test_a_hold_that_comes_while_an_apply_runs_is_kept(lake: Lake) -> None:
    def watch(move: Move, step: Step) -> None:
        if step is Step.INTENT and not lake.holds():
            lake.hold("A", "trips", reason="x")

    with pytest.raises(MovesFailed, match="the hold of case A"):
        lake.apply(plan_of(lake, "2018-03"), limits=EXPIRE, watch=Watch(step=watch))
    assert len(ids(lake)) == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "A", "--dataset", "trips", "--reason", "x", "--period", "2031-01"), "no rows in"),
        (
            ("add", "A", "--dataset", "trips", "--reason", "x", "--period", "2018-03-01"),
            "by the month",
        ),
        (("add", "A", "--dataset", "tripz", "--reason", "x"), "tripz"),
        (("add", "A", "--dataset", "trips", "--reason", " "), "a case and a reason"),
        (("add", "A", "--dataset", "trips", "--reason", "x", "--subject", "fare=3"), "fare is no"),
        (("release", "Case-8"), "Did you mean Case-7?"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(
    command: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    Path("isotherm.toml").write_text(CONFIG)
    command("init")
    with isotherm.open("isotherm.toml") as lake:
        run_sql(lake, TABLE)
    command("hold", "add", "Case-7", "--dataset", "trips", "--reason", "first")
    words(command("hold", *arguments, code=REQUEST if said != "tripz" else 3).flat, [said])
    assert [h["case"] for h in command("hold", "list", "--format", "json").json["holds"]] == [
        "Case-7"
    ]


def test_holds_are_listed_by_case_and_name_nobody(command: CommandLine) -> None:
    Path("isotherm.toml").write_text(CONFIG)
    command("init")
    with isotherm.open("isotherm.toml") as lake:
        run_sql(lake, TABLE)
    words(command("hold", "list").out, ["Nothing is held"])
    add = ("hold", "add", "Case-7", "--dataset", "trips", "--reason", "a court")
    words(command(*add, "--period", "2018-03..2018-04").err, ["trips 2018-03..2018-04"])
    words(
        command(*add, "--subject", "rider_id=4711", "--subject", "rider_id=4712").err, ["2 people"]
    )
    words(
        command(*add, "--subject", "rider_id=4711", "--subject", "rider_id=4712", code=REQUEST).err,
        ["already"],
    )
    shown = command("hold", "list").out
    words(shown, ["Case-7", "trips 2018-03..2018-04", "records of 2 people", "a court"])
    assert "4711" not in shown
    assert "4711" not in command("journal", "--format", "json").out
    words(command("hold", "release", "Case-7").err, ["Released: trips 2018-03..2018-04"])
    words(command("hold", "list").out, ["Nothing is held"])
