"""Files that a verb is to write: looked at before anything is done, and what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from command_line import CommandLine, words

CONFIG, REQUEST, USAGE = 3, 13, 64
TWICE = "select 1 as a, 2 as a, 3 as b, 4 as a"


@pytest.mark.parametrize(
    "arguments",
    [
        ("sql", "select error('it has run')", "-o"),
        ("export", "trips", "--subject", "id=1", "-o"),
        ("plan", "--out"),
        ("certificate", "show", "DSR-1", "--out"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_file_that_cannot_be_written_is_said_before_anything_is_done(
    warm: CommandLine, arguments: tuple[str, ...]
) -> None:
    Path("made.csv").mkdir()
    said = warm(*arguments, "nodir/x.csv", code=REQUEST).err
    words(said, ["nodir/x.csv cannot be written", "there is no folder nodir"])
    words(warm(*arguments, "made.csv", code=REQUEST).err, ["made.csv", "it is a folder"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "trips", "--file", "nope.csv"], "nope.csv cannot be read: No such file or"),
        (["certificate", "verify", "nope.json"], "nope.json cannot be read: No such file or"),
        (["certificate", "verify", "c.html"], "c.html is a page for people"),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_read_is_said_in_words(
    warm: CommandLine, arguments: list[str], said: str
) -> None:
    Path("c.html").write_text("<!doctype html>")
    err = warm(*arguments, code=REQUEST).err
    words(err, [said])
    assert "Errno" not in err


@pytest.mark.parametrize(
    ("name", "why"), [("x.parquet", "it has other columns"), ("y.parquet", "there is no such file")]
)
def test_what_is_no_backup_is_said_in_words(warm: CommandLine, name: str, why: str) -> None:
    warm("sql", "select 1 as a", "-o", "x.parquet")
    err = warm("rebuild", "--replace", "--yes", "--from", name, code=CONFIG).err
    words(err, [f"{name} is no backup of a lake: {why}"])


def test_what_a_files_name_does_not_say_is_asked_for(warm: CommandLine) -> None:
    said = warm("sql", "select error('it has run')", "-o", "x.xlsx", code=USAGE).err
    words(said, ["x.xlsx", ".csv", ".json", ".parquet", "--format"])
    warm("sql", "select 1 as a", "-o", "x.xlsx", "--format", "csv")
    warm("sql", "select 1 as a", "-o", "x")
    assert Path("x").read_text() == Path("x.xlsx").read_text() == "a\n1\n"


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet"])
def test_what_was_written_is_counted(warm: CommandLine, name: str) -> None:
    ran = warm("sql", "select id from trips limit 1200", "-o", name)
    assert (ran.out, ran.err) == ("", f"Wrote {name}: 1,200 rows.\n")


def test_no_column_is_lost_beside_another_of_its_name(warm: CommandLine) -> None:
    unlike = {"a": 1, "a_1": 2, "b": 3, "a_2": 4}
    assert warm("sql", TWICE, "--format", "json").json == [unlike]
    warm("sql", TWICE, "-o", "x.json")
    assert json.loads(Path("x.json").read_text()) == [unlike]
    warm("sql", TWICE, "-o", "x.parquet")
    read = duckdb.sql("select * from 'x.parquet'")
    assert dict(zip(read.columns, read.fetchall()[0], strict=True)) == unlike
    assert warm("sql", TWICE, "--format", "csv").out == "a,a,b,a\n1,2,3,4\n"


@pytest.mark.parametrize("verb", ["status", "journal"])
def test_no_line_of_a_table_ends_in_blanks(cold: CommandLine, verb: str) -> None:
    lines = cold(verb).out.splitlines()
    assert lines == [line.rstrip() for line in lines]
