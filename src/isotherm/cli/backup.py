"""`isotherm backup`: control and the config as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, ConfigFile, Wait, opened
from .output import err


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, Parquet.")],
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Write control, the journal and the config to one file, from which `rebuild` can go on.

    Rows of datasets are not in it: they are in the warehouse and on the store.
    """
    with opened(config, read_only=True, wait=wait) as lake:
        lake.backup(file)
    err().message(f"Wrote {file}. It speaks of people: keep it where few can read it.")
