"""Moves overlap: while one is committed, the next ones are read, copied and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from ..model.dataset import Dataset
from ..model.errors import IsothermError
from ..model.period import Period
from ..plan.plan import Move
from ..plan.steps import Step
from .begun import Begun, order_of
from .runner import Runner

BYTES = 512 * 2**20
"""Moves that read more than this together do not overlap: memory, and room to stage them."""

Place = tuple[str, Period]


class Ahead:
    """Begins moves before it is their turn; commits come one after the other all the same.

    A move begins early if all that it copies comes before its transaction, and if no move before it
    that is not finished speaks of one of its partitions. What was begun and is never run is given
    up at the end of the block, as if it had been killed.
    """

    def __init__(self, runner: Runner, datasets: Mapping[str, Dataset], at_once: int) -> None:
        """Make ready to begin moves.

        Args:
            at_once: So many are under way at a time, the one whose turn it is among them.

        """
        self._runner = runner
        self._datasets = datasets
        self._at_once = at_once
        self._begun: dict[str, Begun] = {}
        self._pool = ThreadPoolExecutor(at_once)

    def begin(self, moves: Sequence[Move], is_stuck: Callable[[Move], bool]) -> None:
        """Begin the first one of some moves, and those after it that may overlap with it.

        Args:
            moves: All that is left to be done, in its order.
            is_stuck: Whether a move will not be run, because of what became of others.

        """
        window = [move for move in moves[: self._at_once] if not is_stuck(move)]
        early = self._early(window)
        if len(early) < 2:  # nothing overlaps
            return
        for move in early:
            if move.id in self._begun:
                continue
            try:
                begun = self._runner.begin(self._datasets[move.dataset], move)
            except IsothermError:  # told when it is tried again, in its turn
                return
            self._begun[move.id] = begun
            begun.read_by(self._pool)

    def take(self, move: Move) -> Begun | None:
        """Return a move that has begun, to be run; None if it has not."""
        return self._begun.pop(move.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give up what has begun; nobody is at work any more then."""
        try:
            for begun in self._begun.values():
                self._runner.give_up(begun, "the apply has ended before its turn")
        finally:
            for begun in self._begun.values():
                begun.end()
            self._pool.shutdown()

    def _early(self, window: Sequence[Move]) -> list[Move]:
        """Return the moves that may be under way at the same time."""
        found: list[Move] = []
        before: set[Place] = set()
        total = 0
        for move in window:
            places = {(move.dataset, period) for period in move.periods}
            total += move.bytes
            if total > BYTES:
                break
            order = order_of(move, self._runner.ports.warehouse)
            if Step.COPY in order[: order.index(Step.BEGIN)] and not places & before:
                found.append(move)
            before |= places
        return found
