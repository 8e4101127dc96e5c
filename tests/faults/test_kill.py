"""A process that applies is killed at every step in turn, and whoever comes next finishes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import killing
import pytest
from trials import AT_ONCE, PostgresTrial, S3Trial, Trial, warm_processes

from databases import PostgresServer
from servers import S3Server
from turns import in_turn

__all__ = ["warm_processes"]

ALWAYS = ("unload", "unload of several")
"""What matters most."""

pytestmark = pytest.mark.usefixtures("warm_processes")


def chosen(steps: list[str], share: int) -> list[int]:
    """Return at which steps a move is killed.

    Before its own commit, and between the first two objects that it writes; at the others in turn.
    """
    numbers = range(1, len(steps) + 1)
    commits = [number for number in numbers if steps[number - 1] == "before commit"]
    stages = [number for number in numbers if steps[number - 1] == "before storage.stage"]
    # The first commit is its intent's; what is staged last is no object, but the manifest.
    return sorted({*in_turn(numbers, share), commits[1], *stages[1:-1][:1]})


@pytest.mark.parametrize(
    "story",
    in_turn(
        [
            "unload in pieces",
            "unload",
            "unload of several",
            "append",
            "retier of several",
            "reload",
            "erase",
            "expire",
        ],
        7,
    ),
)
def test_a_move_on_postgres_that_is_killed_anywhere_is_finished_by_the_next_apply(
    story: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    """Before its commit each time, anywhere else in turn."""
    trial = PostgresTrial(tmp_path / "trial", story, postgres)
    steps = trial.steps()
    assert steps.count("before commit") > 2
    found = {
        f"{number} {steps[number - 1]}": trial.kill(number, bool(number % 2))
        for number in chosen(steps, 20)
    }
    assert not {name: problems for name, problems in found.items() if problems}


@pytest.mark.parametrize(
    "story",
    in_turn(
        ["unload to the archive", "unload in pieces", "retier of several", "retier", "restore"], 5
    ),
)
def test_a_move_on_s3_that_is_killed_anywhere_is_finished_by_the_next_apply(
    story: str, tmp_path: Path, moto: S3Server
) -> None:
    trial = S3Trial(tmp_path / "trial", story, moto)
    steps = trial.steps()
    assert steps.count("before commit") > 2
    found = {  # every step of them is tried on a folder, too
        f"{number} {steps[number - 1]}": trial.kill(number, bool(number % 2))
        for number in chosen(steps, 44)
    }
    assert not {name: problems for name, problems in found.items() if problems}


@pytest.mark.parametrize(
    "story",
    [*ALWAYS, *in_turn([story for story in killing.STORIES if story not in ALWAYS], 5)],
)
def test_a_move_that_is_killed_anywhere_is_finished_by_the_next_apply(
    story: str, tmp_path: Path
) -> None:
    trials = [Trial(tmp_path / str(n), story) for n in range(AT_ONCE)]
    steps = trials[0].steps()
    assert steps.count("before commit") > 2

    wanted = chosen(steps, {"unload": 5, "unload of several": 25}.get(story, 9))

    def try_all(turn: int) -> dict[str, list[str]]:
        found = {}
        for number in wanted[turn::AT_ONCE]:
            # Both orders at the steps of the move that matters most, one of them in turn else.
            for other_first in (False, True) if story == "unload" else (number % 4 < 2,):
                name = f"{number} {steps[number - 1]}{', another first' if other_first else ''}"
                found[name] = trials[turn].kill(number, other_first)
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = {k: v for part in pool.map(try_all, range(AT_ONCE)) for k, v in part.items()}
    assert len(found) >= len(wanted)
    assert not {name: problems for name, problems in found.items() if problems}
