"""Run command lines and look at what they write, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

COMMAND = str(Path(sys.executable).with_name("isotherm"))
"""The installed command."""

AS_OF = "2019-07"
TRIPS = """CREATE TABLE main.trips AS
    SELECT TIMESTAMP '2018-01-01' + INTERVAL (i * 131) MINUTE AS pickup, i::INTEGER AS id,
           ((i % 97) * 1.25)::DECIMAL(9,2) AS fare, 'x' || (i % 50) AS tag
    FROM range(6_000) t(i)"""
"""Eighteen months of them, 2018-01 to 2019-06."""


@dataclass(frozen=True)
class Ran:
    """What a command line has written, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def flat(self) -> str:
        """Everything it wrote, with every run of blanks and line ends as one blank."""
        return " ".join(f"{self.out} {self.err}".split())


class CommandLine:
    """Runs command lines in this process and in the current folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> Ran:
        from isotherm.cli import main

        self._capsys.readouterr()
        found = main.run(arguments)
        written = self._capsys.readouterr()
        said = f"isotherm {' '.join(arguments)}\n{written.out}\n{written.err}"
        assert found == code, f"exit code {found} instead of {code}: {said}"
        return Ran(found, written.out, written.err)

    def rows(self, sql: str, *options: str) -> list[tuple[Any, ...]]:
        """Return the rows of `isotherm sql`."""
        answer = self("sql", sql, "--format", "json", *options).json
        return [tuple(row.values()) for row in answer]

    def tiers(self, *options: str) -> dict[str, str]:
        """Return the tier of each period of trips, by `isotherm status`."""
        return {line["period"]: line["tier"] for line in self.partitions(*options).values()}

    def partitions(self, *options: str) -> dict[str, dict[str, Any]]:
        """Return the lines of `isotherm status trips` by period."""
        status = self("status", "trips", *options, "--format", "json").json
        assert status["version"] == 1
        (dataset,) = status["datasets"]
        return {line["period"]: line for line in dataset["partitions"]}

    def moves(self, *options: str) -> list[tuple[str, tuple[str, ...], str]]:
        """Return kind, periods and target of each move of `isotherm plan trips`."""
        plan = self("plan", "trips", *options, "--format", "json").json
        assert plan["version"] == 1
        return [(m["kind"], tuple(m["periods"]), m["target"]) for m in plan["moves"]]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Return the command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.fixture
def warm(command: CommandLine) -> CommandLine:
    """Return the command line in a folder with trips from 2018-01 to 2019-06, all of them hot."""
    command("init")
    owner(TRIPS)
    return command


@pytest.fixture
def cold(warm: CommandLine) -> CommandLine:
    """Return the command line in a folder with trips in all four tiers as of `AS_OF`."""
    warm("apply", "--as-of", AS_OF, "--yes", "--even-if-uneconomic")
    return warm


def process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the installed command in the current folder."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.Popen([COMMAND, *arguments], text=True, env=environment, **(pipes | options))


def owner(*statements: str, file: str = "warehouse.duckdb") -> list[tuple[Any, ...]]:
    """Run statements on the warehouse as the table's owner, past Isotherm."""
    with duckdb.connect(file) as connection:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        return rows


def edit(old: str, new: str, file: str = "isotherm.toml") -> None:
    """Edit a line of the config, as with an editor."""
    text = Path(file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    Path(file).write_text(text.replace(old, new), encoding="utf-8")


def written(folder: str | Path) -> set[str]:
    """Return the files below a folder, but for the store's copy of control."""
    root = Path(folder)
    found = {file.relative_to(root) for file in root.rglob("*") if file.is_file()}
    return {str(file) for file in found if file.parts[0] != "control"}


def words(text: str, expected: Sequence[str]) -> None:
    """Check that a text says all of the expected words."""
    missing = [word for word in expected if word.lower() not in text.lower()]
    assert not missing, f"{missing} not said in:\n{text}"
