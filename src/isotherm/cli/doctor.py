"""`isotherm doctor`: whether everything that a lake needs is there and may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..model.errors import AuditError
from .options import DEFAULT_CONFIG, ConfigFile, Format, OutputFormat, Wait
from .output import counted, out, write_json

if TYPE_CHECKING:
    from ..check.doctor import Examined

_MARKS = {"ok": ("✓", ""), "warning": ("!", "yellow"), "wrong": ("✗", "red")}
"""The mark of each state, and its colour."""


def run(
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only", help="Put nothing in the store, not even a small object for a moment."
        ),
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Look at what the lake needs: versions, permissions, clocks, room, locks, things half done.

    A line a check, and what mends it below. It works where the lake cannot be opened, too.
    """
    from ..examining import doctor

    examined = doctor(config, read_only=read_only, wait=wait)
    if format_ is Format.JSON:
        write_json(examined.to_json())
    else:
        _show(examined)
    if not examined.well:
        wrong = sum(check.state == "wrong" for check in examined.checks)
        raise AuditError(
            f"{counted(wrong, 'thing')} not as it should be",
            hint="What mends each stands below it.",
        )


def _show(examined: Examined) -> None:
    console = out()
    width = max(len(check.name) for check in examined.checks)
    beside = " " * (width + 4)
    for check in examined.checks:
        mark, colour = _MARKS[check.state]
        first = f"{mark} {check.name:{width}}  "
        console.message(console.wrapped(check.found, first, beside), style=colour)
        if check.mend:
            console.message(console.wrapped(check.mend, beside, beside))
    if examined.well:
        warned = sum(check.state == "warning" for check in examined.checks)
        more = f", {counted(warned, 'warning')}" if warned else ""
        console.message(f"Nothing is wrong: {counted(len(examined.checks), 'check')}{more}.")
