"""A move that has begun: what it does before the transaction that commits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from typing import Final

from ..control.intents import Intent
from ..engine.threads import ended
from ..model.dataset import Dataset
from ..model.errors import ConflictError
from ..plan.plan import Kind, Move
from ..plan.steps import Step
from ..warehouse.attached import translated
from ..warehouse.base import Transaction
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


class Begun:
    """A move whose intent is written.

    What it copies before its transaction, it reads on a snapshot of its own, which stays open until
    the transaction has compared it with what is there by then. The copying may be done in a thread
    of its own; all else, the warehouse's answers among them, is one thread's.

    Attributes:
        intent: It has to be ended, whatever happens.
        early: Its steps between the intent and the transaction.
        late: Those in the transaction, up to the commit.
        last: Those after it.

    """

    def __init__(
        self,
        ports: Ports,
        dataset: Dataset,
        move: Move,
        intent: Intent,
        observe: Observer,
        order: Sequence[Step],
    ) -> None:
        self.dataset, self.move, self.intent = dataset, move, intent
        self._ports, self._observe = ports, observe
        begin, commit = order.index(Step.BEGIN), order.index(Step.COMMIT)
        self.early, self.late, self.last = (
            order[1:begin],
            order[begin + 1 : commit],
            order[commit + 1 :],
        )
        self._snapshot = ExitStack()
        self._act: Act | None = None
        self._reading: Future[None] | None = None

    def read_by(self, pool: Executor) -> None:
        """Have the steps before the transaction taken by a thread of a pool.

        What fails of it, fails `read`.
        """
        try:
            act = self._opened()
        except Exception as error:
            self._reading = Future()
            self._reading.set_exception(error)
        else:
            self._reading = pool.submit(self._read, act)

    def read(self) -> None:
        """Take the steps before the transaction, or wait until they are taken.

        Raises:
            IsothermError: one failed.

        """
        if self._reading:
            self._reading.result()
        elif self.early:
            self._read(self._opened())

    def enter(self, tx: Transaction) -> Act:
        """Return the move, to go on in the transaction that commits it.

        Raises:
            ConflictError: what it has read is not so any more.

        """
        if self._act is None:
            return self._made(tx)
        self._act.enter(tx)
        if not self._ports.warehouse.rereads:
            # Others may wait for its locks, and the transaction for them.
            self._snapshot.close()
        return self._act

    def end(self) -> None:
        """Give up what is still being read, and the snapshot; nobody is at work any more then."""
        if self._reading:
            self._reading.cancel()
            if self._act:
                self._act.given_up.set()
                ended([self._reading], [self._act.seen.session])
        self._snapshot.close()

    def _opened(self) -> Act:
        """Open the snapshot, and look at what is there."""
        self._act = self._made(self._snapshot.enter_context(self._ports.warehouse.snapshot()))
        return self._act

    def _read(self, act: Act) -> None:
        with translated():
            for step in self.early:
                if act.given_up.is_set():
                    return
                self._observe(self.move, step)
                act.take(step)
            if not self._ports.warehouse.rereads:  # the fence will not
                act.compare()
            _ = act.parts, act.described  # read now, not while others wait for the commit

    def _made(self, tx: Transaction) -> Act:
        act = ACTS[self.move.kind](self._ports, self.dataset, self.move, self.intent.move, tx)
        if act.locations() != self.intent.locations:
            raise ConflictError(f"what is there of {self.move.span} has just changed")
        return act
