"""A move that has begun: what it does before the transaction that commits it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from typing import Final

from ..control.intents import Intent
from ..engine.base import Session
from ..engine.threads import ended
from ..model.dataset import Dataset
from ..model.errors import ConflictError
from ..plan.plan import Kind, Move
from ..plan.steps import Step, steps
from ..warehouse.base import Transaction, Warehouse
from .base import Act, Ports
from .compact import Compact
from .correct import Correct
from .erase import Erase
from .expire import Expire
from .reload import Reload
from .restore import Restore
from .retier import Retier
from .unload import Unload

ACTS: Final[dict[Kind, type[Act]]] = {
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
Observer = Callable[[Move, Step], None]


def order_of(move: Move, warehouse: Warehouse) -> tuple[Step, ...]:
    """Return the steps of a move, in their order."""
    return steps(move.kind, by_rule=move.by_rule, rereads=warehouse.rereads)


class Begun:
    """A move whose intent is written.

    What it copies before its transaction, it reads on a snapshot of its own, which stays open until
    the transaction has compared it with what is there by then. That may be done in a thread of its
    own; everything else is one thread's.

    Attributes:
        intent: It has to be ended, whatever happens.

    """

    def __init__(
        self, ports: Ports, dataset: Dataset, move: Move, intent: Intent, observe: Observer
    ) -> None:
        self.dataset, self.move, self.intent = dataset, move, intent
        self._ports, self._observe = ports, observe
        self._snapshot = ExitStack()
        self._session: Session | None = None
        self._act: Act | None = None
        self._reading: Future[None] | None = None
        self._is_given_up = False

    def read_by(self, pool: Executor) -> None:
        """Have the steps before the transaction taken by a thread of a pool."""
        self._reading = pool.submit(self._read)

    def read(self) -> None:
        """Take the steps before the transaction, or wait until they are taken.

        Raises:
            IsothermError: one failed.

        """
        if self._reading:
            self._reading.result()
        else:
            self._read()

    def enter(self, tx: Transaction) -> Act:
        """Return the move, to go on in the transaction that commits it.

        Raises:
            ConflictError: what it has read is not so any more.

        """
        if self._act is None:
            return self._made(tx)
        self._act.enter(tx)
        return self._act

    def end(self) -> None:
        """Give up what is still being read, and the snapshot; nobody is at work any more then."""
        self._is_given_up = True  # before the session is looked for: who opens it sees that
        if self._reading:
            self._reading.cancel()
            ended([self._reading], [self._session] if self._session else [])
        self._snapshot.close()

    def _read(self) -> None:
        order = order_of(self.move, self._ports.warehouse)
        early = order[1 : order.index(Step.BEGIN)]
        if not early:
            return
        tx = self._snapshot.enter_context(self._ports.warehouse.snapshot())
        self._session = tx.session
        act = self._made(tx)
        for step in early:
            if self._is_given_up:
                return
            self._observe(self.move, step)
            act.take(step)
        _ = act.described  # read now, not while others wait for the commit
        self._act = act

    def _made(self, tx: Transaction) -> Act:
        act = ACTS[self.move.kind](self._ports, self.dataset, self.move, self.intent.move, tx)
        if act.locations() != self.intent.locations:
            raise ConflictError(f"what is there of {self.move.span} has just changed")
        return act
