"""The plots: each a function of the points of its lines, to a Matplotlib figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter, NullLocator

from .life import GIGABYTES, PARTS_OF_UNLOAD
from .overhead import ALLOWED, BOUND
from .page import Plots
from .ratio import Point
from .shapes import COLD, FIRST, SHAPES
from .tpcds import LINES

OURS, HAND, WARM, THIRD = "#1f5fa8", "#8a8a8a", "#d1603d", "#3f8f6b"
PALE = "#8fb3d9"
STEPS = ("#1f5fa8", "#5b93cf", "#a9c8e8", "#d1603d", "#e8b49f", "#c9c9c9")
LIFE = {
    "load": "load",
    "unload": "unload, whole",
    "verify": "… verify",
    "register": "… register in Iceberg",
    "delete": "… delete and commit",
    "append": "append late rows (1 %)",
    "retier": "retier",
    "restore": "restore",
    "expire": "expire",
}
MONTHS = {
    "unload": "unload",
    "append": "append late rows",
    "colder": "retier to STANDARD_IA",
    "archive": "retier to GLACIER",
    "restore": "restore",
    "expire": "expire",
    "beside": "beside the moves, an apply",
}
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "isotherm",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#333333",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
}


def draw(plots: Plots, folder: Path) -> list[str]:
    """Draw every plot of which there are points, and return the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context(SETTINGS):
        for name, drawing in DRAWINGS.items():
            figure = drawing(plots)
            if figure:
                figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, facecolor="white")
                drawn.append(name)
    return drawn


def speed(plots: Plots) -> Figure | None:
    """Rows a second of each step, over the rows a month."""
    there = [name for name in LIFE if f"life-{name}" in plots]
    if not there:
        return None
    figure, every = _grid(len(there), 3, 2.35)
    sizes = [float(p.x) for line in plots["life-unload"].values() for p in line]
    for axes, name in zip(every, there, strict=False):
        for line, points in plots[f"life-{name}"].items():
            _line(axes, line, points, **_look(line))
        axes.set_title(LIFE[name])
        axes.set_xlim(min(sizes) / 1.4, max(sizes) * 1.4)
        _log(axes, x=True)
        _log(axes, x=False)
    for axes in every[::3]:
        axes.set_ylabel("rows a second")
    _below(every, len(there), 3, "rows a month")
    _legend(figure, every[: len(there)])
    return figure


def steps(plots: Plots) -> Figure | None:
    """What an unload's time is made of, over the rows a month."""
    names = {"life-steps": "a folder", "life-steps, S3": "S3 (Ceph on the same machine)"}
    there = [name for name in names if name in plots]
    if not there:
        return None
    figure, every = _grid(len(there), len(there), 3.3, width=4.6)
    for axes, name in zip(every, there, strict=True):
        lines = plots[name]
        sizes = [point.x for point in lines["copy"]]
        totals = [sum(points[n].y for points in lines.values()) for n in range(len(sizes))]
        under = [0.0] * len(sizes)
        for part, colour in zip((*PARTS_OF_UNLOAD, "beside"), STEPS, strict=True):
            share = [100 * p.y / t for p, t in zip(lines[part], totals, strict=True)]
            axes.bar(range(len(sizes)), share, 0.62, under, label=part, color=colour)
            under = [a + b for a, b in zip(under, share, strict=True)]
        for place, total in enumerate(totals):
            axes.text(place, 102, _seconds(total), ha="center", fontsize=9)
        axes.set_xticks(range(len(sizes)), [_short(size) for size in sizes])
        axes.set(ylim=(0, 112), xlabel="rows a month")
        axes.grid(visible=False, axis="x")
        axes.set_title(f"unload to {names[name]}", pad=10)
    every[0].set_ylabel("share of the time, %")
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center")
    return figure


def memory(plots: Plots) -> Figure | None:
    """The peak of memory over the rows a month."""
    lines = plots.get("life-memory", {})
    colours = {"load": WARM, "unload": OURS, "retier": THIRD}
    if not lines:
        return None
    figure, (axes,) = _grid(1, 1, 3.6, width=6.6)
    for side, style in (("Isotherm", "-"), ("by hand", ":")):
        for name, colour in colours.items():
            points = lines.get(f"{name}, {side}")
            if points:
                _line(axes, f"{name}, {side}", points, color=colour, linestyle=style)
    label = f"bar of an unload: {GIGABYTES:g} GB"
    axes.axhline(GIGABYTES, color="#333333", linewidth=1, linestyle="--", label=label)
    _log(axes, x=True)
    axes.set_ylim(0, max(GIGABYTES * 1.15, axes.get_ylim()[1]))
    axes.set(xlabel="rows a month", ylabel="peak memory of the process, GB")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def months(plots: Plots) -> Figure | None:
    """Seconds a move over the months that are there."""
    there = [name for name in MONTHS if f"months-{name}" in plots]
    if not there:
        return None
    figure, every = _grid(len(there), 4, 2.2, width=2.9)
    for axes, name in zip(every, there, strict=False):
        for line, points in plots[f"months-{name}"].items():
            _line(axes, line, points, **_look(line))
        axes.set_title(MONTHS[name])
        _log(axes, x=False)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MultipleLocator(12 * max(1, round(axes.get_xlim()[1] / 48))))
    for axes in every[::4]:
        axes.set_ylabel("seconds")
    _below(every, len(there), 4, "months in the table")
    _legend(figure, every[: len(there)])
    return figure


def shapes(plots: Plots) -> Figure | None:
    """The ratio of each shape of query, by where the rows are."""
    against = {
        "shapes, plain tables": "plain DuckDB tables",
        "shapes, read_parquet": "read_parquet",
    }
    there = [name for name in against if name in plots]
    if not there:
        return None
    colours = {**dict(zip(COLD, (WARM, THIRD, OURS), strict=True)), "all cold, S3": "#7d4fa3"}
    order = [*SHAPES, FIRST]
    figure, every = _grid(len(there), len(there), 4.6, width=4.6)
    for axes, name in zip(every, there, strict=True):
        for number, (line, colour) in enumerate(colours.items()):
            points = [p for p in plots[name].get(line, ()) if p.x in order]
            at = [order.index(str(p.x)) + 0.18 * (number - 1.5) for p in points]
            reach = [[p.y - p.low for p in points], [p.high - p.y for p in points]]
            if points:
                axes.errorbar([p.y for p in points], at, xerr=reach, fmt="o", color=colour,
                              elinewidth=1.3, markersize=5.5, label=line)  # fmt: skip
        axes.axvline(1, color="#333333", linewidth=1)
        axes.set_yticks(range(len(order)), order if axes is every[0] else [""] * len(order))
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        for edge in range(len(order) - 1):
            axes.axhline(edge + 0.5, color="#eeeeee", linewidth=0.8)
        axes.set_xscale("log")
        _times(axes)
        axes.set_title(f"against {against[name]}")
        axes.set_xlabel("times as long as by hand (less is better)")
    _legend(figure, every[-1:])
    return figure


def overhead(plots: Plots) -> Figure | None:
    """Milliseconds that planning adds over the partitions."""
    lines = plots.get("overhead", {})
    if not lines:
        return None
    figure, (axes,) = _grid(1, 1, 3.4, width=6.6)
    for (line, points), colour in zip(lines.items(), (OURS, WARM), strict=False):
        _line(axes, line, points, color=colour)
    bar = ALLOWED * 1_000
    first = min(float(point.x) for points in lines.values() for point in points)
    label = f"bar: {bar:g} ms up to {BOUND:,}"
    axes.plot([first, BOUND], [bar, bar], color="#333333", linewidth=1, linestyle="--", label=label)
    _log(axes, x=True)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="cold partitions", ylabel="milliseconds more than by hand")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def tpcds(plots: Plots, scale: int) -> Figure | None:
    """Seconds of each query of TPC-DS, those that are quickest on plain tables first."""
    lines = plots.get(f"tpcds-{scale}", {})
    plain = {str(point.x): point.y for point in lines.get(LINES[-1], ())}
    if not plain:
        return None
    order = sorted(plain, key=lambda query: plain[query])
    figure, (axes,) = _grid(1, 1, 4.2, width=11)
    for line, colour in zip(
        (*LINES, "Sail", "Apache Spark"), (OURS, PALE, HAND, THIRD, WARM), strict=True
    ):
        points = [point for point in lines.get(line, ()) if str(point.x) in plain]
        if points:
            at = [order.index(str(point.x)) for point in points]
            axes.plot(at, [point.y for point in points], "o", color=colour, markersize=4,
                      label=line)  # fmt: skip
    axes.set_yscale("log")
    axes.set_xticks(range(len(order)), order, rotation=90, fontsize=6)
    axes.set_xlim(-1, len(order))
    axes.set(xlabel=f"query, at scale factor {scale}", ylabel="seconds")
    _legend(figure, [axes])
    return figure


DRAWINGS: dict[str, Callable[[Plots], Figure | None]] = {
    "life-speed": speed,
    "life-steps": steps,
    "life-memory": memory,
    "months": months,
    "shapes": shapes,
    "overhead": overhead,
    "tpcds-1": partial(tpcds, scale=1),
    "tpcds-10": partial(tpcds, scale=10),
}


def _grid(many: int, columns: int, height: float, width: float = 3.3) -> tuple[Figure, list[Axes]]:
    """Return a figure, and its axes row by row; those that nobody needs are hidden."""
    rows = -(-many // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in every[many:]:
        axes.set_visible(False)
    return figure, every


def _line(axes: Axes, line: str, points: Sequence[Point], **look: object) -> None:
    """Draw a line with its quartiles as a band."""
    ordered = sorted(points, key=lambda point: float(point.x))
    x = [float(point.x) for point in ordered]
    axes.plot(x, [p.y for p in ordered], marker="o", label=line, **look)
    low, high = [p.low for p in ordered], [p.high for p in ordered]
    axes.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)


def _look(line: str) -> dict[str, object]:
    """Return how a line looks: its colour is the side, its stroke the store."""
    look: dict[str, object] = {"color": OURS if line.startswith("Isotherm") else HAND}
    if line.endswith("S3"):
        look |= {"linestyle": (0, (4, 2)), "markerfacecolor": "white"}
    return look


def _log(axes: Axes, *, x: bool) -> None:
    """Give an axis a logarithmic scale with short numbers."""
    (axes.set_xscale if x else axes.set_yscale)("log")
    axis = axes.xaxis if x else axes.yaxis
    low, high = axes.get_xlim() if x else axes.get_ylim()
    few = high / low < 30
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.set_minor_formatter(NullFormatter())
    if few:
        axis.set_minor_locator(NullLocator())


def _times(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _below(every: Sequence[Axes], many: int, columns: int, label: str) -> None:
    """Label the axes that have none below them."""
    for place in range(max(0, many - columns), many):
        every[place].set_xlabel(label)


def _legend(figure: Figure, every: Sequence[Axes]) -> None:
    """Put one legend for all axes above them."""
    known = {}
    for axes in every:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    labels = sorted(known, key=lambda label: label.endswith("S3"))
    handles = [known[label] for label in labels]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(known))


def _short(value: float | str) -> str:
    """Return a number as people say it: 100k, 10M."""
    number = float(value)
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{sign}"
    return f"{number:g}"


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"
