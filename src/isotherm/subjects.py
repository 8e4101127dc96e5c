"""What plans are made of: datasets, with what is there of them and what was asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from .control import holds, inventory, parts, requests
from .model.dataset import Dataset
from .model.part import Inventory
from .model.period import Period
from .plan.due import stretches
from .plan.planner import Subject
from .warehouse.base import Transaction


def whole(tx: Transaction, datasets: Iterable[Dataset]) -> list[Subject]:
    """Return datasets with all that is there of them.

    Raises:
        SchemaError: a table or its clock is missing, or the clock's type cannot age.

    """
    return [
        Subject(
            dataset,
            inventory.take(tx, dataset),
            requests.standing(tx, dataset.name),
            holds.standing(tx, dataset.name),
        )
        for dataset in datasets
    ]


def due(tx: Transaction, datasets: Sequence[Dataset], as_of: datetime) -> list[Subject]:
    """Return datasets with those partitions alone with which something may be due.

    A plan is the same as one of them all. What has rows in the warehouse is looked at; of what is
    on the store, the warehouse returns what lies where the policy does not want it, so that
    millions of partitions that are where they should be cost little.

    Args:
        as_of: The instant that ages are taken at, UTC.

    Raises:
        SchemaError: see `whole`.

    """
    asked, kept = _by_dataset(requests.standing(tx)), _by_dataset(holds.standing(tx))
    totals = parts.totals(tx)
    hot = {d.name: inventory.counted(tx, d, has_cold=d.name in totals) for d in datasets}
    wanted = {(name, item.period) for name, (found, _) in hot.items() for item in found}
    wanted |= {(r.dataset, r.period) for group in asked.values() for r in group if r.period}
    cold = parts.due(
        tx,
        {d.name: stretches(d.policy, Period.of(as_of, d.unit)) for d in datasets},
        wanted,
        {d.name: (d.small_bytes, d.compact_min_objects) for d in datasets if d.compact_min_objects},
    )
    return [
        Subject(
            dataset,
            Inventory(name, hot[name][0], cold.get(name, ()), hot[name][1]),
            asked.get(name, ()),
            kept.get(name, ()),
            totals.get(name, {}),
        )
        for dataset in datasets
        if (name := dataset.name)
    ]


class _OfDataset(Protocol):
    @property
    def dataset(self) -> str: ...


Item = TypeVar("Item", bound=_OfDataset)


def _by_dataset(items: Iterable[Item]) -> dict[str, tuple[Item, ...]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[item.dataset].append(item)
    return {name: tuple(group) for name, group in found.items()}
