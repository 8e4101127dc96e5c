"""`isotherm correct`: new values for people's rows, in every tier, and the proof of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ..model.correction import NewValues, parse
from .asked import (
    Asked,
    CertificateFile,
    How,
    MaxBytes,
    NewKey,
    PlanOnly,
    RequestName,
    Withdraw,
    serve,
)
from .options import DEFAULT_CONFIG, ConfigFile, Format, OneDataset, OutputFormat, Wait, Yes
from .people import PeopleFile, Subjects, read_people


def run(
    dataset: OneDataset,
    subject: Subjects = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="A new value; may be repeated."),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option("--null", metavar="COLUMN", help="Make it NULL; may be repeated."),
    ] = None,
    file: PeopleFile = None,
    request: RequestName = None,
    plan_only: PlanOnly = False,
    max_bytes: MaxBytes = None,
    certificate: CertificateFile = None,
    new_key: NewKey = False,
    withdraw: Withdraw = None,
    yes: Yes = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Give people's rows new values in every tier, and prove it with a certificate.

    `isotherm erase list` shows these requests, too.
    """
    whose, changes = read_people(subject, file), _changes(set_ or (), null or ())
    if bool(whose) != bool(changes):
        missing = "--set COLUMN=VALUE" if whose else "--subject COLUMN=VALUE"
        raise typer.BadParameter(
            "a correction says whose rows, and what they shall hold", param_hint=missing
        )
    question = "Correct them? The old values cannot be brought back."
    asked = Asked("correct", "correction", question, dataset, whose, changes, request)
    how = How(plan_only, max_bytes, certificate, new_key, withdraw, yes, format_)
    serve(asked, how, config, wait)


def _changes(given: Sequence[str], null: Sequence[str]) -> NewValues:
    """Read the new values.

    Raises:
        BadParameter: one is none, or a column has two.

    """
    try:
        pairs = [*map(parse, given), *((name, None) for name in null)]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise typer.BadParameter(f"{twice[0]} is given two new values", param_hint="--set")
    return tuple(sorted(pairs))
