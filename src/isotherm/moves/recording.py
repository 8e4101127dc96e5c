"""What a move's commit makes true: on Iceberg's branch, in control, and in the store's manifest."""

from __future__ import annotations

from contextlib import suppress

from ..backup import copies, manifests
from ..catalog.iceberg import Pin
from ..control import intents, journal, parts, pins, removals, requests
from ..model.errors import ConflictError, StorageError
from ..plan.plan import Kind
from .base import Act, Ports


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
        add=act.described,
        remove={storage.url(part.readable_location): part for part in change.unregister},
        notes={"isotherm.journal": str(journal.head(act.tx))},
    )


class Recorder:
    """Writes down what a commit makes true; the store is told last, of what it does not know yet.

    Attributes:
        ports: What the moves act on.

    """

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._told: int | None = None
        self._telling: int | None = None

    def __call__(self, act: Act) -> None:
        """Write everything that the commit makes true.

        Raises:
            ConflictError: a recoverer has given up the move.

        """
        self._telling = self._told
        _record(act)
        change = act.change
        if change.add or change.remove or act.pin:
            self._tell(act)
        else:  # nothing of the store has changed: the move is not to fail for it
            with suppress(StorageError):
                self._tell(act)

    def done(self) -> None:
        """Know that the commit took place: what was told of it need not be told again."""
        self._told, self._telling = self._telling, None

    def _tell(self, act: Act) -> None:
        """Put the manifest, in which the journal goes on from what the store knows."""
        if self._told is None:
            there = copies.every(self.ports.storage)
            self._told = max((copy.rows for copy in there if copies.is_in(act.tx, copy)), default=0)
        self._telling = manifests.put(
            act.tx,
            self.ports.storage,
            dataset=act.dataset.name,
            move=act.id,
            kind=act.move.kind.value,
            removed=act.change.remove,
            added=act.change.add,
            since=self._told,
        )


def _record(act: Act) -> None:
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
        rows=rows_of(act),
        objects=[[str(part.location), part.bytes, part.sha256] for part in change.add],
        replaced=[str(part.location) for part in change.remove],
        snapshot=act.pin.snapshot if act.pin else None,
    )


def rows_of(act: Act) -> int:
    """Return how many rows a move has moved."""
    return act.moved.rows or sum(part.rows for part in act.change.add)
