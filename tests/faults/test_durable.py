"""A loss of power after the commit: everything that it names was made durable before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ageing import Clock, plan_of, policy
from conftest import MakeLake, make_trips, run_sql
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage


def test_what_a_commit_names_is_synced_before_it(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    run_sql(lake, make_trips())
    assert isinstance(lake.storage, FolderStorage)
    root, synced, commits = lake.storage.root, set[int](), 0
    before = set(root.rglob("*"))

    def sync(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def see(move: Move, step: Step) -> None:
        nonlocal commits
        if step is Step.COMMIT:
            commits += 1
            new = set(root.rglob("*")) - before
            assert len(new) > 4 * commits
            named = {folder for path in new for folder in path.parents if root in folder.parents}
            assert not [path for path in new | named if not is_synced(path)]

    def is_synced(path: Path) -> bool:
        return path.stat().st_ino in synced

    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", sync)
    lake.apply(plan_of(lake), watch=Watch(step=see))
    assert commits > 5
