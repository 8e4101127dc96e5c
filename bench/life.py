"""The life of a month, step by step, against the plain way of each: speed and memory over sizes.

load, unload, late rows, a colder class, the archive, a restore, the end. Both sides do each step in
turn, each in a process of its own.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from isotherm.plan.steps import Step

from . import data
from .ratio import Found, Point, Ratio, point_of, ratio_of, say
from .s3 import RawBucket, server
from .sides import ByHand, ByIsotherm, Raw, Side, Taken, start_of

SIZES = ((100_000, 5), (1_000_000, 5))
"""Rows a month, and how many months live through it."""
FULL_SIZES = ((1_000_000, 5), (10_000_000, 3), (100_000_000, 1))
S3_SIZES = ((100_000, 3), (1_000_000, 3))
FULL_S3_SIZES = ((1_000_000, 3), (10_000_000, 2))
APART = 6
"""Months from one life to the next: the one before is over."""
LATE = 100
"""One row of so many comes late."""
POLICY = 'STANDARD = "1 month"\nSTANDARD_IA = "2 months"\nGLACIER = "3 months"\nexpire = "4 months"'
WITHOUT_ARCHIVE = 'STANDARD = "1 month"\nSTANDARD_IA = "2 months"\nexpire = "4 months"'
GIGABYTES = 2.0
PARTS_OF_UNLOAD: dict[str, tuple[Step, ...]] = {
    "copy": (Step.COPY,),
    "verify": (Step.VERIFY, Step.FENCE),
    "register": (Step.REGISTER,),
    "delete": (Step.DELETE, Step.RECORD, Step.COMMIT),
    "publish": (Step.INTENT, Step.BEGIN, Step.PUBLISH, Step.SEAL),
}


@dataclass(frozen=True)
class Pair:
    """What both sides took for one step of one life."""

    ours: Taken
    plain: Taken

    @property
    def ratio(self) -> float:
        return self.ours.seconds / self.plain.seconds


Lives = dict[str, list[Pair]]


def measure(folder: Path) -> Found:
    """Live through small months."""
    return curve(folder / "life", SIZES)


def measure_full(folder: Path) -> Found:
    """Live through months of up to 100 million rows."""
    return curve(folder / "life", FULL_SIZES)


def measure_s3(folder: Path) -> Found:
    """Live through small months on Ceph's gateway."""
    with server() as started:
        return curve(folder / "life-s3", S3_SIZES, partial(_on_s3, started), where=", S3")


def measure_s3_full(folder: Path) -> Found:
    """Live through months of up to 10 million rows on Ceph's gateway."""
    with server() as started:
        return curve(folder / "life-s3", FULL_S3_SIZES, partial(_on_s3, started), where=", S3")


def curve(
    folder: Path,
    sizes: Sequence[tuple[int, int]],
    store: Callable[[], tuple[str, Callable[[Any], Raw]]] | None = None,
    *,
    where: str = "",
) -> Found:
    """Live through months of several sizes.

    Args:
        store: Makes a store: its URL, and what opens it for the plain side; a folder if not given.
        where: What is added to the names of figures and lines.

    """
    found: list[Ratio | Point] = []
    peaks: list[float] = []
    for rows, times in sizes:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        url, opens = store() if store else ("", None)
        policy = WITHOUT_ARCHIVE if store else POLICY
        with (
            Side(ByIsotherm, folder / "lake", policy, url) as ours,
            Side(ByHand, folder / "plain", opens) as plain,
        ):
            lives = _live(folder, ours, plain, rows, times, archive=not store)
        found += _summed_up(lives, rows, where)
        peaks.append(max(pair.ours.peak for pair in lives["unload"]))
        say(f"  {rows:,} rows: an unload's peak of memory is {peaks[-1]:.2f} GB")
    shutil.rmtree(folder)
    name = f"life{where}, unload of {sizes[-1][0]:,} rows: peak memory"
    found.append(Ratio(f"{name} in GB", round(peaks[-1], 3), 0.0, GIGABYTES))
    if len(peaks) > 1:
        grown = f"{name} against {sizes[-2][0]:,} rows"
        found.append(Ratio(grown, round(peaks[-1] / peaks[-2], 3), 0.0, None))
    return found


def _on_s3(started: Any) -> tuple[str, Callable[[Any], Raw]]:
    bucket = started.bucket()
    return started.url(bucket), partial(RawBucket, started, bucket)


def _live(folder: Path, ours: Side, plain: Side, rows: int, times: int, *, archive: bool) -> Lives:
    """Let so many months live, one after the other; the first life warms up where there are more.

    Each side is first every other time.
    """
    lives: Lives = defaultdict(list)
    for life in range(times + (times > 1)):
        number = life * APART
        file = folder / "month.csv"
        _write(file, rows, number)
        late = data.few(max(rows // LATE, 1), 28, start=f"{start_of(number):%F}", first=rows)
        acts: list[tuple[str, tuple[object, ...], tuple[object, ...]]] = [
            ("load" if archive else "", ("load", file), ("load", file)),  # nothing goes to a store
            ("unload", ("apply", number + 1), ("unload", number)),
            ("", ("fill", late), ("fill", late)),
            ("append", ("apply", number + 1), ("unload", number)),
            ("retier", ("apply", number + 2), ("retier", number, "STANDARD", "STANDARD_IA")),
        ]
        classes = ["STANDARD_IA"]
        if archive:
            acts += [
                ("", ("apply", number + 3), ("retier", number, "STANDARD_IA", "GLACIER")),
                ("restore", ("restore", number), ("restore", number, "GLACIER", "STANDARD")),
            ]
            classes = ["GLACIER", "STANDARD"]
        acts.append(("expire", ("expire", number + 4), ("expire", number, *classes)))
        for place, (name, by_isotherm, by_hand) in enumerate(acts):
            pair = _both(ours, plain, by_isotherm, by_hand, ours_first=bool((life + place) % 2))
            _compare(name, pair, rows)
            if name and (life or times == 1):
                lives[name].append(pair)
                say(
                    f"  {rows:,} rows, {name}: {pair.ours.seconds:.3f} s, by hand "
                    f"{pair.plain.seconds:.3f} s"
                )
        file.unlink()
    return lives


def _both(
    ours: Side,
    plain: Side,
    by_isotherm: tuple[Any, ...],
    by_hand: tuple[Any, ...],
    *,
    ours_first: bool,
) -> Pair:
    if ours_first:
        first = ours(*by_isotherm)
        return Pair(first, plain(*by_hand))
    second = plain(*by_hand)
    return Pair(ours(*by_isotherm), second)


def _compare(name: str, pair: Pair, rows: int) -> None:
    """See that both sides have done the same."""
    one, other = pair.ours.done, pair.plain.done
    if name in ("load", "unload", "append") and one.rows != other.rows:
        raise AssertionError(f"{name}: {one.rows} rows, and {other.rows} by hand")
    if name and not one.rows and name != "expire":
        raise AssertionError(f"{name}: nothing was done of {rows} rows")


def _write(file: Path, rows: int, number: int) -> None:
    """Write a month's CSV file."""
    query = data.few(rows, 28, start=f"{start_of(number):%F}")
    with data.plain() as connection:
        connection.execute(f"COPY ({query}) TO '{file}' (HEADER)")


def _summed_up(lives: Lives, rows: int, where: str) -> Found:
    found: list[Ratio | Point] = []
    for name, pairs in lives.items():
        what = f"life{where}, {rows:,} rows a month, {name}"
        found.append(ratio_of(f"{what}: seconds against by hand", [p.ratio for p in pairs], None))
        moved = max(rows // LATE, 1) if name == "append" else rows
        sides = {"Isotherm": [p.ours for p in pairs], "by hand": [p.plain for p in pairs]}
        size = max(pair.ours.done.bytes for pair in pairs)
        for side, taken in sides.items():
            seconds = [each.seconds for each in taken]
            line = f"{side}{where}"
            found += [
                point_of(f"life-{name}", line, rows, [moved / each for each in seconds]),
                point_of(f"life-{name}-bytes", line, rows, [size / 1e6 / s for s in seconds]),
            ]
            memory = f"{name}, {line}"
            found.append(point_of("life-memory", memory, rows, [each.peak for each in taken]))
    return [*found, *_parts(lives["unload"], rows, where)]


def _parts(pairs: Sequence[Pair], rows: int, where: str) -> Found:
    """Tell the steps of an unload apart."""
    found: list[Ratio | Point] = []
    rest = [pair.ours.seconds - sum(pair.ours.done.steps.values()) for pair in pairs]
    found.append(point_of(f"life-steps{where}", "beside", rows, rest))
    for name, steps in PARTS_OF_UNLOAD.items():
        ours, plain = (
            [sum(taken.done.steps.get(step, 0.0) for step in steps) for taken in side]
            for side in ([pair.ours for pair in pairs], [pair.plain for pair in pairs])
        )
        found.append(point_of(f"life-steps{where}", name, rows, ours))
        if name in ("verify", "register", "delete"):
            rate = [rows / seconds for seconds in ours]
            found.append(point_of(f"life-{name}", f"Isotherm{where}", rows, rate))
        if name in ("verify", "delete"):
            rate = [rows / seconds for seconds in plain]
            found.append(point_of(f"life-{name}", f"by hand{where}", rows, rate))
            ratio = [one / other for one, other in zip(ours, plain, strict=True)]
            what = f"life{where}, {rows:,} rows a month, {name}"
            found.append(ratio_of(f"{what}: seconds against by hand", ratio, None))
    return found
