"""The page of measurements: what lies between its marks is written anew from the results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .ratio import Point, Ratio

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NOTHING = "Nothing is measured yet: `make bench-full`, then `make plots`."
Plots = Mapping[str, Mapping[str, Sequence[Point]]]
"""The points of each line of each plot."""


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        plots: The plots, and what each of them shows.
        groups: The groups of measurements whose ratios are listed.

    """

    title: str
    plots: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]


SECTIONS = (
    Section(
        "The life of a month",
        (
            ("life-speed", "Rows a second of each step over the rows a month; the bands are "
             "quartiles."),
            ("life-steps", "What the time of an unload is made of; the whole is above each bar."),
            ("life-memory", "Peak memory of each side's process, step by step."),
        ),
        ("life", "life-s3"),
    ),
    Section(
        "As months add up",
        (("months", "Seconds a move, the median of each year, over the months in the table."),),
        ("months",),
    ),
    Section(
        "Queries",
        (("shapes", "How many times as long a query takes as by hand; whiskers are quartiles."),),
        ("shapes", "shapes-s3"),
    ),
    Section(
        "Planning as partitions add up",
        (("overhead", "What planning adds to a query of one period, and of hot rows alone."),),
        ("overhead",),
    ),
    Section(
        "TPC-DS",
        (
            ("tpcds-1", "Seconds of each query at scale factor 1, half of the sales cold."),
            ("tpcds-10", "The same at scale factor 10."),
        ),
        ("tpcds", "tpcds-engines", "tpcds-10", "tpcds-engines-10"),
    ),
    Section("What settings change", (), ("tuning",)),
)  # fmt: skip


@dataclass(frozen=True)
class Results:
    """What one file of results holds."""

    ratios: Sequence[Ratio]
    points: Sequence[Point]
    machine: Mapping[str, object]


def write(page: Path, results: Mapping[str, Results], drawn: Sequence[str]) -> None:
    """Replace the measured part of a page.

    Args:
        results: By the group's name.
        drawn: The plots that there are, in the folder `plots` beside the page.

    """
    text = page.read_text(encoding="utf-8")
    head, mark, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{page} has no {BEGIN} and {END} for what is measured")
    body = "\n\n".join(_body(results, drawn)) or NOTHING
    page.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")


def _body(results: Mapping[str, Results], drawn: Sequence[str]) -> Iterable[str]:
    shown: set[str] = set()
    for section in SECTIONS:
        groups = [name for name in section.groups if name in results]
        if not groups:
            continue
        yield f"## {section.title}"
        yield _measured_on(results[name] for name in groups)
        for plot, says in section.plots:
            if plot in drawn:
                yield f"![{says}](plots/{plot}.svg)"
                yield says
        for name in groups:
            yield from _speeds(results[name].points)
            yield from _seconds(results[name].points)
            yield _table(results[name].ratios)
        shown |= set(groups)
    for name in sorted(results.keys() - shown):
        yield f"## `{name}`"
        yield _measured_on([results[name]])
        yield _table(results[name].ratios)


def _measured_on(results: Iterable[Results]) -> str:
    """Say when, on what: the days of one machine together."""
    days: dict[str, set[str]] = defaultdict(set)
    for item in results:
        what = "{cores} cores, {memory_gb} GB of memory, Python {python}, DuckDB {duckdb}."
        days[what.format(**item.machine)].add(str(item.machine["day"]))
    return " ".join(f"Measured on {', '.join(sorted(on))}: {what}" for what, on in days.items())


def _table(ratios: Iterable[Ratio]) -> str:
    rows = ["| what | ratio | spread | bar |", "| --- | --- | --- | --- |"]
    for item in ratios:
        bar = ""
        if item.bar is not None:
            sign = "at most" if item.less_is_better else "at least"
            bar = f"{sign} {item.bar:g}" + (", missed" if item.verdict == "MISSED" else "")
        rows.append(f"| {item.name} | {_figure(item.ratio)} | {_figure(item.spread)} | {bar} |")
    return "\n".join(rows)


def _speeds(points: Iterable[Point]) -> Iterable[str]:
    """Yield the table of a life's steps: rows and megabytes a second of each side."""
    found: dict[tuple[str, float | str], dict[str, float]] = {}
    for point in points:
        step = point.plot.removeprefix("life-").removesuffix("-bytes")
        if point.plot.startswith("life-") and step not in ("memory", "steps", "steps, S3"):
            side = "Isotherm" if point.line.startswith("Isotherm") else "by hand"
            unit = "MB" if point.plot.endswith("-bytes") else "rows"
            found.setdefault((step, point.x), {})[f"{side}, {unit}"] = point.y
    if found:
        columns = ("Isotherm, rows", "by hand, rows", "Isotherm, MB", "by hand, MB")
        titles = "rows/s | rows/s by hand | MB/s | MB/s by hand"
        rows = [f"| step | rows a month | {titles} |", "| --- " * 6 + "|"]
        for (step, size), figures in found.items():
            cells = [_figure(figures[name]) if name in figures else "" for name in columns]
            rows.append(f"| {step} | {size:,} | {' | '.join(cells)} |")
        yield "\n".join(rows)


def _seconds(points: Iterable[Point]) -> Iterable[str]:
    """Yield the table of the queries' seconds."""
    found: dict[tuple[str, float | str], dict[str, float]] = {}
    for point in points:
        if point.plot.startswith("seconds, "):
            state = point.plot.removeprefix("seconds, ")
            found.setdefault((state, point.x), {})[point.line] = point.y
    if found:
        columns = list(dict.fromkeys(line for each in found.values() for line in each))
        rows = [f"| rows | query | {' | '.join(f'{name}, s' for name in columns)} |"]
        rows.append("| --- " * (len(columns) + 2) + "|")
        for (state, shape), figures in found.items():
            cells = [f"{figures[name]:.3f}" if name in figures else "" for name in columns]
            rows.append(f"| {state} | {shape} | {' | '.join(cells)} |")
        yield "\n".join(rows)


def _figure(value: float) -> str:
    """Return a number with the three digits that count."""
    if value == 0:
        return ""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"
