"""What a measurement comes to: a ratio, its spread, and the bar that it is held against."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Point = dict[str, object]
"""A point of a chart: what series it belongs to, and its values by name."""


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


class Figures(list[Ratio]):
    """Ratios, with the points that a chart is drawn from."""

    def __init__(self, ratios: Iterable[Ratio] = (), points: Iterable[Point] = ()) -> None:
        super().__init__(ratios)
        self.points = list(points)


def ratio_of(
    name: str, figures: Sequence[float], bar: float | None, *, less_is_better: bool = True
) -> Ratio:
    """Sum up the figures of all pairs."""
    low, _, high = statistics.quantiles(figures, n=4) if len(figures) > 1 else (0.0, 0.0, 0.0)
    median = statistics.median(figures)
    return Ratio(name, round(median, 4), round(high - low, 4), bar, less_is_better)


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


def write(ratios: Sequence[Ratio], file: Path) -> None:
    """Write ratios as JSON, with the points, if there are any."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, object] = {"ratios": [asdict(item) for item in ratios]}
    if points := getattr(ratios, "points", None):
        content["points"] = points
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


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
