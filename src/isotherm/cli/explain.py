"""`isotherm explain`: one partition, and what happens to it next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import money, size
from .options import (
    DEFAULT_CONFIG,
    AsOf,
    ConfigFile,
    Format,
    OneDataset,
    OutputFormat,
    Wait,
    opened,
    read_as_of,
    read_periods,
)
from .output import Console, count, counted, out, write_json

if TYPE_CHECKING:
    from ..control.intents import Intent
    from ..model.part import Location
    from ..plan.explain import Explanation

IN_CLASS = "in {now} still, billed as {tier}: the bucket's rules move it"
ON_S3 = {
    "missing": "missing, although it should be in {tier}: put it back from a backup",
    "unknown": "the bucket does not answer: which class it is in cannot be said",
}


def run(
    dataset: OneDataset,
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="The partition, as 2019-03.")],
    as_of: AsOf = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Explain one partition: the policy's line, its tier, its next move, and what blocks it."""
    (wanted,) = read_periods([period])[:1]
    with opened(config, read_only=True, wait=wait) as lake:
        found, last = lake.explain(dataset, wanted, as_of=read_as_of(as_of))
        classes = lake.classes_of(found.parts)
    if format_ is Format.JSON:
        on_s3 = {str(place): now for place, now in classes.items()}
        write_json({**found.to_json(), "last_move": _last_json(last), "on_s3": on_s3})
        return
    _show(out(), found, last, classes)


def _show(
    console: Console, found: Explanation, last: Intent | None, classes: Mapping[Location, str]
) -> None:
    as_of = f"{found.as_of:%Y-%m-%d}"
    age = counted(found.age, found.period.unit.value)
    console.message(f"{found.dataset} {found.period}, {age} old as of {as_of}", style="bold")
    for name, text in (*_standing(found, classes), *_going(found, last)):
        console.message(f"  {name:<10} {text}")
    if found.steps:
        console.message("  The steps of the next move:")
        for number, step in enumerate(found.steps, start=1):
            console.message(f"  {number:>4}. {step.name.lower():<9} {step.value}")


def _standing(found: Explanation, classes: Mapping[Location, str]) -> Iterator[tuple[str, str]]:
    """Say where the partition is."""
    yield "policy", str(found.rule) if found.rule else "no line applies: it is hot"
    yield "tier", f"{found.tier} now, {found.due} due"
    yield "costs", f"{money(found.dollars)} a month"
    if found.hot:
        what = "late rows" if found.parts else "rows"
        yield "warehouse", f"{count(found.hot.rows)} {what}, {size(found.hot.bytes)}"
    for part in found.parts:
        yield "object", f"{part.location}: {count(part.rows)} rows, {size(part.bytes)}"
        if (now := classes.get(part.location)) and now != part.tier.name:
            yield "on S3", ON_S3.get(now, IN_CLASS).format(now=now, tier=part.tier)
        if part.restored_until:
            yield "restored", f"readable until {part.restored_until:%Y-%m-%d %H:%M} UTC"


def _going(found: Explanation, last: Intent | None) -> Iterator[tuple[str, str]]:
    """Say what happened to it, and what comes."""
    if last:
        yield "last move", f"{last.kind}, begun {last.begun_at:%Y-%m-%d %H:%M} UTC"
    for block in found.blocks:
        yield "blocked", block.why
    for move in found.moves:
        yield "next", f"{move.kind} from {move.source} to {move.target}: {move.reason}"
    if found.coming:
        yield "then", f"{found.coming.rule}, from {found.coming.at:%Y-%m-%d} on"


def _last_json(last: Intent | None) -> dict[str, str] | None:
    if last is None:
        return None
    return {"id": last.move, "kind": last.kind, "begun_at": last.begun_at.isoformat()}
