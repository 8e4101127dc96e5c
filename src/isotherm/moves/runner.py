"""The runner: takes each move through its steps, inside one warehouse transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import stamina

from ..catalog.iceberg import Pin
from ..control import datasets, intents, journal, parts, pins, removals, requests
from ..control.intents import Intent
from ..model.dataset import Dataset
from ..model.errors import ConflictError, IsothermError
from ..plan.plan import Kind, Move
from ..plan.steps import Step, steps
from . import recovery
from .base import Act, Ports
from .erase import Erase
from .expire import Expire
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
        outcome = Outcome(move, act.id, _rows(act), sum(part.bytes for part in act.change.add))
        self._after(order[commit + 1 :], move)
        return outcome

    def _settle(self, move: Move, intent: Intent, error: BaseException) -> BaseException | None:
        """Clear away what a failed attempt left.

        Returns:
            What to raise; None if the commit took place after all.

        """
        try:
            why = type(error).__name__
            if move.kind is not Kind.ERASE:  # an engine's words may quote whom it is about
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
        with self.ports.warehouse.transaction() as tx:
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
            record(act)
        else:
            {
                Step.COPY: act.copy,
                Step.LEAVE: act.copy,
                Step.VERIFY: act.verify,
                Step.COUNT: act.count,
                Step.FENCE: act.fence,
                Step.DELETE: act.delete,
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


def register(act: Act) -> None:
    """Put the change on the move's branch; a move that readers see nothing of has none."""
    change, storage, name = act.change, act.ports.storage, act.dataset.name
    if not (change.register or change.unregister):
        return
    current = pins.latest(act.tx, name)
    base = Pin(current.metadata, current.snapshot) if current else act.ports.catalog.head(name)
    act.pin = act.ports.catalog.register(
        name,
        base,
        act.id,
        add=[storage.url(location) for location in change.register],
        remove={storage.url(part.readable_location): part for part in change.unregister},
        notes={"isotherm.journal": str(journal.head(act.tx))},
    )


def record(act: Act) -> None:
    """Write everything that the commit makes true.

    Raises:
        ConflictError: a recoverer has given up the move.

    """
    tx, now, name, change = act.tx, act.ports.clock(), act.dataset.name, act.change
    if not intents.end(tx, act.id, intents.DONE, now):
        raise ConflictError(f"{act.move} was given up by another process")
    if act.move.kind is Kind.RESTORE:
        requests.fulfil(tx, name, act.move.periods, now)
    parts.remove(tx, [part.id for part in change.remove])
    parts.add(tx, change.add)
    if act.pin:
        current = pins.latest(tx, name)
        version = current.version + 1 if current else 1
        pins.append(tx, pins.PinRow(name, version, act.pin.metadata, act.pin.snapshot, act.id, now))
    removals.add(tx, change.discard, act.id, None)
    act.note()
    journal.write(
        tx,
        now,
        name,
        act.id,
        "done",
        move=str(act.move),
        rows=_rows(act),
        objects=[[str(part.location), part.bytes, part.sha256] for part in change.add],
        replaced=[str(part.location) for part in change.remove],
        snapshot=act.pin.snapshot if act.pin else None,
    )


def _rows(act: Act) -> int:
    return act.moved.rows or sum(part.rows for part in act.change.add)
