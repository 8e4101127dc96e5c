"""Run a plan: move after move, within limits; one failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ..control import requests
from ..model.dataset import Dataset
from ..model.errors import IsothermError, MovesFailed, PendingError
from ..model.period import Period
from ..model.request import RequestKind
from ..plan.plan import Kind, Move, Plan
from ..plan.steps import Step
from . import recovery
from .base import Ports
from .runner import Outcome, Runner
from .tagging import write_tags

FETCH, RESTORE = RequestKind.FETCH, RequestKind.RESTORE


@dataclass(frozen=True)
class Limits:
    """How much one apply may touch.

    Attributes:
        expire: Make moves that delete expired periods, too.
        max_moves: Make so many moves.
        max_bytes: Make no move that would take the bytes read beyond this.

    """

    expire: bool = False
    max_moves: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True)
class Watch:
    """Who looks on while a plan runs.

    Attributes:
        step: Called before each step of each move.
        done: Called after each move.
        tagged: Told how many of how many objects have their tags.
        stop: Asked before each move; True leaves it and all that follow.

    """

    step: Callable[[Move, Step], None] = lambda _move, _step: None
    done: Callable[[Outcome], None] = lambda _outcome: None
    tagged: Callable[[int, int], None] = lambda _done, _all: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Applied:
    """What an apply did.

    Attributes:
        done: Every move that is finished.
        waiting: Restores that the archive is still at; a later apply finishes them.
        left: Moves that a limit, a stop or an earlier failure kept from being made.
        failures: The error of each failed move, by the move's id in the plan.
        untidy: What is still to be cleared away, and why it could not be; the next apply does it.

    """

    done: tuple[Outcome, ...] = ()
    waiting: tuple[Move, ...] = ()
    left: tuple[Move, ...] = ()
    failures: Mapping[str, IsothermError] = field(default_factory=dict)
    untidy: tuple[IsothermError, ...] = ()


def apply_plan(
    ports: Ports, datasets: Mapping[str, Dataset], plan: Plan, limits: Limits, watch: Watch
) -> Applied:
    """Make the moves of a plan.

    Raises:
        MovesFailed: some moves failed; the others are done, and `applied` says which.

    """
    runner = Runner(ports, watch.step)
    done: list[Outcome] = []
    waiting: list[Move] = []
    failures: dict[str, IsothermError] = {}
    stuck: set[tuple[str, Period]] = set()
    todo, left = within(plan.moves, limits)
    for move in todo:
        places = {(move.dataset, period) for period in move.periods}
        if watch.stop() or places & stuck:
            left.append(move)
            continue
        try:
            done.append(runner.run(datasets[move.dataset], move))
            watch.done(done[-1])
        except PendingError:
            waiting.append(move)
            stuck |= places
        except IsothermError as error:
            failures[move.id] = error
            stuck |= places
    _remember(ports, waiting, [move for move in todo if move.id in failures])
    untidy = recovery.tidy(ports, datasets.values())
    untidy += write_tags(ports, datasets.values(), plan.as_of, watch.tagged)
    applied = Applied(tuple(done), tuple(waiting), tuple(left), failures, untidy)
    if failures:
        raise _failed(plan, applied)
    return applied


def _remember(ports: Ports, waiting: Sequence[Move], failed: Sequence[Move]) -> None:
    """Write down what the archive is at, and what somebody waits for: the next plan goes on."""
    asked = [move for move in (*waiting, *failed) if move.asked and move.until]
    if not (waiting or asked):
        return
    now = ports.clock()
    with ports.warehouse.transaction() as tx:
        for move in waiting:
            if move.until:
                gone = now + timedelta(days=move.kept_days(now))
                requests.replace(tx, FETCH, move.dataset, move.periods, now, gone, move.speed)
        for move in asked:
            if move.until:
                requests.replace(
                    tx, RESTORE, move.dataset, move.periods, now, move.until, move.speed
                )


def within(moves: Sequence[Move], limits: Limits) -> tuple[list[Move], list[Move]]:
    """Split moves into those that the limits allow, and the rest."""
    todo: list[Move] = []
    left: list[Move] = []
    total = 0
    for move in moves:
        if move.kind is Kind.EXPIRE and not limits.expire:
            left.append(move)
            continue
        total += move.bytes
        many = limits.max_moves is not None and len(todo) >= limits.max_moves
        much = limits.max_bytes is not None and total > limits.max_bytes
        (left if many or much else todo).append(move)
    return todo, left


def _failed(plan: Plan, applied: Applied) -> MovesFailed:
    names = {move.id: str(move) for move in plan.moves}
    causes: dict[str, list[str]] = {}
    for id_, error in applied.failures.items():
        causes.setdefault(error.message, []).append(names[id_])
    lines = [
        f"  {moves[0]}{f' and {len(moves) - 1} more' if moves[1:] else ''}: {message}"
        for message, moves in causes.items()
    ]
    hints = {error.hint for error in applied.failures.values() if error.hint}
    failed = len(applied.failures)
    return MovesFailed(
        f"{failed} of {len(plan.moves)} moves failed, {len(applied.done)} are done:\n"
        + "\n".join(lines),
        hint="\n".join([*sorted(hints), "What failed is as it was before; apply tries it again."]),
        applied=applied,
    )
