"""`python -m bench.plots`: draw the results, and write the page of measurements anew."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from . import page
from .page import Plots, Results
from .ratio import Point, Ratio, say

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
FULL = "-full"


def main() -> None:
    parser = argparse.ArgumentParser("bench.plots", description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where they lie")
    parser.add_argument(
        "--page", type=Path, default=DOCS / "measurements.md", help="the page; plots lie beside it"
    )
    options = parser.parse_args()
    from .drawing import draw  # Matplotlib is needed for nothing else

    results = read(options.results)
    drawn = draw(lines_of(results), options.page.parent / "plots")
    page.write(options.page, results, drawn)
    say(f"{len(results)} groups, {len(drawn)} plots: {options.page}")


def read(folder: Path) -> dict[str, Results]:
    """Read all results; where a curve was measured in full, that one stands for the short one."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        found[file.stem] = Results(
            [Ratio(**item) for item in content["ratios"]],
            [Point(**item) for item in content.get("points", ())],
            content["machine"],
        )
    for name in [name for name, item in found.items() if name.endswith(FULL) and item.points]:
        found[name.removesuffix(FULL)] = found.pop(name)
    return found


def lines_of(results: Mapping[str, Results]) -> Plots:
    """Return the points of each line of each plot."""
    plots: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for item in results.values():
        for point in item.points:
            plots[point.plot][point.line].append(point)
    return plots


if __name__ == "__main__":
    main()
