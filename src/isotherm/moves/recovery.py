"""Recovery and housekeeping: what a killed move left, and what a finished one still has to do.

Every function may be called at any time and any number of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial

from ..backup.copies import manifest_of
from ..catalog.iceberg import Pin, lost
from ..control import datasets, intents, journal, parts, pins, removals
from ..control.intents import Intent
from ..engine.threads import behind
from ..model.dataset import Dataset
from ..model.errors import ConflictError, IsothermError
from ..model.part import QUERIES, Location
from .base import Ports

METADATA = "iceberg"
"""The folder of the store where the tables' metadata lies, as the tier of its locations."""

COPIES_KEPT = timedelta(days=1)
"""A query that takes longer has ended."""
_OURS = re.compile(r"/(\d{5}-[^/]*\.metadata\.json|snap-[^/]*\.avro|[^/]*-m\d+\.avro)$")
"""The names of metadata files that Isotherm writes; whatever else lies beside them stays."""


class Ending(Enum):
    """How an attempt at a move ended that did not come to its end by itself."""

    UNDONE = "Rolled back"
    OVERTAKEN = "Given up by another process, and rolled back"
    DONE = "Done"


def recover(ports: Ports) -> tuple[Intent, ...]:
    """Abandon every open intent, and clear away what it left; returns those it abandoned.

    A mover that is still at it comes to no harm, and does none: it fails and rolls back.
    """
    with ports.warehouse.snapshot(control_only=True) as tx:
        left = intents.in_state(tx, intents.OPEN)
    return tuple(intent for intent in left if abandon(ports, intent, "its process ended"))


def settle(ports: Ports, intent: Intent, why: str) -> Ending:
    """Find out how a failed attempt has ended, and undo what is left of one without a commit."""
    if abandon(ports, intent, why):
        return Ending.UNDONE
    with ports.warehouse.snapshot(control_only=True) as tx:
        state = intents.state(tx, intent.move)
    if state == intents.DONE:
        return Ending.DONE
    if state == intents.ABANDONED:  # before this mover wrote its last file
        clear(ports, intent)
    return Ending.OVERTAKEN


def abandon(ports: Ports, intent: Intent, why: str) -> bool:
    """End an open move; False if it has ended, or is just about to.

    The intent's row comes first: from then on the mover cannot commit, however late it wakes up.
    Only then do its files and its branch go.
    """
    now = ports.clock()
    try:
        with ports.warehouse.transaction(control_only=True) as tx:
            if not intents.end(tx, intent.move, intents.ABANDONED, now):
                return False
            journal.write(tx, now, intent.dataset, intent.move, "abandoned", reason=why)
            # Written down with it: whoever comes next removes them if this process cannot.
            removals.add(tx, _left_by(intent), intent.move, now)
    except ConflictError:  # the mover has just written its own end
        return False
    clear(ports, intent)
    return True


def clear(ports: Ports, intent: Intent) -> None:
    """Remove the files and the branch of an abandoned move; what fails is left to `tidy`."""
    _failure(partial(_remove_all, ports, _left_by(intent)))
    _failure(partial(publish, ports, intent.dataset))


def _left_by(intent: Intent) -> tuple[Location, ...]:
    return (*intent.locations, manifest_of(intent.move))


def publish(ports: Ports, dataset: str) -> None:
    """Set Iceberg's main to the pin; branches of ended moves and old snapshots go.

    Raises:
        StorageError: the catalogue cannot be read or written, or is not the one of the pin.
        ConflictError: another commit came between.

    """
    seen = ports.catalog.look(dataset)
    with ports.warehouse.snapshot(control_only=True) as tx:
        pin = pins.latest(tx, dataset)
        moves = seen.moves if seen else ()
        ended = [move for move in moves if intents.state(tx, move) != intents.OPEN]
    if seen is None and pin:
        raise lost(dataset)
    if seen is None:
        return
    head = Pin(pin.metadata, pin.snapshot) if pin else ports.catalog.head(dataset)
    ports.catalog.publish(dataset, seen, head, ended)


def seal(ports: Ports) -> journal.Head:
    """Seal the journal's new rows into its chain."""
    with ports.warehouse.transaction(control_only=True) as tx:
        return journal.seal(tx)


def remove_due(ports: Ports) -> None:
    """Remove replaced objects whose grace is over.

    The grace of what a commit has replaced begins here, when the commit is seen: only then is it
    sure that no reader begins with it any more.

    Raises:
        StorageError: an object could not be removed; the others are.

    """
    now = ports.clock()
    with ports.warehouse.transaction(control_only=True) as tx:
        removals.begin(tx, now + ports.grace)
        due = removals.due(tx, now)
    _remove_all(ports, {location for location in due if location.tier != METADATA})


def sweep(ports: Ports, dataset: str) -> None:
    """Remove metadata files that no current metadata and no reader's pin needs.

    A file goes once it was found unneeded all through the grace.

    Raises:
        StorageError: the catalogue cannot be read, or a file could not be removed.

    """
    now, place = ports.clock(), f"{dataset}/metadata"
    with ports.warehouse.snapshot(control_only=True) as tx:
        recent = pins.since(tx, dataset, now - ports.grace)
    if not ports.catalog.exists(dataset):
        return
    if recent and ports.catalog.head(dataset).snapshot != recent[0].snapshot:
        return  # it is not the table that the pin speaks of: everything stays
    needed = ports.catalog.metadata_files(dataset) | {pin.metadata for pin in recent[:1]}
    listed = {ports.storage.url(item): item for item in ports.storage.list(METADATA, place)}
    if not needed <= listed.keys():
        return  # nor is this the folder that the table is in
    unneeded = {i for url, i in listed.items() if url not in needed and _OURS.search(i.key)}
    read = {listed[pin.metadata] for pin in recent if pin.metadata in listed}
    with ports.warehouse.transaction(control_only=True) as tx:
        waiting = {
            item
            for item in removals.waiting(tx)
            if item.tier == METADATA and item.key.startswith(f"{place}/")
        }
        removals.done(tx, waiting - unneeded)
        removals.add(tx, sorted(unneeded - waiting), "", now + ports.grace)
        due = (removals.due(tx, now) & unneeded) - read
    _remove_all(ports, due)


def sweep_copies(ports: Ports) -> None:
    """Remove copies of hot rows that queries of another engine have left, whose process has ended.

    Raises:
        StorageError: one could not be removed.

    """
    oldest = f"{datetime.now(UTC) - COPIES_KEPT:%Y%m%dT%H%M%S}"
    ports.storage.unstage(QUERIES, "", before=oldest)
    for location in tuple(ports.storage.list(QUERIES)):
        if location.key < oldest:
            ports.storage.remove(location)


def drop_partitions(ports: Ports, dataset: Dataset) -> None:
    """Drop the warehouse's own partitions whose rows have left, once the grace is over.

    One that somebody is at work on stays until the next time. Those of a table that has taken the
    place of the one whose rows were moved are not touched.

    Raises:
        IsothermError: one cannot be dropped; the others are.

    """
    name, table, clock = dataset.name, dataset.table, dataset.clock
    with ports.warehouse.snapshot(control_only=True) as tx:
        known = datasets.remembered(tx, name)
        late = ports.clock() - ports.grace
        moved = {part.period for part in parts.of_dataset(tx, name) if part.created_at <= late}
    if known != (table, clock) or not moved:
        return
    failures: list[IsothermError] = []
    for partition in ports.warehouse.partitions(table, clock, moved, own=True):
        try:
            ports.warehouse.drop_if_empty(partition)
        except ConflictError:
            continue
        except IsothermError as error:
            failures.append(error)
    for failure in failures:
        raise failure


def tidy(ports: Ports, known: Iterable[Dataset]) -> tuple[IsothermError, ...]:
    """Bring main to every pin, seal the journal and remove what is due.

    Args:
        known: The datasets of the config.

    Returns:
        What could not be done now; the next call tries it again.

    """
    with ports.warehouse.snapshot(control_only=True) as tx:
        names = intents.datasets(tx)
    jobs: list[Callable[[], object]] = [partial(seal, ports)]
    for name in names:
        jobs += [partial(job, ports, name) for job in (publish, sweep)]
    jobs += [partial(drop_partitions, ports, dataset) for dataset in known]
    jobs += [partial(remove_due, ports), partial(sweep_copies, ports)]
    return tuple(error for job in jobs if (error := _failure(job)))


def _failure(job: Callable[[], object]) -> IsothermError | None:
    try:
        job()
    except IsothermError as error:
        return error
    return None


def _remove_all(ports: Ports, locations: Iterable[Location]) -> None:
    """Remove objects and forget them; those that cannot be removed stay on the list.

    Raises:
        StorageError: one could not be removed.

    """

    def removed(item: Location) -> IsothermError | None:
        return _failure(partial(ports.storage.remove, item))

    items = list(locations)
    with behind(removed, len(items)) as remove:
        futures = [remove(item) for item in items]
    failures = {item: future.result() for item, future in zip(items, futures, strict=True)}
    if gone := [item for item, failure in failures.items() if not failure]:
        with ports.warehouse.transaction(control_only=True) as tx:
            removals.done(tx, gone)
    for failure in failures.values():
        if failure:
            raise failure
