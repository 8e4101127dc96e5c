"""A process that applies is killed at every step in turn, and whoever comes next finishes it."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from pathlib import Path

import killing
import pytest

SIGKILL = -9
FORKS = multiprocessing.get_context("forkserver")
AT_ONCE = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2


@pytest.fixture(scope="module", autouse=True)
def _warm_processes() -> None:
    """Fork from a process that has imported everything and opened nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        FORKS.set_forkserver_preload(["warm"])
        forkserver.ensure_running()


def run(target: Callable[..., None], *args: object) -> int | None:
    """Run a function in a process of its own and return its exit code."""
    process = FORKS.Process(target=target, args=args)
    process.start()
    process.join(120)
    return process.exitcode


class Trial:
    """One lake, at one path, that is killed again and again."""

    def __init__(self, root: Path, story: str) -> None:
        self.story, self.root = story, root
        self.lake, self.template = root / "lake", root / "template"
        self.lake.mkdir(parents=True)
        assert run(killing.build, story, str(self.lake)) == 0
        self.lake.rename(self.template)

    def steps(self) -> list[str]:
        """Make the move unharmed, and return its steps."""
        killing.put_back(self.template, self.lake)
        log = self.root / "steps.json"
        assert run(killing.die, self.story, str(self.lake), 0, str(log)) == 0
        return list(json.loads(log.read_text()))

    def kill(self, number: int, other_first: bool) -> list[str]:
        """Kill the move at a step; return what is wrong after another process has finished it."""
        killing.put_back(self.template, self.lake)
        report = self.root / "report.json"
        report.unlink(missing_ok=True)
        died = run(killing.die, self.story, str(self.lake), number, str(report))
        if died != SIGKILL:
            return [f"the process was not killed, it ended with {died}"]
        run(killing.survive, self.story, str(self.lake), other_first, str(report))
        return list(json.loads(report.read_text()))


@pytest.mark.parametrize("story", killing.STORIES)
def test_a_move_that_is_killed_anywhere_is_finished_by_the_next_apply(
    story: str, tmp_path: Path
) -> None:
    trials = [Trial(tmp_path / str(n), story) for n in range(AT_ONCE)]
    steps = trials[0].steps()
    assert steps.count("before commit") > 2

    def try_all(turn: int) -> dict[str, list[str]]:
        found = {}
        for number in range(1 + turn, len(steps) + 1, AT_ONCE):
            # Both orders at every step of the move that matters most, one of them in turn else.
            for other_first in (False, True) if story == "unload" else (number % 4 < 2,):
                name = f"{number} {steps[number - 1]}{', another first' if other_first else ''}"
                found[name] = trials[turn].kill(number, other_first)
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = {k: v for part in pool.map(try_all, range(AT_ONCE)) for k, v in part.items()}
    assert len(found) >= len(steps)
    assert not {name: problems for name, problems in found.items() if problems}
