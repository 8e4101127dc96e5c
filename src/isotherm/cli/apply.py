"""`isotherm apply`: run a plan."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import saving, size
from ..model.errors import MovesFailed
from ..model.tier import EXPIRED
from .options import (
    DEFAULT_CONFIG,
    INTERRUPTED,
    AsOf,
    ConfigFile,
    EvenIf,
    Format,
    OutputFormat,
    Wait,
    Yes,
    confirmed,
    opened,
    read_as_of,
)
from .output import counted, err, out, write_json
from .plan import show
from .progress import bar

if TYPE_CHECKING:
    from ..lake import Lake
    from ..moves.applying import Applied, Limits, Watch
    from ..moves.runner import Outcome
    from ..plan.plan import Move, Plan
    from ..plan.steps import Step


def run(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATASET|PLAN.json", help="One dataset, or a plan file."),
    ] = None,
    as_of: AsOf = None,
    yes: Yes = False,
    expire: Annotated[
        bool, typer.Option("--expire", help="Delete expired partitions, too.")
    ] = False,
    even_if_uneconomic: EvenIf = False,
    exclusive: Annotated[
        bool, typer.Option("--exclusive", help="Nobody else writes: fence no table.")
    ] = False,
    max_moves: Annotated[int | None, typer.Option(help="Make so many moves.", min=0)] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Read so many bytes.", min=0)] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> int:
    """Make the moves that are due, one warehouse transaction each.

    Ctrl-C finishes the move in hand; a second one rolls it back.
    """
    from ..moves.applying import Limits, within
    from ..plan.stale import check_as_of

    limits = Limits(expire, max_moves, max_bytes)
    with opened(config, wait=wait) as lake:
        plan = _plan(lake, dataset, as_of, even_if_uneconomic)
        check_as_of(plan, lake.clock())
        todo, _ = within(plan.moves, limits)
        if format_ is Format.TABLE:
            show(plan, todo)
        if not plan.moves:
            applied, _ = run_plan(lake, plan)  # the objects' tags grow older by themselves
            if format_ is Format.JSON:
                write_json(_json(applied))
            return 0
        lake.check(plan)
        if todo:
            confirmed(f"Make {_these(len(todo))}?", yes=yes)
        try:
            applied, stopped = run_plan(lake, plan, limits, exclusive=exclusive)
        except MovesFailed as failed:
            _report(failed.applied, format_)
            raise
        _report(applied, format_)
    return INTERRUPTED if stopped else 0


def run_plan(
    lake: Lake, plan: Plan, limits: Limits | None = None, *, exclusive: bool = False
) -> tuple[Applied, bool]:
    """Run a plan with a progress bar; Ctrl-C stops after the move in hand.

    Returns:
        What was done, and whether it was stopped with moves left.

    """
    from ..moves.applying import Limits, within

    todo, _ = within(plan.moves, limits or Limits())
    with watched(len(todo)) as (watch, stop):
        try:
            applied = lake.apply(plan, exclusive=exclusive, limits=limits, watch=watch)
        except KeyboardInterrupt as interrupt:
            for note in getattr(interrupt, "__notes__", ("Interrupted between two moves",)):
                err().message(f"{note}. The moves before it are done.")
            raise typer.Exit(INTERRUPTED) from interrupt
    stopped = stop[0] and bool(applied.left)
    if stopped and applied.done:
        err().message(f"Stopped after: {applied.done[-1].move}")
    return applied, stopped


@contextmanager
def watched(moves: int) -> Iterator[tuple[Watch, list[bool]]]:
    """Show how far moves are; the second value says whether Ctrl-C wants an end after this one."""
    from ..moves.applying import Watch

    with bar("{task.fields[step]}") as progress, _stopping() as stop:
        task = progress.add_task("apply", total=moves, step="")

        def on_step(move: Move, step: Step) -> None:
            what = f"{move.kind} {move.dataset} {move.span}"
            progress.update(task, description=what, step=step.name.lower())

        def on_done(outcome: Outcome) -> None:
            progress.advance(task)

        def on_tagged(done: int, all_: int) -> None:
            progress.update(task, description="tag objects", completed=done, total=all_, step="")

        yield Watch(on_step, on_done, on_tagged, lambda: stop[0]), stop


@contextmanager
def _stopping() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C into a wish to stop, and the second one into an interrupt."""
    stop = [False]

    def on_interrupt(number: int, frame: object) -> None:
        if stop[0]:
            raise KeyboardInterrupt
        stop[0] = True
        err().message("Finishing the move in hand; Ctrl-C again rolls it back.")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _plan(lake: Lake, dataset: str | None, as_of: str | None, even: bool) -> Plan:
    """Read the plan file that is named, or make a plan."""
    from ..plan.plan import Plan

    if dataset and dataset.endswith(".json") and dataset not in lake.config.datasets:
        file = Path(dataset)
        if not file.is_file():
            raise typer.BadParameter(f"there is no plan file {file}", param_hint="PLAN.json")
        return Plan.from_json(file.read_text(encoding="utf-8"), str(file))
    return lake.plan(dataset, as_of=read_as_of(as_of), even_if_uneconomic=even)


def _report(applied: Applied, format_: Format) -> None:
    for error in applied.untidy:
        err().message(f"Not cleared away yet, the next apply tries again: {error.message}")
    if format_ is Format.JSON:
        write_json(_json(applied))
        return
    rows = sum(outcome.rows for outcome in applied.done)
    written = sum(outcome.bytes for outcome in applied.done)
    saved = sum(outcome.move.dollars.saved for outcome in applied.done)
    out().message(
        f"{counted(len(applied.done), 'move')} done: {counted(rows, 'row')}, "
        f"{size(written)} written; {saving(saved)}."
    )
    if applied.waiting:
        out().message(
            f"{counted(len(applied.waiting), 'restore')} under way in the archive; apply again "
            "finishes what is ready:"
        )
    for move in applied.waiting:
        out().message(f"  {move}")
    expiring = [move for move in applied.left if move.target == EXPIRED]
    left = [move for move in applied.left if move.target != EXPIRED]
    if left:
        out().message(f"{counted(len(left), 'move')} left; apply again makes them:")
    for move in left:
        out().message(f"  {move}")
    if expiring:
        out().message(f"{len(expiring)} expire, and go only with: apply --expire")
    for move in expiring:
        out().message(f"  {move}")


def _these(moves: int) -> str:
    return "this move" if moves == 1 else f"these {moves} moves"


def _json(applied: Applied) -> dict[str, object]:
    return {
        "version": 1,
        "done": [
            {
                "id": outcome.id,
                "move": str(outcome.move),
                "rows": outcome.rows,
                "bytes": outcome.bytes,
            }
            for outcome in applied.done
        ],
        "waiting": [str(move) for move in applied.waiting],
        "left": [str(move) for move in applied.left],
        "failed": {id_: error.message for id_, error in applied.failures.items()},
    }
