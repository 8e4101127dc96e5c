"""`isotherm hold`: keep what a case needs, whatever the policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DEFAULT_CONFIG,
    ConfigFile,
    Format,
    OutputFormat,
    Wait,
    opened,
    read_periods,
)
from .output import err, out, write_json
from .people import Subjects, read_people

if TYPE_CHECKING:
    from ..model.hold import Hold

app = typer.Typer(
    help="Keep partitions or people's records for a case, against expiry and erasure.",
    no_args_is_help=True,
)
Case = Annotated[str, typer.Argument(metavar="CASE", help="The case, as a court names it.")]


@app.command()
def add(
    case: Case,
    dataset: Annotated[str, typer.Option(help="The dataset.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    period: Annotated[
        str | None, typer.Option(metavar="PERIOD", help="2019-03, or a range; all if not given.")
    ] = None,
    subject: Subjects = None,
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Place a hold: what it covers is neither expired nor erased until its case releases it."""
    periods = read_periods([period]) if period else ()
    subjects = read_people(subject)
    with opened(config, wait=wait) as lake:
        placed = lake.hold(case, dataset, periods, subjects, reason=reason)
    err().message(f"Held for {case}: {placed.scope}. Release it: isotherm hold release {case}")


@app.command()
def release(
    case: Case,
    dataset: Annotated[str | None, typer.Option(help="Of this one alone.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Release everything that a case holds."""
    with opened(config, wait=wait) as lake:
        found = lake.release(case, dataset, reason=reason)
    for hold in found:
        err().message(f"Released: {hold.scope}")


@app.command("list")
def list_(
    dataset: Annotated[str | None, typer.Option(help="Of this one alone.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Show what is held, for whom and why."""
    with opened(config, read_only=True, wait=wait) as lake:
        found = lake.holds(dataset)
    if format_ is Format.JSON:
        write_json({"version": 1, "holds": [_json(hold) for hold in found]})
        return
    if not found:
        out().message("Nothing is held.")
        return
    rows = (
        (h.case, h.scope, f"{h.placed_at:%Y-%m-%d %H:%M}", h.placed_by, h.reason) for h in found
    )
    out().table(("case", "holds", "since (UTC)", "placed by", "reason"), rows, fold="reason")


def _json(hold: Hold) -> dict[str, object]:
    return {
        "case": hold.case,
        "dataset": hold.dataset,
        "first": str(hold.periods[0]) if hold.periods else None,
        "last": str(hold.periods[1]) if hold.periods else None,
        "subjects": len(hold.subjects),
        "reason": hold.reason,
        "placed_at": hold.placed_at.isoformat(),
        "placed_by": hold.placed_by,
    }
