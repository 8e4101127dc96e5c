"""Run a plan: move after move, within limits; one failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ..control import requests
from ..engine.failures import Failure, failure
from ..model.dataset import Dataset
from ..model.errors import IsothermError, MovesFailed, PendingError, Terminal
from ..model.period import Period
from ..model.request import RequestKind
from ..plan.batches import apart
from ..plan.plan import Kind, Move, Plan
from ..plan.steps import Step
from . import recovery
from .ahead import Ahead
from .base import Ports
from .recovery import Ending
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
        step: Called before each step of each move; not always by the thread that applies, and
            steps of the next move may come before the last ones of this.
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
    todo, left = within(plan.moves, limits)
    with Ahead(runner, datasets, todo, ports.moves_at_once) as ahead:
        run = _Run(runner, ahead, datasets, watch)
        for move in todo:
            run.make(move)
    run.left += left
    _remember(ports, run.waiting, [move for move, _ in run.failed])
    untidy = recovery.tidy(ports, datasets.values())
    untidy += write_tags(ports, datasets.values(), plan.as_of, watch.tagged)
    failures = {move.id: error for move, error in run.failed}
    applied = Applied(tuple(run.done), tuple(run.waiting), tuple(run.left), failures, untidy)
    if failures:
        raise _failed(run.failed, applied)
    return applied


@dataclass
class _Run:
    """What has become of the moves of a plan so far.

    Attributes:
        stuck: Partitions that no later move may touch: one has failed there, or waits.

    """

    runner: Runner
    ahead: Ahead
    datasets: Mapping[str, Dataset]
    watch: Watch
    done: list[Outcome] = field(default_factory=list)
    waiting: list[Move] = field(default_factory=list)
    left: list[Move] = field(default_factory=list)
    failed: list[tuple[Move, IsothermError]] = field(default_factory=list)
    stuck: set[tuple[str, Period]] = field(default_factory=set)

    def is_stuck(self, move: Move) -> bool:
        """Say whether one of a move's partitions may not be touched any more."""
        return bool(_places(move) & self.stuck)

    def make(self, move: Move) -> IsothermError | None:
        """Make a move, and return the error of one that has failed."""
        if self.watch.stop():
            self.left.append(move)
            return None
        if self.is_stuck(move):
            if len(move.periods) > 1:  # what is stuck need not keep the others
                for one in apart(move):
                    self.make(one)
            else:
                self.left.append(move)
            return None
        try:
            self.done.append(self._run(move))
            self.watch.done(self.done[-1])
        except PendingError:
            self.waiting.append(move)
            self.stuck |= _places(move)
        except IsothermError as error:
            many = len(move.periods) > 1 and isinstance(error, Terminal)
            if many and self._store_answers():
                self._make_apart(move)
                return None
            self.failed.append((move, error))
            self.stuck |= _places(move)
            return error
        return None

    def _run(self, move: Move) -> Outcome:
        """Begin the next moves, and run this one; an interrupt says what became of it."""
        outcome: Outcome | None = None
        try:
            self.ahead.begin(move, self.is_stuck)
            outcome = self._alone_at_last(move)
            self.ahead.forget(move)
        except BaseException as error:
            if not (isinstance(error, Exception) or hasattr(error, "__notes__")):
                error.add_note(f"{(Ending.DONE if outcome else Ending.UNDONE).value}: {move}")
            raise
        return outcome

    def _alone_at_last(self, move: Move) -> Outcome:
        """Run a move; where it lacks memory beside others, it is run once more alone."""
        dataset = self.datasets[move.dataset]
        try:
            return self.runner.run(dataset, move, self.ahead.of(move))
        except IsothermError as error:
            self.ahead.forget(move)
            cause = error.__cause__
            lacks = cause is not None and failure(cause) is Failure.NO_MEMORY
            if not lacks or not self.ahead.alone():
                raise
            return self.runner.run(dataset, move)

    def _make_apart(self, move: Move) -> None:
        """Make a move that has failed partition by partition: one of them need not keep others."""
        is_down = False
        for one in apart(move):
            if is_down:
                self.left.append(one)
                self.stuck.add((one.dataset, one.periods[0]))
            elif self.make(one):
                is_down = not self._store_answers()

    def _store_answers(self) -> bool:
        """Say whether it is worth going on: the store is there, and this lake's own."""
        ports = self.runner.ports
        try:
            ports.storage.hurried().check(ports.lake)
        except IsothermError:
            return False
        return True


def _places(move: Move) -> set[tuple[str, Period]]:
    return {(move.dataset, period) for period in move.periods}


def _remember(ports: Ports, waiting: Sequence[Move], failed: Sequence[Move]) -> None:
    """Write down what the archive is at, and what somebody waits for: the next plan goes on."""
    asked = [move for move in (*waiting, *failed) if move.asked and move.until]
    if not (waiting or asked):
        return
    now = ports.clock()
    with ports.warehouse.transaction(control_only=True) as tx:
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


def _failed(failed: Sequence[tuple[Move, IsothermError]], applied: Applied) -> MovesFailed:
    causes: dict[str, list[str]] = {}
    for move, error in failed:
        causes.setdefault(error.message, []).append(str(move))
    lines = [
        f"  {moves[0]}{f' and {len(moves) - 1} more' if moves[1:] else ''}: {message}"
        for message, moves in causes.items()
    ]
    hints = {error.hint for _, error in failed if error.hint}
    every = len(failed) + len(applied.done) + len(applied.waiting) + len(applied.left)
    return MovesFailed(
        f"{len(failed)} of {every} moves failed, {len(applied.done)} are done:\n"
        + "\n".join(lines),
        hint="\n".join([*sorted(hints), "What failed is as it was before; apply tries it again."]),
        applied=applied,
    )
