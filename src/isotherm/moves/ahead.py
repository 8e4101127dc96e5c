"""Moves overlap: while one is committed, the next ones are read, copied and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from ..model.dataset import Dataset
from ..model.errors import IsothermError
from ..model.period import Period
from ..plan.plan import Kind, Move
from ..plan.steps import Step
from .begun import Begun
from .runner import Runner

BYTES = 512 * 2**20
"""Moves that read more than this together do not overlap: memory, and room to stage them."""
ROWS = 16_000_000
"""After so many rows nothing overlaps for once: a file of DuckDB cannot write its log back while
anybody reads at an earlier snapshot."""

Place = tuple[str, Period]


class Ahead:
    """Begins moves before it is their turn; commits come one after the other all the same.

    A move begins early if all that it copies comes before its transaction, and if no move before it
    that is not finished speaks of one of its partitions. Restores do not: what the archive was
    asked for cannot be given up. What was begun and is never run is given up at the end of the
    block, as if it had been killed.
    """

    def __init__(
        self, runner: Runner, datasets: Mapping[str, Dataset], moves: Sequence[Move], at_once: int
    ) -> None:
        """Make ready to begin moves.

        Args:
            moves: All that are to be made, in their order.
            at_once: So many are under way at a time, the one whose turn it is among them.

        """
        self._runner = runner
        self._datasets = datasets
        self._moves = moves
        self._turns = {move.id: turn for turn, move in enumerate(moves)}
        self._at_once = at_once
        self._begun: dict[str, Begun] = {}
        self._rows = 0
        self._pool = ThreadPoolExecutor(at_once)
        runner.conflicted = self._let_go

    def begin(self, first: Move, is_stuck: Callable[[Move], bool]) -> None:
        """Begin the move whose turn it is, and those after it that may overlap with it.

        Args:
            is_stuck: Whether a move will not be run, because of what became of others.

        """
        if self._rows >= ROWS:
            if self._begun.keys() <= {first.id}:
                self._rows = 0
            return
        turn = self._turns.get(first.id, len(self._moves))  # a part of one is run by itself
        window = self._moves[turn : turn + self._at_once]
        early = [move for move in self._early(window) if not is_stuck(move)]
        if early in ([], [first]):  # nothing overlaps
            return
        for move in early:
            if move.id in self._begun:
                continue
            try:
                begun = self._runner.begin(self._datasets[move.dataset], move)
            except IsothermError:  # told when it is tried again, in its turn
                return
            self._begun[move.id] = begun
            self._rows += move.rows
            begun.read_by(self._pool)

    def of(self, move: Move) -> Begun | None:
        """Return a move that has begun, to be run; None if it has not."""
        return self._begun.get(move.id)

    def forget(self, move: Move) -> None:
        """Know that a move has been run, and has ended."""
        self._begun.pop(move.id, None)

    def alone(self) -> bool:
        """Give up all that has begun, and begin nothing more early; False if nothing could."""
        could, self._at_once = self._at_once > 1, 1
        self._give_up("there is not enough memory for several moves at once")
        return could

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Give up what has begun; nobody is at work any more then."""
        try:
            self._give_up("the apply has ended before its turn")
        finally:
            for begun in self._begun.values():
                begun.end()
            self._pool.shutdown()

    def _let_go(self, met: Begun) -> None:
        """Give up what else has begun of a dataset: others may wait for its locks."""
        others = [
            id_
            for id_, begun in self._begun.items()
            if id_ != met.move.id and begun.dataset.name == met.dataset.name
        ]
        self._give_up("a move of the dataset has met another writer", others)

    def _give_up(self, why: str, moves: Sequence[str] | None = None) -> None:
        """Give up some moves that have begun, or all of them."""
        for id_ in tuple(self._begun) if moves is None else moves:
            self._runner.give_up(self._begun[id_], why)
            del self._begun[id_]

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
            order = self._runner.order(move)
            copies = Step.COPY in order[: order.index(Step.BEGIN)] and move.kind is not Kind.RESTORE
            if copies and not places & before:
                found.append(move)
            before |= places
        return found
