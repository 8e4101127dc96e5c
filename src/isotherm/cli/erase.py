"""`isotherm erase`: forget people, in every tier, and prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .asked import (
    Asked,
    CertificateFile,
    How,
    MaxBytes,
    NewKey,
    PlanOnly,
    RequestName,
    Withdraw,
    request_json,
    serve,
    state_of,
)
from .options import DEFAULT_CONFIG, ConfigFile, Format, OutputFormat, Wait, Yes, opened
from .output import count, out, write_json
from .people import PeopleFile, Subjects, read_people

if TYPE_CHECKING:
    from ..erasing import Erasing

LIST = "list"


def run(
    dataset: Annotated[str, typer.Argument(metavar="DATASET|list", help="The dataset.")],
    subject: Subjects = None,
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
    """Find people's records in every tier, forget them, and prove it with a certificate.

    `isotherm erase list` shows the requests by the time that is left.
    """
    if dataset == LIST:
        with opened(config, read_only=True, wait=wait) as lake:
            _list(lake.erasing, format_)
        return
    whose = read_people(subject, file)
    question = "Forget them? This cannot be undone."
    asked = Asked("erase", "erasure", question, dataset, whose, request=request)
    how = How(plan_only, max_bytes, certificate, new_key, withdraw, yes, format_)
    serve(asked, how, config, wait)


def _list(erasing: Erasing, format_: Format) -> None:
    requests = erasing.requests()
    now = erasing.now()
    if format_ is Format.JSON:
        write_json({"version": 1, "requests": [request_json(item) for item in requests]})
        return
    if not requests:
        out().message("Nobody has asked to be forgotten.")
        return
    rows = []
    for item in requests:
        days = (item.due_at - now).days
        left = f"{days} days" if days >= 0 else f"{-days} days over"
        rows.append(
            (
                item.case,
                item.verb,
                item.dataset,
                count(len(item.hashes)),
                f"{item.asked_at:%Y-%m-%d}",
                f"{item.due_at:%Y-%m-%d}",
                "-" if item.is_over else left,
                state_of(item).value,
            )
        )
    columns = ("request", "kind", "dataset", "people", "asked", "due", "left", "state")
    out().table(columns, rows, right="people left")
