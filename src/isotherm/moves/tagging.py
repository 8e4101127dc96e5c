"""Tags: how old each object's rows are, and which class the bucket's rules shall bring it to.

They are a target state for a date, never a step: writing them twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice

from ..control import parts, tags
from ..lifecycle.rules import AGEING, CLASS
from ..model.dataset import Dataset
from ..model.errors import IsothermError, StorageError
from ..model.part import Location, Part
from ..model.period import Period
from .base import Ports

PAGE = 1_000
"""So many objects are tagged between two writes of what is done."""
Watched = Callable[[int, int], None]


def write_tags(
    ports: Ports, datasets: Iterable[Dataset], as_of: datetime, watch: Watched
) -> tuple[IsothermError, ...]:
    """Bring the tags of all objects to what they should be, where they are not.

    Args:
        as_of: The instant that ages are taken at, UTC.
        watch: Told how many of how many objects are done.

    Returns:
        What could not be done; the next call tries it again.

    """
    store = ports.storage.classed
    if store is None:
        return ()
    late = ports.clock() - ports.grace
    with ports.warehouse.snapshot(control_only=True) as tx:
        wanted = dict(
            chain.from_iterable(
                _wanted(part, dataset, as_of, late)
                for dataset in datasets
                for part in parts.of_dataset(tx, dataset.name)
            )
        )
        known = tags.known(tx)
    todo = {place: own for place, own in wanted.items() if known.get(place) != own}
    errors: list[IsothermError] = []
    done = 0
    left = iter(todo.items())
    while page := dict(islice(left, PAGE)):
        written, failures = store.tag(page)
        errors += failures
        with ports.warehouse.transaction(control_only=True) as tx:
            tags.note(tx, {place: page[place] for place in written})
        done += len(page)
        watch(done, len(todo))
    return _together(errors)


def _wanted(
    part: Part, dataset: Dataset, as_of: datetime, late: datetime
) -> Iterator[tuple[Location, Mapping[str, str]]]:
    """Yield the tags of a part's objects.

    The class is written once the grace is over, after which no reader uses the object.
    """
    age = Period.of(as_of, dataset.unit).ordinal - part.period.ordinal
    ageing = {AGEING: str(age)}
    by_rule = part.location.tier != part.tier.name and part.created_at <= late
    yield part.location, ageing | ({CLASS: part.tier.name} if by_rule else {})
    if part.restored:
        yield part.restored, ageing


def _together(errors: list[IsothermError]) -> tuple[IsothermError, ...]:
    """Return one error for many objects that met the same."""
    if len(errors) < 2:
        return tuple(errors)
    return (
        StorageError(f"{len(errors)} objects could not be tagged; the first: {errors[0].message}"),
    )
