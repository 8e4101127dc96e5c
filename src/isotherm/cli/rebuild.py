"""`isotherm rebuild`: control that was lost or damaged, from the store's copy or a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import audit
from .options import DEFAULT_CONFIG, ConfigFile, Format, OutputFormat, Wait, Yes, confirmed, opened
from .output import counted, err


def run(
    backup: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A backup, where the store has nothing newer."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace control that is there; it is saved first.")
    ] = False,
    yes: Yes = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Rebuild control from the store's own copy, and from the moves made since; then audit.

    Rows of datasets are not touched.
    """
    from ..opening import rebuild_lake

    if replace:
        confirmed("Replace control with what the store, or the backup, has?", yes=yes)
    rebuilt = rebuild_lake(config, backup, replace=replace, wait=wait)
    console = err()
    console.message(
        f"Control is rebuilt from {rebuilt.source}: {counted(rebuilt.rows, 'journal row')}, "
        f"{counted(len(rebuilt.made), 'move')} made since."
    )
    for move in rebuilt.undone:
        console.message(f"Not made, and to be made again: {move}", style="yellow")
    if rebuilt.saved:
        console.message(f"What there was of control is in {rebuilt.saved}.")
    with opened(config, read_only=True, wait=wait) as lake:
        audited = lake.audit(share=0)
    audit.show(audited, format_)
