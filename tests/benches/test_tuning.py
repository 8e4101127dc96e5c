"""The benchmark of settings runs, at a size that says nothing."""

from __future__ import annotations

from pathlib import Path

from bench import tuning


def test_settings_are_compared_and_nothing_is_left(tmp_path: Path) -> None:
    found = tuning.measure(tmp_path, rows=2_000, times=2)
    assert all(item.ratio > 0 for item in found)
    names = [item.name for item in found]
    assert len(set(names)) == len(names)
    assert {name.split(":")[0].removeprefix("tuning, ") for name in names} == {
        "order_by, the clock against none",
        "16 objects a month against one",
        "days against a month",
        "one object instead of 20",
    }
    assert not list(tmp_path.iterdir())
