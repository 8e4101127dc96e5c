"""The runner: takes each move through its steps, to the one transaction that commits it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import stamina

from ..control import datasets, intents, journal
from ..control.intents import Intent
from ..model.dataset import Dataset, TableName
from ..model.errors import ConflictError, IsothermError
from ..plan.plan import OF_PEOPLE, Move
from ..plan.steps import Step, steps_of
from . import recovery
from .base import Act, Ports
from .begun import ACTS, Begun, Observer
from .recording import Recorder, register, rows_of
from .recovery import Ending

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a move.

    Attributes:
        id: Of this run of the move; it is in the journal, the objects' names and the branch.
        bytes: Of the objects that it wrote.

    """

    move: Move
    id: str
    rows: int
    bytes: int


class Runner:
    """Runs moves; each is committed by itself, while others may have begun.

    Attributes:
        conflicted: Called when rows of a dataset are not to be copied early any more, and before
            the move that has met others is run again.

    """

    def __init__(self, ports: Ports, observe: Observer = lambda move, step: None) -> None:
        self.ports = ports
        self.observe = observe
        self._record = Recorder(ports)
        self.conflicted: Callable[[Begun], None] = lambda _begun: None
        self._in_turn: set[str] = set()

    def run(self, dataset: Dataset, move: Move, begun: Begun | None = None) -> Outcome:
        """Run a move to its end; one that meets another writer is run again whole, a few times.

        An interrupt carries a note that says whether the move was finished or rolled back; one
        without a note has come before it began.

        Args:
            begun: It, where it has begun already.

        Raises:
            IsothermError: it failed, and everything is as it was before.

        """
        for attempt in stamina.retry_context(on=ConflictError, attempts=ATTEMPTS, timeout=None):
            with attempt:
                now, begun = begun or self.begin(dataset, move), None
                return self._finish(now)
        raise AssertionError("unreachable")

    def begin(self, dataset: Dataset, move: Move) -> Begun:
        """Write down that a move begins.

        Raises:
            IsothermError: that cannot be written; at most an intent is there, which the next apply
                ends.

        """
        self.ports.ready()
        self.observe(move, Step.INTENT)
        intent = self._intend(dataset, move, uuid.uuid4().hex[:16])
        return Begun(self.ports, dataset, move, intent, self.observe, self.order(move))

    def order(self, move: Move) -> tuple[Step, ...]:
        """Return the steps of a move, in their order.

        Where a warehouse's fence reads nothing again, rows may look changed that are not: after
        such a conflict the rows of the dataset are copied in the transaction that deletes them.
        """
        return steps_of(move, ahead=move.dataset not in self._in_turn)

    def give_up(self, begun: Begun, why: str) -> None:
        """End a move that will not be committed; what cannot be done of it the next apply does."""
        begun.end()
        with suppress(IsothermError):
            recovery.settle(self.ports, begun.intent, why)

    def _finish(self, begun: Begun) -> Outcome:
        move, dataset, warehouse = begun.move, begun.dataset, self.ports.warehouse
        try:
            begun.read()
            self.ports.ready()
            self.observe(move, Step.BEGIN)
            lock: Sequence[TableName] = ()
            if not begun.early:  # rows that are written to a partition now are moved as well
                lock = warehouse.partitions(dataset.table, dataset.clock, move.periods)
            marked = bool(begun.early) and not warehouse.rereads  # the engine reads no row again
            with warehouse.transaction(lock, control_only=marked) as tx:
                act = begun.enter(tx)
                for step in begun.late:
                    self.observe(move, step)
                    self._take(step, act)
                self.observe(move, Step.COMMIT)
        except BaseException as error:
            begun.end()
            if isinstance(error, ConflictError) and not warehouse.rereads:
                self._in_turn.add(dataset.name)
                self.conflicted(begun)
            failure = self._settle(move, begun.intent, error)
            if failure is error:
                raise
            if failure:
                raise failure from error
        try:
            begun.end()
            self._record.done()
        except BaseException as error:
            error.add_note(f"{Ending.DONE.value}: {move}")
            raise
        outcome = Outcome(move, act.id, rows_of(act), sum(part.bytes for part in act.change.add))
        self._after(begun.last, move)
        return outcome

    def _settle(self, move: Move, intent: Intent, error: BaseException) -> BaseException | None:
        """Clear away what a failed attempt left.

        Returns:
            What to raise; None if the commit took place after all.

        """
        try:
            ending = recovery.settle(self.ports, intent, _reason(move, error))
        except IsothermError as second:
            error.add_note(f"Begun, and to be settled by the next apply ({second}): {move}")
            return error
        error.add_note(f"{ending.value}: {move}")
        if not isinstance(error, Exception) or ending is Ending.UNDONE:
            return error
        if ending is Ending.OVERTAKEN:
            return ConflictError(f"{ending.value}: {move}", hint="Run apply again.")
        return None

    def _intend(self, dataset: Dataset, move: Move, id_: str) -> Intent:
        """Say in a transaction of its own that the move begins."""
        now = self.ports.clock()
        with self.ports.warehouse.transaction(control_only=True) as tx:
            intent = Intent(
                id_,
                dataset.name,
                move.kind.value,
                tuple(str(period) for period in move.periods),
                ACTS[move.kind](self.ports, dataset, move, id_, tx).locations(),
                self.ports.holder,
                intents.OPEN,
                now,
            )
            datasets.remember(tx, dataset, now)
            intents.begin(tx, intent)
            journal.write(tx, now, dataset.name, id_, "begun", move=str(move), why=move.reason)
        return intent

    def _take(self, step: Step, act: Act) -> None:
        """Take one step of the transaction."""
        if step is Step.REGISTER:
            register(act)
        elif step is Step.RECORD:
            self._record(act)
        else:
            act.take(step)

    def _after(self, order: Sequence[Step], move: Move) -> None:
        """Do what follows a commit; what fails of it is done by the next apply."""
        for step in order:
            try:
                self.observe(move, step)
                if step is Step.PUBLISH:
                    recovery.publish(self.ports, move.dataset)
                elif step is Step.SEAL:
                    recovery.seal(self.ports)
                elif step is Step.REMOVE:
                    recovery.remove_due(self.ports)
            except IsothermError:  # the move is made; `recovery.tidy` tries again and tells
                return
            except BaseException as error:
                error.add_note(f"{Ending.DONE.value}: {move}")
                raise


def _reason(move: Move, error: BaseException) -> str:
    """Say for the journal why a move failed, without what the engine says.

    Its words may quote somebody's values, which the chain would keep for ever.
    """
    kind = type(error).__name__
    if move.kind in OF_PEOPLE or not isinstance(error, IsothermError):
        return kind
    quoted = error.__cause__ or error.__context__
    return f"{kind}: {error.message.partition(': ')[0] if quoted else error}"
