"""A store that this user may not read is said to be that, and never to be lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import COMMAND, CommandLine, words
from turns import in_turn

STORAGE, AUDIT = 10, 17
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Whom modes bind: root is one of them without these."""


@pytest.fixture
def closed(cold: CommandLine, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a folder or a file of a lake with cold rows that nobody may read."""
    found = next(Path().glob(request.param))
    mode = found.stat().st_mode
    found.chmod(0)
    yield found
    found.chmod(mode)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*(AS_ANYBODY if os.geteuid() == 0 else ()), COMMAND, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True)
    if "setpriv:" in ran.stderr:
        pytest.skip(f"root stays root here: {ran.stderr}")
    return ran


@pytest.mark.parametrize(
    "closed",
    in_turn(
        [
            "objects",
            "objects/iceberg",
            "objects/STANDARD/trips/2019-01",
            "objects/STANDARD/trips/2019-01/*.parquet",
        ],
        4,
    ),
    indirect=True,
)
def test_a_query_says_that_it_may_not_read_the_store(closed: Path) -> None:
    ran = run("sql", "select sum(fare) from trips where pickup >= '2019-01-01'")
    assert ran.returncode == STORAGE
    words(ran.stderr, ["objects", "may not be read by", "let this user read the store"])
    assert "backup" not in ran.stderr


@pytest.mark.parametrize("closed", ["objects"], indirect=True)
def test_an_audit_and_the_doctor_say_that_they_may_not_read_the_store(closed: Path) -> None:
    for verb, code in (("audit", STORAGE), ("doctor", AUDIT)):
        ran = run(verb)
        assert ran.returncode == code
        words(f"{ran.stdout}{ran.stderr}", [str(closed), "may not be read by"])
        assert "report it" not in ran.stdout


@pytest.mark.parametrize("closed", in_turn(["objects", "objects/isotherm.lake"], 2), indirect=True)
def test_nothing_is_moved_in_a_store_that_may_not_be_read(closed: Path) -> None:
    ran = run("apply", "--yes")
    assert ran.returncode == STORAGE
    words(ran.stderr, [str(closed), "may not be read by"])


@pytest.mark.parametrize("closed", ["objects/STANDARD"], indirect=True)
def test_an_audit_calls_no_object_lost_that_it_may_not_read(closed: Path) -> None:
    said = run("audit").stdout
    words(said, ["STANDARD cannot be listed", "may not be read by"])
    assert "backup" not in said
