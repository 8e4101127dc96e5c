"""The machine: what is installed, the room on its disks, and its clock."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from shutil import disk_usage

from ..engine.duckdb import DuckDBEngine
from ..model.errors import IsothermError, how_to_install
from .doctor import Check, fine, warning, wrong

ALWAYS = ("isotherm", "duckdb", "pyiceberg", "pyarrow")
LEAST_FREE = 1024**3
"""So many bytes should be free on each disk, or as many as the largest hot partition has."""
NOTICED = timedelta(seconds=60)
"""Clocks that differ by more are said."""
REFUSED = timedelta(minutes=15)
"""S3 refuses what is signed by a clock that differs by more."""
_PINNED = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([0-9.]+)")
_SET_CLOCK = "Set this machine's clock, and keep it by NTP: timedatectl set-ntp true"


def versions(extras: Mapping[str, str]) -> Iterator[Check]:
    """Say what is installed, and what of it is missing or another version than the one needed.

    Args:
        extras: The packages that are needed beside those that always are, each with the extra of
            Isotherm that brings it.

    """
    found, pinned = [f"Python {platform.python_version()}"], _pinned()
    for package in (*ALWAYS, *extras):
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            mend = how_to_install(extras.get(package, ""))
            yield wrong("versions", f"{package} is not installed", mend)
            continue
        found.append(f"{package} {version}")
        if pinned.get(package, version) != version:
            yield warning(
                "versions",
                f"{package} {version} is installed, and Isotherm was made for {pinned[package]}",
                f"pip install {package}=={pinned[package]}",
            )
    yield fine("versions", ", ".join(found))


def _pinned() -> dict[str, str]:
    """Return the versions that Isotherm was made for, where it can do with no other."""
    try:
        required = metadata.requires("isotherm") or ()
    except metadata.PackageNotFoundError:  # it runs from its source
        return {}
    return {m[1]: m[2] for line in required if (m := _PINNED.match(line))}


def extensions(names: Iterable[str]) -> Iterator[Check]:
    """Load the extensions of DuckDB that are needed, into an engine of their own."""
    loaded = []
    engine = DuckDBEngine(threads=1)
    try:
        for name in names:
            try:
                engine.need(name)
            except IsothermError as error:
                yield wrong("extensions", error.message, error.hint)
            else:
                loaded.append(name)
    finally:
        engine.close()
    if loaded:
        yield fine("extensions", f"DuckDB loads {', '.join(loaded)}")


def space(places: Iterable[tuple[str, Path]], largest: int = 0) -> Iterator[Check]:
    """Look how much is free on each disk, a line a disk.

    Args:
        places: What is kept where; a folder need not be there yet.
        largest: How many bytes the largest hot partition has.

    """
    disks: dict[int, dict[Path, list[str]]] = {}
    for what, place in places:
        there = next(path for path in (place, *place.parents) if path.exists())
        disks.setdefault(there.stat().st_dev, {}).setdefault(there, []).append(what)
    needed = max(LEAST_FREE, largest)
    for kept in disks.values():
        free = disk_usage(next(iter(kept))).free
        where = "; ".join(f"{', '.join(whats)} at {path}" for path, whats in kept.items())
        if free >= needed:
            yield fine("space", f"{_gb(free)} free for {where}")
            continue
        why = " (the largest hot partition)" if largest > LEAST_FREE else ""
        yield warning(
            "space",
            f"{_gb(free)} free for {where}; {_gb(needed)} are asked for{why}",
            "Make room, or put them elsewhere: [storage], [warehouse], and TMPDIR.",
        )


def skew(whose: str, ahead: timedelta, *, signed: bool = False) -> Check:
    """Compare this machine's clock with another.

    Args:
        ahead: How far the other one is ahead.
        signed: Whether it refuses what another clock has signed.

    """
    off = abs(ahead)
    which = "behind" if ahead > timedelta() else "ahead of"
    seconds = f"{off.total_seconds():,.0f} s"
    found = f"this machine's is {seconds} {which} that of {whose}"
    if signed and off >= REFUSED:
        return wrong("clock", f"{found}, which refuses what it signs", _SET_CLOCK)
    if off >= NOTICED:
        return warning("clock", found, _SET_CLOCK)
    return fine("clock", f"this machine's and that of {whose} differ by {seconds}")


def _gb(bytes_: int) -> str:
    return f"{bytes_ / 1024**3:,.1f} GB"
