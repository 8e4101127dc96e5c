"""Recovery and housekeeping: what a killed move left, and what a finished one still has to do.

Every function may be called at any time and any number of times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..catalog.iceberg import Pin
from ..control import intents, journal, pins, removals
from ..control.intents import Intent
from ..model.errors import ConflictError
from .base import Ports


def recover(ports: Ports, running: Collection[str] = ()) -> tuple[Intent, ...]:
    """Abandon every open intent that is not `running` here, and clear away what it left."""
    with ports.warehouse.transaction() as tx:
        left = [i for i in intents.in_state(tx, intents.OPEN) if i.move not in running]
    return tuple(intent for intent in left if abandon(ports, intent))


def abandon(ports: Ports, intent: Intent, why: str = "its process ended") -> bool:
    """End an open move; False if it had ended itself in the meantime.

    The intent's row comes first: from then on the mover cannot commit, however late it wakes up.
    Only then do its files and its branch go.
    """
    try:
        with ports.warehouse.transaction() as tx:
            if not intents.end(tx, intent.move, intents.ABANDONED, ports.clock()):
                return False
            journal.write(tx, ports.clock(), intent.dataset, intent.move, "abandoned", reason=why)
    except ConflictError:  # the mover has just committed
        return False
    for location in intent.locations:
        ports.storage.remove(location)
    publish(ports, intent.dataset)
    return True


def publish(ports: Ports, dataset: str) -> None:
    """Set Iceberg's main to the pin; branches of ended moves and stale snapshots go."""
    if not ports.catalog.exists(dataset):
        return
    with ports.warehouse.snapshot() as tx:
        pin = pins.latest(tx, dataset)
        recent = pins.since(tx, dataset, ports.clock() - ports.grace)
        over = [m for m in ports.catalog.branches(dataset) if intents.state(tx, m) != intents.OPEN]
    head = Pin(pin.metadata, pin.snapshot) if pin else ports.catalog.head(dataset)
    keep = {item.snapshot for item in recent}
    ports.catalog.publish(dataset, head, keep, over)


def seal(ports: Ports) -> journal.Head:
    """Seal the journal's new rows into its chain."""
    with ports.warehouse.transaction() as tx:
        return journal.seal(tx)


def remove_due(ports: Ports) -> int:
    """Remove replaced objects whose grace is over, and return how many."""
    with ports.warehouse.snapshot() as tx:
        due = removals.due(tx, ports.clock())
    for location in due:
        ports.storage.remove(location)
    if due:
        with ports.warehouse.transaction() as tx:
            removals.done(tx, due)
    return len(due)


def tidy(ports: Ports, datasets: Sequence[str]) -> None:
    """Bring main to every pin, seal the journal and remove what is due."""
    for dataset in datasets:
        publish(ports, dataset)
    seal(ports)
    remove_due(ports)
