"""`isotherm iam`: the least policy that suffices for the store's bucket."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, ConfigFile
from .output import err


def run(
    config: ConfigFile = DEFAULT_CONFIG,
    versioned: Annotated[
        bool, typer.Option("--versioned", help="The bucket keeps versions of its objects.")
    ] = False,
) -> None:
    """Print the IAM policy that suffices for this lake, by its config; nothing is asked."""
    from .. import config as configuration
    from ..model.address import Address
    from ..storage.iam import policy

    read = configuration.read(config)
    url = read.storage.url
    if not url.startswith("s3:"):
        err().message(f"{url} is a folder: who may write it needs nothing more.")
        return
    typer.echo(json.dumps(policy(Address.parse(url), versioned=versioned), indent=2))
