"""One table month after month, to 144 of them: what a move takes as partitions grow.

Each month rows come, the month before leaves the warehouse, late rows follow, older months become
colder, and once a year one is restored. The same is done by hand at the same time.
"""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from . import data
from .ratio import Found, Point, Ratio, point_of, ratio_of, say
from .sides import ByHand, ByIsotherm, Side, start_of

MONTHS = (12, 36)
"""How long the tables live; from each the end is taken, from the last one the way there."""
FULL_MONTHS = (12, 36, 144)
ROWS = 20_000
"""A month."""
LATE = 500
LATE_BY = 2
COLDER, ARCHIVED = 4, 6
"""The ages, in months, at which a month becomes colder, and is archived."""
COLDER_BY = {"STANDARD_IA": "colder", "GLACIER": "archive"}
YEAR = 12
ENDS = 6
"""So many months expire, one each month, at the end."""
FLAT = 1.5
"""How many times what a move took in the first year it may take in the last one."""

Seconds = dict[str, list[tuple[int, float]]]
"""By what was done: how many months were there, and how long it took."""


def measure(folder: Path) -> Found:
    """Let tables of up to three years grow."""
    return curve(folder / "months", MONTHS)


def measure_full(folder: Path) -> Found:
    """Let tables of up to twelve years grow."""
    return curve(folder / "months", FULL_MONTHS)


def curve(folder: Path, lengths: Sequence[int], rows: int = ROWS, ends: int = ENDS) -> Found:
    """Let tables grow to several lengths."""
    found: list[Ratio | Point] = []
    ended: list[list[float]] = []
    for length in lengths:
        shutil.rmtree(folder, ignore_errors=True)
        ours, plain = _grow(folder, length, rows, ends)
        for line, taken in (("Isotherm", ours), ("by hand", plain)):
            seconds = [each for _, each in taken.pop("expire")]
            found.append(point_of("months-expire", line, length, seconds))
            if line == "Isotherm":
                ended.append(seconds)
        if length == lengths[-1]:
            found += _summed_up(ours, plain, length)
    shutil.rmtree(folder)
    first = statistics.median(ended[0])
    what = f"months, expire: seconds a move, {lengths[-1]} months against {lengths[0]}"
    return [*found, ratio_of(what, [each / first for each in ended[-1]], FLAT)]


def _grow(folder: Path, length: int, rows: int, ends: int) -> tuple[Seconds, Seconds]:
    """Let one table grow, and then lose its first months."""
    policy = (
        f'STANDARD = "1 month"\nSTANDARD_IA = "{COLDER} months"\n'
        f'GLACIER = "{ARCHIVED} months"\nexpire = "{length} months"'
    )
    by_isotherm: Seconds = defaultdict(list)
    by_hand: Seconds = defaultdict(list)
    with (
        Side(ByIsotherm, folder / "lake", policy) as ours,
        Side(ByHand, folder / "plain") as plain,
    ):
        for now in range(1, length + ends):
            _fill(ours, plain, now - 1, rows)
            if now - 1 > LATE_BY:
                _fill(ours, plain, now - 1 - LATE_BY, LATE, first=rows)
            for name, *given in _due(now, length):
                act, what = name.split()
                by_hand[what].append((now, plain(act, *given).seconds))
            taken = ours("apply", now)
            for kind, target, seconds in taken.done.moves:
                name = COLDER_BY.get(target, kind) if kind == "retier" else kind
                by_isotherm[name].append((now, seconds))
            made = sum(seconds for _, _, seconds in taken.done.moves)
            by_isotherm["beside"].append((now, taken.seconds - made))
            if now % YEAR == 0 and now < length:
                number = now - ARCHIVED
                ((_, _, seconds),) = ours("restore", number).done.moves
                by_isotherm["restore"].append((now, seconds))
                by_hand["restore"].append(
                    (now, plain("restore", number, "GLACIER", "STANDARD").seconds)
                )
    say(f"  {length} months of {rows:,} rows: {len(by_isotherm['unload'])} unloads")
    return by_isotherm, by_hand


def _due(now: int, length: int) -> list[tuple[object, ...]]:
    """Return what is to be done by hand when so many months are over."""
    acts: list[tuple[object, ...]] = [("unload unload", now - 1)]
    if now - 1 > LATE_BY:
        acts.append(("unload append", now - 1 - LATE_BY))
    if now >= COLDER:
        acts.append(("retier colder", now - COLDER, "STANDARD", "STANDARD_IA"))
    if now >= ARCHIVED:
        acts.append(("retier archive", now - ARCHIVED, "STANDARD_IA", "GLACIER"))
    if now >= length:
        acts.append(("expire expire", now - length, "GLACIER"))
    return acts


def _fill(ours: Side, plain: Side, number: int, rows: int, *, first: int = 0) -> None:
    query = data.few(rows, 28, start=f"{start_of(number):%F}", first=first)
    for side in (ours, plain):
        side("fill", query)


def _summed_up(ours: Seconds, plain: Seconds, length: int) -> Found:
    """Return a point a year, and what the last year took against the first."""
    found: list[Ratio | Point] = []
    for side, taken in (("Isotherm", ours), ("by hand", plain)):
        for what, each in taken.items():
            for year in range(0, length, YEAR):
                place = min(year + YEAR, length)
                seconds = [s for now, s in each if year < now <= place and now > 1]
                if seconds:
                    found.append(point_of(f"months-{what}", side, place, seconds))
    for what, each in ours.items():
        first = [s for now, s in each if 1 < now <= YEAR]  # the first of all imports
        last = [s for now, s in each if length - YEAR < now <= length]
        if first and last:
            name = f"months, {what}: seconds, the last 12 of {length} months against the first"
            middle = statistics.median(first)
            found.append(ratio_of(name, [each / middle for each in last], FLAT))
    return found
