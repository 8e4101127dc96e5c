"""Plans as files, limits, pauses, repeated applies: what an engineer does with moves."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from command_line import AS_OF, CommandLine, edit, owner, words

STALE, REQUEST = 7, 13
DUE = ("--as-of", AS_OF, "--even-if-uneconomic")
ALL_ROWS = "select count(*), count(distinct id), sum(id)::bigint from trips"
COLD_MONTHS = 13


def all_rows(command: CommandLine) -> None:
    """Check that each of the 6,000 rows is there once, the archive restored."""
    command("restore", "trips", "2018-01..2018-04", "--yes")
    assert command.rows(ALL_ROWS) == [(6_000, 6_000, sum(range(6_000)))]


def test_a_plan_is_written_to_a_file_looked_at_and_applied(warm: CommandLine) -> None:
    words(warm("plan", *DUE, "--out", "plan.json").err, ["plan.json", "isotherm apply plan.json"])
    plan = json.loads(Path("plan.json").read_text())
    assert plan["version"] == 1
    assert len(plan["moves"]) == COLD_MONTHS
    done = warm("apply", "plan.json", "--yes", "--format", "json").json
    assert (done["version"], len(done["done"]), done["left"], done["failed"]) == (
        1,
        COLD_MONTHS,
        [],
        {},
    )
    assert [item["rows"] for item in done["done"]] == [move["rows"] for move in plan["moves"]]
    all_rows(warm)


def test_a_plan_that_was_applied_is_stale_and_does_nothing_twice(warm: CommandLine) -> None:
    warm("plan", *DUE, "--out", "plan.json")
    warm("apply", "plan.json", "--yes")
    words(warm("apply", "plan.json", "--yes", code=STALE).err, ["no longer fits", "isotherm plan"])
    all_rows(warm)


def test_a_plan_that_no_longer_fits_is_refused_with_what_changed(warm: CommandLine) -> None:
    warm("plan", *DUE, "--out", "plan.json")
    owner("INSERT INTO trips SELECT TIMESTAMP '2018-09-09', 6000, 1, 'new'")
    ran = warm("apply", "plan.json", "--yes", code=STALE)
    words(ran.err, ["no longer fits", "trips 2018-09", "isotherm plan"])
    assert "2018-08" not in ran.err
    assert set(warm.tiers().values()) == {"hot"}


def test_a_plan_is_refused_after_the_policy_was_edited(warm: CommandLine) -> None:
    warm("plan", *DUE, "--out", "plan.json")
    edit('STANDARD    = "6 months"', 'STANDARD    = "9 months"')
    words(warm("apply", "plan.json", "--yes", code=STALE).err, ["no longer fits", "trips"])
    assert set(warm.tiers().values()) == {"hot"}


def test_max_moves_stops_early_and_the_next_apply_goes_on(warm: CommandLine) -> None:
    ran = warm("apply", *DUE, "--yes", "--max-moves", "4")
    words(ran.out, ["4 moves done", "9 moves left", "unload trips 2019-01"])
    cold = [month for month, tier in warm.tiers().items() if tier != "hot"]
    assert cold == ["2018-01", "2018-02", "2018-03", "2018-04"]
    assert len(warm("apply", *DUE, "--yes", "--format", "json").json["done"]) == 9
    assert warm.moves(*DUE) == []
    all_rows(warm)


def test_max_bytes_bounds_what_an_apply_reads(warm: CommandLine) -> None:
    sizes = [move["bytes"] for move in warm("plan", *DUE, "--format", "json").json["moves"]]
    limit = sum(sizes[:3])
    done = warm("apply", *DUE, "--yes", "--max-bytes", str(limit), "--format", "json").json
    assert len(done["done"]) == 3
    assert len(done["left"]) == COLD_MONTHS - 3
    assert not warm("apply", *DUE, "--yes", "--max-bytes", "1", "--format", "json").json["done"]
    warm("apply", *DUE, "--yes")
    all_rows(warm)


def test_a_paused_dataset_is_left_alone_until_it_is_resumed(warm: CommandLine) -> None:
    words(warm("pause", "trips").err, ["trips is paused", "isotherm resume trips"])
    words(warm("plan", *DUE).out, ["paused", "isotherm resume trips"])
    words(warm("status").out, ["paused"])
    words(warm("explain", "trips", "2018-02", "--as-of", AS_OF).out, ["paused"])
    warm("apply", *DUE, "--yes")
    assert set(warm.tiers().values()) == {"hot"}
    warm("resume", "trips")
    warm("apply", *DUE, "--yes")
    assert warm.moves(*DUE) == []
    all_rows(warm)


def test_detailed_exit_codes_tell_a_scheduler_what_is_due(warm: CommandLine) -> None:
    warm("plan", *DUE)
    warm("plan", *DUE, "--detailed-exitcode", code=2)
    warm("plan", "--as-of", "2018-03", "--detailed-exitcode", code=0)
    warm("apply", *DUE, "--yes")
    warm("plan", *DUE, "--detailed-exitcode", code=0)


def test_moves_that_never_pay_are_refused_with_the_arithmetic(warm: CommandLine) -> None:
    plan = warm("plan", "--as-of", AS_OF, "--format", "json").json
    assert plan["refused"]
    for refusal in plan["refused"]:
        words(refusal["why"], ["never pays", "$"])
    words(warm("plan", "--as-of", AS_OF).flat, ["due and refused", "never pays"])
    words(
        warm("explain", "trips", plan["refused"][0]["move"]["periods"][0], "--as-of", AS_OF).out,
        ["never pays"],
    )


def test_the_plan_says_which_line_of_the_policy_asks_for_a_move(warm: CommandLine) -> None:
    plan = warm("plan", *DUE, "--format", "json").json
    reasons = {move["target"]: move["reason"] for move in plan["moves"]}
    assert reasons == {
        "STANDARD": 'STANDARD = "6 months"',
        "STANDARD_IA": 'STANDARD_IA = "12 months"',
        "GLACIER": 'GLACIER = "15 months"',
    }


def test_months_cool_down_step_by_step_as_time_goes_on(warm: CommandLine) -> None:
    for as_of in ("2018-07", "2018-10", "2019-01", "2019-04", AS_OF):
        warm("apply", "--as-of", as_of, "--even-if-uneconomic", "--yes")
        assert warm.moves("--as-of", as_of, "--even-if-uneconomic") == []
    assert list(warm.tiers().values()) == (
        ["GLACIER"] * 4 + ["STANDARD_IA"] * 3 + ["STANDARD"] * 6 + ["hot"] * 5
    )
    all_rows(warm)


def test_an_as_of_in_the_past_moves_nothing_back(cold: CommandLine) -> None:
    before = cold.tiers()
    plan = cold("plan", "--as-of", "2018-02", "--format", "json").json
    assert {move["kind"] for move in plan["moves"]} <= {"reload", "restore", "retier"}
    assert cold.tiers() == before


def test_a_restore_is_quoted_and_nothing_is_done(cold: CommandLine) -> None:
    until = cold("restore", "trips", "2018-02", "--quote", "--format", "json").json["until"]
    assert until == datetime.fromisoformat(until).isoformat()
    ran = cold("restore", "trips", "2018-02", "--quote")
    words(ran.out, ["2018-02", "rows", "$", "3 to 5 hours"])
    words(cold("restore", "trips", "2018-02", "--yes").out, ["trips 2018-02 can be read"])
    words(cold("restore", "trips", "2018-02", "--quote").out, ["$0", "readable already"])
    words(cold("explain", "trips", "2018-02").out, ["readable until"])
    words(cold("status").out, ["readable until"])


def test_explain_says_what_comes_next_and_by_which_steps(warm: CommandLine) -> None:
    ran = warm("explain", "trips", "2018-02", *DUE[:2])
    words(ran.out, ["trips 2018-02", "17 months old", 'GLACIER = "15 months"', "hot now"])
    warm("apply", *DUE, "--yes")
    ran = warm("explain", "trips", "2018-12", "--as-of", "2031-01")
    words(ran.out, ["STANDARD now", "unload", "next", "1. intent", "commit", "apply --expire"])
    words(warm("explain", "trips", "2019-06", *DUE[:2]).out, ["no line applies", "2019-12-01"])
