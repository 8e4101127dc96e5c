"""Bad input: the message names the thing, the reason and the next step; nothing is half done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import AS_OF, CommandLine, owner, words, written

QUERY, STALE, SCHEMA, REQUEST, USAGE = 6, 7, 8, 13, 64
VERBS = (
    "init",
    "load",
    "status",
    "plan",
    "apply",
    "explain",
    "sql",
    "restore",
    "pause",
    "resume",
    "journal",
    "demo",
)


def test_a_clock_that_is_missing_is_named_with_the_columns_there_are(command: CommandLine) -> None:
    command("init")
    owner("CREATE TABLE trips (picked_up TIMESTAMP, fare DOUBLE)")
    for verb in ("plan", "status", "apply"):
        words(command(verb, code=SCHEMA).err, ["main.trips", "'pickup'", "picked_up, fare"])


def test_a_clock_of_the_wrong_type_is_named_with_the_right_ones(command: CommandLine) -> None:
    command("init")
    owner("CREATE TABLE trips (pickup VARCHAR)")
    words(command("plan", code=SCHEMA).err, ["pickup", "VARCHAR", "TIMESTAMP", "DATE"])


def test_a_table_that_is_not_there_yet_is_answered_with_load(command: CommandLine) -> None:
    command("init")
    words(command("plan", code=SCHEMA).err, ["main.trips", "does not exist", "isotherm load trips"])


def test_a_dropped_table_leaves_its_cold_rows_untouched_and_says_so(cold: CommandLine) -> None:
    objects = written("objects")
    owner("DROP TABLE trips")
    for arguments in (
        ("status",),
        ("plan",),
        ("apply", "--yes"),
        ("sql", "select count(*) from trips"),
    ):
        words(cold(*arguments, code=SCHEMA).err, ["main.trips", "does not exist", "untouched"])
    assert written("objects") >= objects


def test_apply_refuses_an_as_of_in_the_future_and_plan_shows_it(warm: CommandLine) -> None:
    future = "2099-01"
    assert warm.moves("--as-of", future, "--even-if-uneconomic")
    assert warm.partitions("--as-of", future)
    ran = warm("apply", "--as-of", future, "--yes", "--even-if-uneconomic", code=REQUEST)
    words(ran.err, ["2099-01-01", "future", "what would be"])
    assert owner("SELECT count(*) FROM trips") == [(6_000,)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    {
        "DELETE FROM trips": ["DELETE", "only reads"],
        "CREATE TABLE x AS SELECT 1": ["CREATE", "only reads"],
        "COPY trips TO 'x.csv'": ["COPY", "only reads"],
        "SELECT 1; SELECT 2": ["2 statements", "exactly one"],
        "EXPLAIN SELECT 1; DROP TABLE trips": ["2 statements", "exactly one"],
        "PIVOT trips ON tag USING sum(fare)": ["PIVOT", "IN ('a', 'b')"],
        "": ["no statement"],
        "SELEC 1": ["cannot be parsed", "SELEC"],
        "SELECT * FROM 'warehouse.duckdb'": ["warehouse.duckdb", "--allow-files"],
        "SELECT * FROM read_csv('x.csv')": ["read_csv", "--allow-files"],
        "SELECT fair FROM trips": ["fair", "fare"],
        "SELECT * FROM tripz": ["tripz", "trips"],
    }.items(),
)
def test_sql_that_is_not_one_query_over_datasets_is_refused(
    warm: CommandLine, sql: str, expected: list[str]
) -> None:
    ran = warm("sql", sql, code=QUERY)
    words(ran.err, expected)
    assert not ran.out
    assert owner("SELECT count(*) FROM trips") == [(6_000,)]
    assert not Path("x.csv").exists()


def test_an_unknown_table_is_answered_with_the_datasets(warm: CommandLine) -> None:
    words(warm("sql", "select * from rides", code=QUERY).err, ["rides", "trips"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["aply"], ["aply"]),
        (["plan", "--asof", "2019-07"], ["--asof", "--as-of"]),
        (["plan", "--as-of", "July"], ["--as-of", "July", "2020-05"]),
        (["plan", "--format", "xml"], ["--format", "xml", "json"]),
        (["apply", "--max-moves", "-1"], ["--max-moves", "0"]),
        (["apply", "--max-bytes", "much"], ["--max-bytes", "integer"]),
        (["apply", "nowhere.json"], ["nowhere.json"]),
        (["restore", "trips", "March"], ["PERIOD", "March", "2019-03"]),
        (["restore", "trips", "2018-03..2018-01"], ["PERIOD", "earlier one first"]),
        (["restore", "trips", "2018-03", "--for", "long"], ["--for", "long", "7 days"]),
        (["explain", "trips", "2018-13"], ["2018-13"]),
        (["explain", "trips"], ["PERIOD"]),
        (["sql"], ["SQL"]),
    ],
    ids=" ".join,
)
def test_a_command_line_that_is_wrong_exits_with_64(
    warm: CommandLine, arguments: list[str], expected: list[str]
) -> None:
    ran = warm(*arguments, code=USAGE)
    words(ran.err, expected)
    assert not ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(command: CommandLine, verb: str) -> None:
    text = command(verb, "--help").out
    words(text, [f"isotherm {verb}", "--help"])
    options = [line for line in text.splitlines() if line.strip().startswith("-")]
    bare = [line for line in options if len(line.split(maxsplit=1)) < 2]
    assert not bare, f"options without a word of help: {bare}"


def test_help_lists_every_verb(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = command("--help").out
    words(said, VERBS)
    assert "..." not in said.partition("Commands:")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--as-of", AS_OF, "--even-if-uneconomic"),
        ("restore", "trips", "2018-01"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_acts_or_spends_does_nothing_where_nobody_can_answer(
    cold: CommandLine, arguments: tuple[str, ...]
) -> None:
    owner("INSERT INTO trips SELECT TIMESTAMP '2018-09-09', 1, 1, 'late'")
    objects = written("objects")
    words(cold(*arguments, code=REQUEST).err, ["nobody is there to answer", "--yes"])
    assert written("objects") == objects


def test_only_archived_partitions_can_be_restored(cold: CommandLine) -> None:
    for period, expected in {
        "2018-10": ["2018-10", "STANDARD", "as it is"],
        "2019-05": ["2019-05", "no cold rows"],
        "2031-01": ["2031-01", "no cold rows"],
    }.items():
        words(cold("restore", "trips", period, "--yes", code=REQUEST).err, expected)


def test_a_dataset_is_paused_once_and_resumed_once(warm: CommandLine) -> None:
    words(warm("resume", "trips", code=REQUEST).err, ["trips", "not paused"])
    warm("pause", "trips")
    words(warm("pause", "trips", code=REQUEST).err, ["trips", "paused already"])
    warm("resume", "trips")


def test_a_file_that_is_no_plan_is_refused(warm: CommandLine) -> None:
    plan = Path("plan.json")
    for text in ("{}", "no plan", '{"version": 99}', '{"version": 1}', "[]"):
        plan.write_text(text)
        words(warm("apply", "plan.json", "--yes", code=STALE).err, ["plan.json", "isotherm plan"])


def test_a_plan_file_that_was_changed_by_hand_moves_nothing_else(warm: CommandLine) -> None:
    warm("plan", "--as-of", AS_OF, "--even-if-uneconomic", "--out", "plan.json")
    plan = json.loads(Path("plan.json").read_text())
    plan["moves"][0]["dataset"] = "others"
    Path("plan.json").write_text(json.dumps(plan))
    ran = warm("apply", "plan.json", "--yes", code=STALE)
    words(ran.err, ["plan.json", "others"])
    assert owner("SELECT count(*) FROM trips") == [(6_000,)]


def test_a_period_without_rows_is_explained_by_those_there_are(warm: CommandLine) -> None:
    ran = warm("explain", "trips", "2025-01", code=REQUEST)
    words(ran.err, ["2025-01", "no rows", "2018-01", "2019-06"])
