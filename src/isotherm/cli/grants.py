"""`isotherm grants`: what the warehouse's role has to be granted."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, ConfigFile
from .output import err

_LOADS = (
    "-- To load files into a table that they widen or make anew, the role has to own it:",
    "-- ALTER TABLE {table} OWNER TO {role};",
)


def run(
    config: ConfigFile = DEFAULT_CONFIG,
    role: Annotated[
        str | None, typer.Option(help="Whom to grant it; the user of the warehouse's URL if not.")
    ] = None,
) -> None:
    """Print the SQL that grants the warehouse's role what it needs; nothing is run."""
    from .. import config as configuration
    from ..config.sections import POSTGRES
    from ..engine.connecting import connecting
    from ..engine.sql import quote
    from ..warehouse.grants import grants

    read = configuration.read(config)
    url = read.warehouse.url
    if not url.startswith(POSTGRES):
        err().message(f"{url} is a file: who may write it and its folder needs nothing more.")
        return
    server = connecting(url, "")
    role = role or server.user or "isotherm"
    tables = [dataset.table for dataset in read.datasets.values()]
    for statement in grants(server.database, role, tables):
        typer.echo(f"{statement};")
    for line in _LOADS if tables else ():
        shown = quote(tables[0].schema, tables[0].name)
        typer.echo(line.format(table=shown, role=quote(role)))
