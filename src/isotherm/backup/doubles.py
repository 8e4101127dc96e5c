"""Whether the rows of objects are in the warehouse as well: most of them, or hardly any."""

from __future__ import annotations

from collections.abc import Sequence

from ..control.inventory import clock_of
from ..engine.sql import quote, within
from ..model.dataset import Dataset
from ..model.part import Location
from ..model.period import Period, ranges
from ..model.schema import Column, cold_columns
from ..model.tier import STANDARD, TIERS
from ..storage.base import Storage
from ..warehouse.attached import translated
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
    clock = clock_of(dataset, columns)
    hot = " OR ".join(f"({within(dataset, clock, first, last)})" for first, last in ranges(periods))
    source = f"{tx.relation(dataset.table)} WHERE {hot}"
    with translated():
        there = int(tx.session.execute(f"SELECT count(*) FROM {source}")[0][0])
        if 2 * there <= rows or any(TIERS.get(o.tier, STANDARD).archived for o in objects):
            return 2 * there > rows
        return 2 * _in_both(tx, storage, dataset, columns, objects, source) > rows


def _in_both(
    tx: Transaction,
    storage: Storage,
    dataset: Dataset,
    columns: Sequence[Column],
    objects: Sequence[Location],
    source: str,
) -> int:
    """Count the rows that are alike in the columns that all objects have, and the table still."""
    session, urls = tx.session, [storage.url(item) for item in objects]
    written = [{column.name for column in session.parquet_columns(url).values()} for url in urls]
    kept = cold_columns(dataset.name, dataset.table, columns, dict(dataset.cast))
    chosen = ", ".join(
        f"{quote(c.name)}::{c.type} AS {quote(c.name)}"
        for c in kept
        if all(c.name in names for names in written)
    )
    if not chosen:
        return 0
    cold = f"SELECT {chosen} FROM {session.parquet(urls)}"
    hot = f"SELECT {chosen} FROM {source}"
    return int(session.execute(f"SELECT count(*) FROM ({cold} INTERSECT ALL {hot})")[0][0])
