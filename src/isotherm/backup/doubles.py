"""Whether the rows of objects are in the warehouse as well: most of them, or hardly any."""

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
    """Say whether more than half of the rows of some objects are in the warehouse.

    Rows that a move takes away go together: the few that are not as they were have been changed
    since, and a few that are there again came late. Of objects that cannot be read now it is taken
    for true where the warehouse has more than half as many rows.

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
    if 2 * int(session.execute(f"SELECT count(*) FROM ({hot})")[0][0]) <= rows:
        return False
    if any(TIERS.get(item.tier, STANDARD).archived for item in objects):
        return True
    cold = f"SELECT {chosen} FROM {session.parquet([storage.url(item) for item in objects])}"
    both = session.execute(f"SELECT count(*) FROM ({cold} INTERSECT ALL {hot})")
    return 2 * int(both[0][0]) > rows
