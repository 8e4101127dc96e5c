"""The runner: takes each move through its steps, inside one warehouse transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import stamina

from ..catalog.iceberg import Pin
from ..control import intents, journal, parts, pins, removals
from ..control.intents import Intent
from ..model.dataset import Dataset
from ..model.errors import ConflictError
from ..plan.plan import Kind, Move
from ..plan.steps import Step, steps
from ..warehouse.base import Transaction
from . import recovery
from .base import Act, Ports
from .expire import Expire
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
        self.running: set[str] = set()

    def run(self, dataset: Dataset, move: Move) -> Outcome:
        """Run a move to its end; one that meets another writer is run again whole, a few times.

        Raises:
            IsothermError: it failed, and everything is as it was before.

        """
        for attempt in stamina.retry_context(on=ConflictError, attempts=ATTEMPTS, timeout=None):
            with attempt:
                return self._attempt(dataset, move)
        raise AssertionError("unreachable")

    def _attempt(self, dataset: Dataset, move: Move) -> Outcome:
        act = ACTS[move.kind](self.ports, dataset, move, uuid.uuid4().hex[:16])
        order = steps(move.kind)
        begin, commit = order.index(Step.BEGIN), order.index(Step.COMMIT)
        self.observe(move, Step.INTENT)
        intent = self._intend(act)
        self.running.add(act.id)
        try:
            with self.ports.warehouse.transaction() as tx:
                pin: Pin | None = None
                for step in order[begin + 1 : commit]:
                    self.observe(move, step)
                    pin = self._inside(step, act, tx, pin)
                self.observe(move, Step.COMMIT)
        except BaseException as error:
            undone = recovery.abandon(self.ports, intent, f"{type(error).__name__}: {error}")
            if undone or not isinstance(error, Exception) or not self._is_done(act):
                raise
        finally:
            self.running.discard(act.id)
        for step in order[commit + 1 :]:
            self.observe(move, step)
            self._after(step, dataset)
        return Outcome(move, act.id, act.moved.rows, sum(p.bytes for p in act.change.add))

    def _is_done(self, act: Act) -> bool:
        """Say whether a commit whose outcome was unknown took place after all."""
        with self.ports.warehouse.snapshot() as tx:
            return intents.state(tx, act.id) == intents.DONE

    def _intend(self, act: Act) -> Intent:
        """Say in a transaction of its own that the move begins."""
        now = self.ports.clock()
        with self.ports.warehouse.transaction() as tx:
            intent = Intent(
                act.id,
                act.dataset.name,
                act.move.kind.value,
                tuple(str(period) for period in act.move.periods),
                act.locations(tx),
                self.ports.holder,
                intents.OPEN,
                now,
            )
            intents.begin(tx, intent)
            journal.write(
                tx, now, intent.dataset, act.id, "begun", move=str(act.move), why=act.move.reason
            )
        return intent

    def _inside(self, step: Step, act: Act, tx: Transaction, pin: Pin | None) -> Pin | None:
        """Run one step of the transaction; returns the pin that the move will set, once it is."""
        if step is Step.REGISTER:
            return self._register(act, tx)
        if step is Step.RECORD:
            self._record(act, tx, pin)
        else:
            {
                Step.COPY: act.copy,
                Step.VERIFY: act.verify,
                Step.FENCE: act.fence,
                Step.DELETE: act.delete,
                Step.INSERT: act.insert,
            }[step](tx)
        return pin

    def _register(self, act: Act, tx: Transaction) -> Pin | None:
        """Put the change on the move's branch; a move that readers see nothing of has none."""
        change, storage, name = act.change, self.ports.storage, act.dataset.name
        if not (change.register or change.unregister):
            return None
        current = pins.latest(tx, name)
        base = Pin(current.metadata, current.snapshot) if current else self.ports.catalog.head(name)
        return self.ports.catalog.register(
            name,
            base,
            act.id,
            add=[storage.url(location) for location in change.register],
            remove=[storage.url(location) for location in change.unregister],
            notes={"isotherm.journal": str(journal.head(tx))},
        )

    def _record(self, act: Act, tx: Transaction, pin: Pin | None) -> None:
        """Write everything that the commit makes true."""
        now, name, change = self.ports.clock(), act.dataset.name, act.change
        if not intents.end(tx, act.id, intents.DONE, now):
            raise ConflictError(f"{act.move} was given up by another process")
        parts.remove(tx, [part.id for part in change.remove])
        parts.add(tx, change.add)
        if pin:
            current = pins.latest(tx, name)
            version = current.version + 1 if current else 1
            pins.append(tx, pins.PinRow(name, version, pin.metadata, pin.snapshot, act.id, now))
        removals.add(tx, change.discard, act.id, now + self.ports.grace)
        removals.add(tx, change.discard_now, act.id, now)
        journal.write(tx, now, name, act.id, "done", **_account(act, pin))

    def _after(self, step: Step, dataset: Dataset) -> None:
        if step is Step.PUBLISH:
            recovery.publish(self.ports, dataset.name)
        elif step is Step.SEAL:
            recovery.seal(self.ports)
        elif step is Step.REMOVE:
            recovery.remove_due(self.ports)


def _account(act: Act, pin: Pin | None) -> dict[str, object]:
    """Return what the journal keeps of a finished move."""
    return {
        "move": str(act.move),
        "rows": act.moved.rows or sum(part.rows for part in act.change.add),
        "objects": [[str(part.location), part.bytes, part.sha256] for part in act.change.add],
        "replaced": [str(part.location) for part in act.change.remove],
        "snapshot": pin.snapshot if pin else None,
    }
