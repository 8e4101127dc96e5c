"""Whether the rows of objects are in the warehouse as well."""

from __future__ import annotations

from collections.abc import Sequence

from ..control.inventory import clock_of
from ..engine.sql import quote, within
from ..model.dataset import Dataset
from ..model.part import Location
from ..model.period import Period, ranges
from ..model.schema import cold_columns
from ..model.tier import STANDARD, TIERS
from ..storage.base import Storage
from ..warehouse.base import Transaction


def are_hot(
    tx: Transaction,
    storage: Storage,
    dataset: Dataset,
    periods: Sequence[Period],
    objects: Sequence[Location],
    rows: int,
) -> bool:
    """Say whether all rows of some objects are in the warehouse.

    Of objects that cannot be read now it is taken for true where the warehouse has as many rows.

    Args:
        rows: How many the objects have.

    """
    columns = tx.columns(dataset.table)
    if not columns:
        return False
    clock_type = clock_of(dataset, columns).type
    there = " OR ".join(
        f"({within(dataset, clock_type, first, last)})" for first, last in ranges(periods)
    )
    kept = cold_columns(dataset.name, dataset.table, columns, dict(dataset.cast))
    chosen = ", ".join(f"{quote(c.name)}::{c.type} AS {quote(c.name)}" for c in kept)
    hot = f"SELECT {chosen} FROM {tx.relation(dataset.table)} WHERE {there}"
    session = tx.session
    if int(session.execute(f"SELECT count(*) FROM ({hot})")[0][0]) < rows:
        return False
    if any(TIERS.get(item.tier, STANDARD).archived for item in objects):
        return True
    cold = f"SELECT {chosen} FROM {session.parquet([storage.url(item) for item in objects])}"
    both = session.execute(f"SELECT count(*) FROM ({cold} INTERSECT ALL {hot})")
    return int(both[0][0]) == rows
