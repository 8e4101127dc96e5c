"""The view that stands for a whole dataset: hot rows, the pinned snapshot, and the guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..control import parts as control_parts
from ..control import pins
from ..control.inventory import clock_of, missing_table
from ..engine.duckdb import DuckDBSession
from ..engine.sql import quote, text
from ..model.dataset import Dataset
from ..model.errors import SchemaError
from ..model.part import Part
from ..model.schema import Column, cold_type, widens
from ..warehouse.base import Transaction
from . import guard
from .guard import Guard


@dataclass(frozen=True)
class Whole:
    """Everything that a query of one dataset is made from, at one snapshot.

    Attributes:
        columns: Of the hot table.
        cold: Of the pinned snapshot; empty where nothing is cold.
        archived: Parts that cannot be read now.

    """

    dataset: Dataset
    hot: str
    columns: tuple[Column, ...]
    clock: Column
    pin: pins.PinRow | None
    cold: tuple[Column, ...]
    parts: tuple[Part, ...]
    archived: tuple[Part, ...]

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The ranges that a query must not meet."""
        return guard.guards(self.dataset, self.archived)


def whole(tx: Transaction, dataset: Dataset, now: datetime) -> Whole:
    """Read what a dataset consists of.

    Args:
        now: Restored copies must be readable at this time (UTC) still.

    Raises:
        SchemaError: its table is missing, or no longer fits its cold rows.

    """
    parts = control_parts.of_dataset(tx, dataset.name)
    columns = tx.columns(dataset.table)
    if not columns:
        raise missing_table(dataset, len({part.period for part in parts}))
    pin = pins.latest(tx, dataset.name)
    cold: tuple[Column, ...] = ()
    if pin:
        rows = tx.session.execute(f"DESCRIBE SELECT * FROM {scan(pin)}")
        cold = tuple(Column(row[0], row[1]) for row in rows)
        _check_types(dataset, columns, cold)
    return Whole(
        dataset,
        tx.relation(dataset.table),
        columns,
        clock_of(dataset, columns),
        pin,
        cold,
        parts,
        tuple(part for part in parts if not part.readable_at(now)),
    )


def scan(pin: pins.PinRow) -> str:
    """Return the SQL that reads exactly the pinned snapshot."""
    return f"iceberg_scan({text(pin.metadata)}, snapshot_from_id => {pin.snapshot}::UBIGINT)"


def create(session: DuckDBSession, place: str, data: Whole, *, guarded: bool) -> None:
    """Create the dataset's views in the catalog `place`.

    The dataset's name and the table's own name mean the whole; `hot.<dataset>` the hot rows alone.
    """
    dataset = data.dataset
    if guarded:
        for item in data.guards:
            session.execute(guard.table(place, dataset.clock, data.clock.type, item))
    for schema in ("hot", dataset.table.schema):
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(place, schema)}")
    body = " UNION ALL BY NAME ".join(_branches(place, data, guarded))
    own = quote(place, dataset.table.schema, dataset.table.name)
    session.execute(f"CREATE VIEW {own} AS {body}")
    if (dataset.table.schema, dataset.table.name.lower()) != ("main", dataset.name.lower()):
        session.execute(f"CREATE VIEW {quote(place, 'main', dataset.name)} AS FROM {own}")
    session.execute(f"CREATE VIEW {quote(place, 'hot', dataset.name)} AS SELECT * FROM {data.hot}")


def _branches(place: str, data: Whole, guarded: bool) -> list[str]:
    branches = [f"SELECT * FROM {data.hot}"]
    if data.pin:
        branches.append(_cold_branch(data))
    if guarded:
        clock = data.dataset.clock
        branches += [guard.branch(place, clock, data.columns, item) for item in data.guards]
    return branches


def _cold_branch(data: Whole) -> str:
    """Read the pinned snapshot, less the restored copies whose time is over."""
    assert data.pin is not None
    clock, renamed = data.dataset.clock, data.dataset.renamed
    stale = [column.name for column in data.cold if column.name in renamed]
    star = "*"
    if stale:
        star += " RENAME (" + ", ".join(f"{quote(n)} AS {quote(renamed[n])}" for n in stale) + ")"
    lapsed = guard.guards(data.dataset, [part for part in data.archived if part.restored])
    where = " AND ".join(f"NOT ({guard.bounds(clock, data.clock.type, item)})" for item in lapsed)
    return f"SELECT {star} FROM {scan(data.pin)}" + (f" WHERE {where}" if where else "")


def _check_types(dataset: Dataset, hot: Sequence[Column], cold: Sequence[Column]) -> None:
    """Check that hot and cold columns of one name hold the same values.

    Raises:
        SchemaError: the table's owner has changed a column's type.

    """
    types = {column.name: column.type for column in hot}
    for column in cold:
        name = dataset.renamed.get(column.name, column.name)
        now = types.get(name)
        kept = cold_type(dataset.cast.get(name, now)) if now else None
        if now is None or kept == column.type:
            continue
        if kept is None or not (widens(column.type, kept) or widens(kept, column.type)):
            raise SchemaError(
                f"column {name} of {dataset.table} is {now} now, but cold rows of "
                f"{dataset.name} have it as {column.type}",
                hint=f"Alter it back: ALTER TABLE {dataset.table} ALTER {name} TYPE {column.type}",
            )


def missing_columns(data: Whole) -> list[str]:
    """Return the columns that cold rows have and the hot table has lost, unexplained."""
    names = {column.name for column in data.columns}
    renamed = data.dataset.renamed
    return [
        column.name
        for column in data.cold
        if renamed.get(column.name, column.name) not in names
        and column.name not in data.dataset.dropped
    ]
