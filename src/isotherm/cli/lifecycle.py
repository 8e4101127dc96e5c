"""`isotherm lifecycle`: the bucket's lifecycle rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .options import DEFAULT_CONFIG, ConfigFile, Wait, Yes, confirmed, opened
from .output import counted, err, out

if TYPE_CHECKING:
    from ..lifecycle.rules import Drift

DRIFTED = 2
"""The exit code of `diff` when the rules are not as they should be."""

app = typer.Typer(
    help="Show, compare and write the lifecycle rules of the store's bucket.",
    no_args_is_help=True,
)


@app.command()
def show(config: ConfigFile = DEFAULT_CONFIG, wait: Wait = 0.0) -> None:
    """Show the rules that the policies ask for, and all those that the bucket has."""
    from ..lifecycle.rules import written

    console = out()
    with opened(config, read_only=True, wait=wait) as lake:
        wanted, found = lake.lifecycle.wanted, lake.lifecycle.found()
    console.message("By the policies:", style="bold")
    for rule in wanted:
        console.message(f"  {written(rule)}")
    console.message("In the bucket:", style="bold")
    for rule in found:
        console.message(f"  {written(rule)}")
    if not found:
        console.message("  none")


@app.command()
def diff(config: ConfigFile = DEFAULT_CONFIG, wait: Wait = 0.0) -> int:
    """Say what of Isotherm's own rules is not as it should be; exit with 2 if anything is."""
    with opened(config, read_only=True, wait=wait) as lake:
        drift = lake.lifecycle.drift()
    _write(drift, ("missing", "changed", "no longer wanted"))
    return DRIFTED if drift else 0


@app.command()
def apply(
    yes: Yes = False,
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Merge Isotherm's own rules into the bucket's, and read them back; all others stay."""
    with opened(config, read_only=True, wait=wait) as lake:
        drift = lake.lifecycle.drift()
        _write(drift, ("to be added", "to be corrected", "to be removed"))
        if drift:
            confirmed("Write them?", yes=yes)
            lake.lifecycle.apply()
            out().message("Written, and read back.")


@app.command()
def retag(config: ConfigFile = DEFAULT_CONFIG, wait: Wait = 0.0) -> None:
    """Have the next apply write the tags of all objects anew, where others have taken some away."""
    with opened(config, wait=wait) as lake:
        known = lake.retag()
    err().message(f"The next isotherm apply tags {counted(known, 'object')} anew.")


def _write(drift: Drift, words: tuple[str, str, str]) -> None:
    from ..lifecycle.rules import written

    console = out()
    for word, rules in zip(words, (drift.missing, drift.changed, drift.leftover), strict=True):
        for rule in rules:
            console.message(f"{word}: {written(rule)}")
    if not drift:
        console.message("The bucket's rules are those of the policies.")
