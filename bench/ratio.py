"""What a measurement comes to: ratios, each with its spread and its bar, and points of curves."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Ratio:
    """One figure.

    Attributes:
        ratio: The median of the ratios of each pair; where the name says a unit, the figure itself.
        spread: Between the first and the third quartile of the pairs.
        bar: What it is held against; None where a figure only tells.

    """

    name: str
    ratio: float
    spread: float
    bar: float | None
    less_is_better: bool = True

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        met = self.ratio <= self.bar if self.less_is_better else self.ratio >= self.bar
        return "met" if met else "MISSED"


@dataclass(frozen=True)
class Point:
    """One place on a line of a plot.

    Attributes:
        plot: The plot's name; `plots` knows its axes and their units.
        x: A size, or a name where the axis has no numbers.
        y: The median of what was measured.
        low: The first quartile of it, the median itself where it was measured once.
        high: The third quartile.

    """

    plot: str
    line: str
    x: float | str
    y: float
    low: float
    high: float


Found = Sequence[Ratio | Point]
"""What a measurement returns."""


def ratio_of(
    name: str, figures: Sequence[float], bar: float | None, *, less_is_better: bool = True
) -> Ratio:
    """Sum up the figures of all pairs."""
    low, median, high = quartiles(figures)
    return Ratio(name, round(median, 4), round(high - low, 4), bar, less_is_better)


def point_of(plot: str, line: str, x: float | str, figures: Sequence[float]) -> Point:
    """Sum up what was measured at one place."""
    low, median, high = (float(f"{figure:.5g}") for figure in quartiles(figures))
    return Point(plot, line, x, median, low, high)


def quartiles(figures: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third quartile; of one figure, itself."""
    if len(figures) == 1:
        return (figures[0],) * 3
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, statistics.median(figures), high


def seconds(act: Callable[[], object]) -> float:
    """Return how long an act takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turn(
    ours: Callable[[], object], plain: Callable[[], object], times: int
) -> list[tuple[float, float]]:
    """Measure both sides so many times, each of them first every other time."""
    pairs = []
    for number in range(times):
        pairs.append(pair(ours, plain, ours_first=bool(number % 2)))
    return pairs


def pair(
    ours: Callable[[], object], plain: Callable[[], object], *, ours_first: bool
) -> tuple[float, float]:
    """Return the seconds of both sides."""
    if ours_first:
        first = seconds(ours)
        return first, seconds(plain)
    first = seconds(plain)
    return seconds(ours), first


def say(text: str) -> None:
    """Tell what goes on."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def write(found: Found, file: Path) -> None:
    """Write what was found as JSON; a file that is there is replaced whole, or stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "ratios": [asdict(item) for item in found if isinstance(item, Ratio)],
        "points": [asdict(item) for item in found if isinstance(item, Point)],
        "machine": machine(),
    }
    making = file.with_suffix(".making")
    try:
        with making.open("w", encoding="utf-8") as out:
            out.write(json.dumps(content, indent=1) + "\n")
            out.flush()
            os.fsync(out.fileno())
        making.replace(file)
    finally:
        making.unlink(missing_ok=True)


def machine() -> dict[str, object]:
    """Say what it was measured on, without what names this one machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "day": date.today().isoformat(),
    }


def table(ratios: Iterable[Ratio]) -> str:
    """Return ratios as a table of text."""
    rows = [("", "ratio", "spread", "bar", "")]
    for item in ratios:
        sign = "<=" if item.less_is_better else ">="
        bar = f"{sign} {item.bar:g}" if item.bar is not None else ""
        rows.append((item.name, f"{item.ratio:.2f}", f"{item.spread:.2f}", bar, item.verdict))
    widths = [max(len(row[place]) for row in rows) for place in range(5)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:<{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )
