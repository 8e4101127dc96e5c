"""`isotherm init`: write a config and make control, store and catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from ..model.errors import IsothermError
from .options import DEFAULT_CONFIG, ConfigFile
from .output import err
from .template import template


def run(
    config: ConfigFile = DEFAULT_CONFIG,
    clock: Annotated[str, typer.Option(help="The clock column of the example.")] = "pickup",
    storage: Annotated[
        str, typer.Option(help="Where older rows go: file:FOLDER or s3://BUCKET/PREFIX.")
    ] = "file:objects",
    warehouse: Annotated[
        str, typer.Option(help="Where recent rows live: duckdb:FILE or postgresql://USER@HOST/DB.")
    ] = "duckdb:warehouse.duckdb",
) -> None:
    """Write a commented isotherm.toml and make control and the catalogue.

    A config that is there stays as it is; running it again is no error.
    """
    from ..opening import init_lake

    fresh = not config.exists()
    try:
        made, _ = init_lake(config, template(clock, storage, warehouse))
    except IsothermError:
        if fresh and config.exists():
            err().message(f"Wrote {config}: change it where it is wrong, then run init again.")
        raise
    if fresh:
        err().message(f"Wrote {made.file}: look at its datasets, then load or plan.")
    else:
        err().message(f"Kept {made.file} as it is; options of init are for a new one.")
    err().message("Control, store and catalogue are ready.")
