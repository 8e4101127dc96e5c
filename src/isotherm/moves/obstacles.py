"""What keeps moves from working, told before any of them is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.dataset import Dataset
from ..model.errors import SchemaError
from ..model.schema import cold_columns
from ..plan.plan import Kind, Plan
from ..warehouse.base import Transaction

_FROM_WAREHOUSE = (Kind.UNLOAD, Kind.APPEND, Kind.EXPIRE)


def obstacles(tx: Transaction, datasets: Mapping[str, Dataset], plan: Plan) -> Iterator[str]:
    """Yield why rows of a plan's datasets cannot leave the warehouse, as the table is now."""
    leaving = {move.dataset for move in plan.moves if move.kind in _FROM_WAREHOUSE}
    for name in sorted(leaving):
        dataset = datasets[name]
        try:
            tx.check_deletable(dataset.table)
            cold_columns(name, dataset.table, tx.columns(dataset.table), dict(dataset.cast))
        except SchemaError as error:
            yield f"moves of {name} will fail: {error.message}. {error.hint}"
