"""The stage shows what a command writes, and stops where the story says something else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from isotherm.demo.stage import Command, Stage
from isotherm.model.errors import IsothermError


def counting(lines: int, code: int = 0) -> Stage:
    def run(arguments: Sequence[str]) -> int:
        for number in range(1, lines + 1):
            print(f"line {number}")
        print("a message", file=sys.stderr)
        return code

    return Stage(run)


def test_a_command_is_shown_as_it_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    counting(1).play(Command(("sql", "select 1", "--archived", "skip")))
    written = capsys.readouterr()
    assert written.out.splitlines() == [
        '$ isotherm sql "select 1" --archived skip',
        "line 1",
        "a message",
    ]
    assert not written.err


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (5, ["line 1", "line 2", "line 3", "line 4", "line 5"]),
        (6, ["line 1", "line 2", "line 3", "line 4", "line 5", "line 6"]),
        (9, ["line 1", "line 2", "  ... 4 more lines ...", "line 7", "line 8", "line 9"]),
    ],
)
def test_long_output_is_trimmed_in_the_middle_and_says_by_how_much(
    capsys: pytest.CaptureFixture[str], lines: int, shown: list[str]
) -> None:
    counting(lines).play(Command(("status",), head=2, tail=3))
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out[1:] if line != "a message"] == shown


def test_file_patterns_are_expanded_as_a_shell_does_and_sql_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.csv"):
        Path(name).touch()
    given: list[str] = []
    stage = Stage(lambda arguments: given.extend(arguments) or 0)
    stage.play(Command(("load", "trips", "*.csv", "select count(*) from trips", "*.json")))
    assert given == ["load", "trips", "a.csv", "b.csv", "select count(*) from trips", "*.json"]


def test_the_story_stops_where_a_command_ends_with_another_exit_code() -> None:
    with pytest.raises(IsothermError, match="`isotherm sql` ended with exit code 0, not 5"):
        counting(1).play(Command(("sql",), code=5))
    counting(1, code=5).play(Command(("sql",), code=5))
