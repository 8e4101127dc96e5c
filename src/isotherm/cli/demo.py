"""`isotherm demo`: the whole story on generated trips, in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    folder: Annotated[
        Path, typer.Option(help="Where it plays; a demo that is there is made anew.")
    ] = Path("demo"),
    rows: Annotated[int, typer.Option(help="About so many trips.", min=1_000)] = 1_000_000,
) -> None:
    """Play the whole story on generated taxi trips, and draw where every month lives."""
    from ..demo.story import play
    from . import main

    play(folder, rows, main.run)
