"""The runner: takes each move through its steps, inside one warehouse transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import stamina

from ..control import datasets, intents, journal
from ..control.intents import Intent
from ..model.dataset import Dataset
from ..model.errors import ConflictError, IsothermError
from ..plan.plan import OF_PEOPLE, Kind, Move
from ..plan.steps import Step, steps
from . import recovery
from .base import Act, Ports
from .compact import Compact
from .correct import Correct
from .erase import Erase
from .expire import Expire
from .recording import Recorder, register, rows_of
from .recovery import Ending
from .reload import Reload
from .restore import Restore
from .retier import Retier
from .unload import Unload

ACTS: dict[Kind, type[Act]] = {
    Kind.UNLOAD: Unload,
    Kind.APPEND: Unload,
    Kind.RETIER: Retier,
    Kind.RESTORE: Restore,
    Kind.RELOAD: Reload,
    Kind.ERASE: Erase,
    Kind.CORRECT: Correct,
    Kind.COMPACT: Compact,
    Kind.EXPIRE: Expire,
}
ATTEMPTS = 3
Observer = Callable[[Move, Step], None]


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
    """Runs moves, one at a time."""

    def __init__(self, ports: Ports, observe: Observer = lambda move, step: None) -> None:
        self.ports = ports
        self.observe = observe
        self._record = Recorder(ports)

    def run(self, dataset: Dataset, move: Move) -> Outcome:
        """Run a move to its end; one that meets another writer is run again whole, a few times.

        An interrupt carries a note that says whether the move was finished or rolled back.

        Raises:
            IsothermError: it failed, and everything is as it was before.

        """
        for attempt in stamina.retry_context(on=ConflictError, attempts=ATTEMPTS, timeout=None):
            with attempt:
                return self._attempt(dataset, move)
        raise AssertionError("unreachable")

    def _attempt(self, dataset: Dataset, move: Move) -> Outcome:
        self.ports.ready()
        order = steps(move.kind, by_rule=move.by_rule)
        begin, commit = order.index(Step.BEGIN), order.index(Step.COMMIT)
        try:
            self.observe(move, Step.INTENT)
            intent = self._intend(dataset, move, uuid.uuid4().hex[:16])
        except BaseException as error:  # at most an intent is there, which the next apply ends
            error.add_note(f"{Ending.UNDONE.value}: {move}")
            raise
        try:
            self.observe(move, Step.BEGIN)
            warehouse = self.ports.warehouse
            lock = warehouse.partitions(dataset.table, dataset.clock, move.periods)
            with warehouse.transaction(lock) as tx:
                act = ACTS[move.kind](self.ports, dataset, move, intent.move, tx)
                if act.locations() != intent.locations:
                    raise ConflictError(f"what is there of {move.span} has just changed")
                for step in order[begin + 1 : commit]:
                    self.observe(move, step)
                    self._take(step, act)
                self.observe(move, Step.COMMIT)
        except BaseException as error:
            failure = self._settle(move, intent, error)
            if failure is error:
                raise
            if failure:
                raise failure from error
        self._record.done()
        outcome = Outcome(move, act.id, rows_of(act), sum(part.bytes for part in act.change.add))
        self._after(order[commit + 1 :], move)
        return outcome

    def _settle(self, move: Move, intent: Intent, error: BaseException) -> BaseException | None:
        """Clear away what a failed attempt left.

        Returns:
            What to raise; None if the commit took place after all.

        """
        try:
            why = type(error).__name__
            if move.kind not in OF_PEOPLE:  # an engine's words may quote whom it is about
                why += f": {error}"
            ending = recovery.settle(self.ports, intent, why)
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
            {
                Step.COPY: act.copy,
                Step.LEAVE: act.copy,
                Step.VERIFY: act.verify,
                Step.COUNT: act.count,
                Step.FENCE: act.fence,
                Step.DELETE: act.delete,
                Step.UPDATE: act.update,
                Step.INSERT: act.insert,
            }[step]()

    def _after(self, order: tuple[Step, ...], move: Move) -> None:
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
