"""`isotherm restore`: have archived partitions readable for a time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..cost.amounts import money, size
from ..model.errors import PendingError
from .apply import run_plan
from .options import (
    DEFAULT_CONFIG,
    ConfigFile,
    Format,
    OneDataset,
    OutputFormat,
    Wait,
    Yes,
    confirmed,
    opened,
    read_duration,
    read_periods,
)
from .output import count, hours, out, write_json


class Speed(StrEnum):
    """How fast an archive fetches."""

    BULK = "bulk"
    STANDARD = "standard"
    EXPEDITED = "expedited"


def run(
    dataset: OneDataset,
    periods: Annotated[list[str], typer.Argument(metavar="PERIOD...", help="2018-03, or a range.")],
    time: Annotated[str, typer.Option("--for", help="How long: 7d, 36h, 1 month.")] = "7d",
    speed: Annotated[
        Speed, typer.Option(help="How fast the archive fetches, and at which price.")
    ] = Speed.STANDARD,
    yes: Yes = False,
    quote: Annotated[bool, typer.Option("--quote", help="Only say what it costs.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Say what restoring costs and takes, and make archived partitions readable for a time."""
    wanted, length = read_periods(periods), read_duration(time, "--for")
    with opened(config, wait=wait) as lake:
        plan = lake.restore_plan(dataset, wanted, length, speed.value.title())
        offer = lake.restore_quote(plan)
        if format_ is Format.TABLE:
            console = out()
            for move in plan.moves:
                what = f"{size(move.bytes)} to fetch" if move.objects else "readable already"
                console.message(
                    f"  {move.span}: {count(move.rows)} rows, {what}, {money(move.dollars.once)}"
                )
            console.message(
                f"{offer.speed} retrieval costs {money(offer.dollars)} and takes "
                f"{hours(offer.hours)} on S3, no time in a folder; "
                f"readable until {plan.moves[0].until:%Y-%m-%d %H:%M} UTC."
            )
        waiting = 0
        if quote:
            done = False
        else:
            confirmed("Restore?", yes=yes)
            applied, _ = run_plan(lake, plan)
            waiting = len(applied.waiting)
            done = not waiting
    if format_ is Format.JSON:
        until = plan.moves[0].until
        write_json(
            {
                "version": 1,
                "dataset": dataset,
                "periods": [move.span for move in plan.moves],
                "until": until and until.isoformat(),
                "speed": offer.speed,
                "dollars": offer.dollars,
                "hours": list(offer.hours),
                "done": done,
            }
        )
    if waiting:
        raise PendingError(
            f"{waiting} of {len(plan.moves)} restores are under way in the archive",
            hint="They were asked for, once. When they are ready, isotherm apply finishes them.",
        )
    if done and format_ is Format.TABLE:
        out().message(f"{dataset} {', '.join(m.span for m in plan.moves)} can be read.")
