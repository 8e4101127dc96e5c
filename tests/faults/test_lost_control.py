"""Control is lost, at any time: it is rebuilt from the store, and the story goes on."""

from __future__ import annotations

from pathlib import Path

import killing
import pytest
from trials import PostgresTrial, Trial, warm_processes

from databases import PostgresServer
from turns import in_turn

__all__ = ["warm_processes"]

pytestmark = pytest.mark.usefixtures("warm_processes")


def _tried(trial: Trial, every: int) -> dict[str, list[str]]:
    """Kill a move and lose control before its commit each time, at other steps in turn."""
    steps = trial.steps()
    commits = [n for n, step in enumerate(steps, start=1) if step == "before commit"]
    others = in_turn(range(1, len(steps) + 1), every)
    about = in_turn(sorted({*commits, *(n + 1 for n in commits[1:-1])}), 5)
    chosen = sorted({*others, *about, commits[1]})  # the first one is its intent's
    found = {
        f"{n} {steps[n - 1]}": trial.kill(n, bool(n % 2), killing.survive_without_control)
        for n in chosen
    }
    return {name: problems for name, problems in found.items() if problems}


@pytest.mark.parametrize(
    "story",
    [
        "unload",
        *in_turn(["append", "retier to the archive", "restore", "reload", "erase", "expire"], 3),
    ],
)
def test_a_move_that_is_killed_while_control_is_lost_is_seen_once(
    story: str, tmp_path: Path
) -> None:
    assert not _tried(Trial(tmp_path / "trial", story), 44)


@pytest.mark.parametrize("story", ["unload"])
def test_a_move_on_postgres_that_is_killed_while_control_is_lost_is_seen_once(
    story: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    assert not _tried(PostgresTrial(tmp_path / "trial", story, postgres), 99)
