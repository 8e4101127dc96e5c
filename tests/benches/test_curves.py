"""The benchmarks of curves run, at sizes that say nothing of speed: what they return, and draw."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bench import life, months, overhead, page, planning, plots, shapes
from bench.ratio import Found, Point, Ratio, write
from bench.sides import Side, Taken, peak

from turns import in_turn

TINY: dict[str, Callable[[Path], Found]] = {
    "life": partial(life.curve, sizes=((1_000, 1),)),
    "months": partial(months.curve, lengths=(4,), rows=100, ends=1),
    "shapes": partial(shapes.curve, rows=300, times=1, months=2),
    "overhead": partial(overhead.curve, steps=((3, "month"), (4, "day"), (30, "hour")), times=1),
}
WANTED = {
    "life": [f"life-{name}" for name in ("load", "unload", "append", "retier", "restore", "expire")]
    + ["life-verify", "life-delete", "life-register", "life-memory", "life-steps"],
    "months": [f"months-{name}" for name in ("unload", "append", "colder", "archive", "expire")],
    "shapes": ["shapes, plain tables", "shapes, read_parquet", "seconds, all hot"],
    "overhead": ["overhead"],
}


class Here(Side):
    """A side in this process: to start two more is what takes most of the time."""

    def __init__(self, make: Callable[..., Any], *given: object) -> None:
        self._made = make(*given)

    def __call__(self, act: str, *given: object) -> Taken:
        begun = time.perf_counter()
        done = getattr(self._made, act)(*given)
        return Taken(done, time.perf_counter() - begun, peak())

    def __exit__(self, *error: object) -> None:
        self._made.close()


@pytest.mark.parametrize("name", in_turn(TINY, 2))
def test_a_curve_is_measured_and_drawn_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overhead, "MOVED", 10)  # more of them are in control alone
    monkeypatch.setattr(months, "Side", Here)
    monkeypatch.setattr(months, "COLDER", 2)
    monkeypatch.setattr(months, "ARCHIVED", 3)
    monkeypatch.setattr(months, "LATE_BY", 1)
    found = TINY[name](tmp_path / "made")
    assert not (tmp_path / "made").exists()
    assert any(isinstance(item, Ratio) for item in found)
    points = [item for item in found if isinstance(item, Point)]
    assert {point.plot for point in points} >= {*WANTED[name]}
    assert all(point.low <= point.y <= point.high for point in points)

    write(found, tmp_path / "results" / f"{name}.json")
    content = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert {"name", "ratio", "spread", "bar", "less_is_better"} == {*content["ratios"][0]}
    results = plots.read(tmp_path / "results")
    assert results[name].points == points
    written = tmp_path / "measurements.md"
    written.write_text(f"# Measured\n\n{page.BEGIN}\n{page.END}\n\nThe end.\n")
    drawn = _drawn(plots.lines_of(results), tmp_path / "plots")
    page.write(written, results, drawn)
    text = written.read_text()
    assert all(ratio.name in text for ratio in found if isinstance(ratio, Ratio))
    assert all(f"(plots/{plot}.svg)" in text for plot in drawn)
    assert text.endswith("The end.\n")


def test_a_plan_is_measured_whose_partitions_are_in_control_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "STEPS", ((280, 2), (560, 4)))
    found = planning.measure(tmp_path)
    assert len(found) == 5
    assert all(ratio.ratio > 0 for ratio in found)


def _drawn(lines: plots.Plots, folder: Path) -> list[str]:
    """Draw, where there is Matplotlib."""
    pytest.importorskip("matplotlib")
    from bench.drawing import draw

    drawn = draw(lines, folder)
    assert drawn
    assert all((folder / f"{plot}.svg").read_text().startswith("<?xml") for plot in drawn)
    return drawn
