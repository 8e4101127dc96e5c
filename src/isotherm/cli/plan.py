"""`isotherm plan`: what is due, why, and what it is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import money, saving, size
from ..cost.amounts import months as write_months
from .options import (
    DEFAULT_CONFIG,
    AnyDataset,
    AsOf,
    ConfigFile,
    EvenIf,
    Format,
    OutputFormat,
    Wait,
    opened,
    read_as_of,
)
from .output import Console, check_writable, count, counted, err, out, write_json, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..plan.plan import Move, Plan, Refusal

MOVES_DUE = 2
"""The exit code of `--detailed-exitcode` when there is something to do."""


def run(
    dataset: AnyDataset = None,
    as_of: AsOf = None,
    even_if_uneconomic: EvenIf = False,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the plan to a file, for apply.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when moves are due.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> int:
    """Show every move that is due, with its reason, its dollars and its payback."""
    check_writable(out_file)
    with opened(config, read_only=True, wait=wait) as lake:
        plan = lake.plan(dataset, as_of=read_as_of(as_of), even_if_uneconomic=even_if_uneconomic)
    if out_file:
        with writing(out_file):
            out_file.write_text(json.dumps(plan.to_json(), indent=2) + "\n", encoding="utf-8")
        err().message(f"Wrote {out_file}; run it with: isotherm apply {out_file}")
    if format_ is Format.JSON:
        write_json(plan.to_json())
    else:
        show(plan)
    return MOVES_DUE if detailed_exitcode and plan.moves else 0


def show(plan: Plan, now: Sequence[Move] | None = None) -> None:
    """Write a plan for people: moves, expiries apart, and what was refused.

    Args:
        now: What of it will be made; all but expiries if it is not given.

    """
    from ..plan.plan import Kind

    console = out()
    expiring = [move for move in plan.moves if move.kind is Kind.EXPIRE]
    moving = [move for move in plan.moves if move.kind is not Kind.EXPIRE]
    if not plan.moves:
        console.message(f"Nothing is due as of {plan.as_of:%Y-%m-%d}.")
    if moving:
        are = "is" if len(moving) == 1 else "are"
        console.message(f"{counted(len(moving), 'move')} {are} due as of {plan.as_of:%Y-%m-%d}:")
        _table(console, moving)
    if expiring:
        console.message(f"{len(expiring)} expire, and go only with: apply --expire", style="red")
        _table(console, expiring)
    for warning in plan.warnings:
        console.message(f"Beware: {warning}", style="red")
    if plan.refused:
        console.message(f"Due and refused: {counted(len(plan.refused), 'move')}", style="yellow")
        for line in _refusals(plan):
            console.message(f"  {line}")
    now = moving if now is None else now
    if now:
        _sum(console, "Together" if len(now) >= len(moving) else f"The first {len(now)}", now)
    if expiring and not any(move in now for move in expiring):
        _sum(console, "What expires", expiring)


def _sum(console: Console, which: str, moves: Sequence[Move]) -> None:
    saved = sum(move.dollars.saved for move in moves)
    once = sum(move.dollars.once for move in moves)
    rows = counted(sum(move.rows for move in moves), "row")
    total = size(sum(move.bytes for move in moves))
    console.message(f"{which}: {rows}, {total}; {saving(saved)} for {money(once)} once.")


def _refusals(plan: Plan) -> Iterator[str]:
    """Say what is refused, in one line where that is so for one reason."""
    from ..plan.batches import refused_together
    from ..plan.plan import Cause

    alike: dict[str, list[Refusal]] = {}
    for refusal in plan.refused:
        alike.setdefault("" if refusal.cause is Cause.UNECONOMIC else refusal.why, []).append(
            refusal
        )
    for group in alike.values():
        for item in refused_together(group):
            first = item.example
            own = f" (the sums of {first.move.span})" if item.periods != first.move.periods else ""
            own = own if first.cause is Cause.UNECONOMIC else ""
            yield f"{replace(first.move, periods=item.periods)}: {first.why}{own}"


def _table(console: Console, moves: Iterable[Move]) -> None:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for move in moves:
        row = (
            move.id,
            move.span,
            count(move.rows),
            size(move.bytes),
            money(move.dollars.saved),
            money(move.dollars.once),
            _payback(move),
        )
        groups.setdefault(_title(move), []).append(row)
    columns = ("", "period", "rows", "size", "saves a month", "once", "pays back")
    console.groups(columns, groups.items(), right="rows size saves_a_month once pays_back")


def _title(move: Move) -> str:
    """Say what moves of one kind have in common."""
    from ..plan.plan import Kind

    if move.kind is Kind.COMPACT:
        return f"{move.dataset}: {move.kind} in {move.source}, because {move.reason}"
    target = "" if move.until else f" to {move.target}"
    return f"{move.dataset}: {move.kind} from {move.source}{target}, because {move.reason}"


def _payback(move: Move) -> str:
    months = move.dollars.payback
    if move.until or months is None:
        return "-"
    return "at once" if months < 0.05 else write_months(months)
