"""What the moves have in common: the ports they act on, and the change they bring about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..catalog.iceberg import IcebergCatalog
from ..control import parts as control_parts
from ..engine.sql import quote, within
from ..model.dataset import Dataset
from ..model.errors import SchemaError
from ..model.part import Digest, Location, Part
from ..model.period import Period, ranges
from ..model.schema import Column, cold_columns
from ..plan.plan import Move
from ..storage.base import Storage
from ..warehouse.base import Transaction, Warehouse


@dataclass(frozen=True)
class Ports:
    """Everything that a move acts on.

    Attributes:
        clock: Returns the time, UTC without zone.
        grace: How long readers may still use what was replaced.
        lake: The id that marks everything of this lake.
        holder: Who acts, in intents.
        exclusive: Nobody else writes: tables need no fence.

    """

    warehouse: Warehouse
    storage: Storage
    catalog: IcebergCatalog
    clock: Callable[[], datetime]
    grace: timedelta
    lake: str
    holder: str
    exclusive: bool = False


@dataclass(frozen=True)
class Change:
    """What a move's commit changes, beside the rows of the warehouse.

    Attributes:
        add: Parts that control gains.
        remove: Parts that control loses.
        register: Objects that the pin gains.
        unregister: Objects that the pin loses.
        discard: Objects that nothing needs any more, once the grace is over.
        discard_now: Objects that no reader can be reading.

    """

    add: tuple[Part, ...] = ()
    remove: tuple[Part, ...] = ()
    register: tuple[Location, ...] = ()
    unregister: tuple[Location, ...] = ()
    discard: tuple[Location, ...] = ()
    discard_now: tuple[Location, ...] = ()


class Act:
    """One move in the making. The runner calls its methods in the order of the move's steps."""

    def __init__(self, ports: Ports, dataset: Dataset, move: Move, id_: str) -> None:
        self.ports = ports
        self.dataset = dataset
        self.move = move
        self.id = id_
        self.change = Change()
        self.moved = Digest(0, 0, 0)

    def locations(self, tx: Transaction) -> tuple[Location, ...]:
        """Return every object that may appear; none of them was ever used before."""
        return ()

    def copy(self, tx: Transaction) -> None:
        """Write the new objects, and set `change`."""

    def verify(self, tx: Transaction) -> None:
        """Read back what was copied.

        Raises:
            VerifyError: it does not equal its source.

        """

    def fence(self, tx: Transaction) -> None:
        """Make sure that no other writer has changed the rows that will be deleted."""
        if not self.ports.exclusive and self.moved.rows:
            tx.fence(self.dataset.table, self.hot_rows(tx), self.moved)

    def delete(self, tx: Transaction) -> None:
        """Delete the moved rows from the warehouse.

        Raises:
            ConflictError: their number is not what was copied.

        """

    def insert(self, tx: Transaction) -> None:
        """Put rows into the warehouse."""

    # -- what several moves need

    def new_location(self, tier: str, period: Period, number: int) -> Location:
        """Return a path that is never used twice: it holds the id of this run of the move."""
        return Location(tier, f"{self.dataset.name}/{period}/{self.id}-{number}.parquet")

    def parts(self, tx: Transaction) -> tuple[Part, ...]:
        """Return the parts of the move's periods."""
        periods = set(self.move.periods)
        found = control_parts.of_dataset(tx, self.dataset.name)
        return tuple(part for part in found if part.period in periods)

    def clock_type(self, tx: Transaction) -> str:
        """Return the type of the dataset's clock in the warehouse."""
        columns = tx.columns(self.dataset.table)
        return next(column.type for column in columns if column.name == self.dataset.clock)

    def cold(self, tx: Transaction) -> tuple[Column, ...]:
        """Return the warehouse's columns as they are kept cold."""
        return cold_columns(
            str(self.dataset.table), tx.columns(self.dataset.table), dict(self.dataset.cast)
        )

    def condition(self, tx: Transaction, periods: Sequence[Period] | None = None) -> str:
        """Return the condition that the move's rows meet in the warehouse."""
        clock_type = self.clock_type(tx)
        conditions = [
            f"({within(self.dataset, clock_type, first, last)})"
            for first, last in ranges(periods or self.move.periods)
        ]
        return " OR ".join(conditions)

    def hot_rows(self, tx: Transaction, periods: Sequence[Period] | None = None) -> str:
        """Return the query of the move's rows in the warehouse, typed as they are kept cold."""
        return (
            f"SELECT {selected(self.cold(tx))} FROM {tx.relation(self.dataset.table)} "
            f"WHERE {self.condition(tx, periods)}"
        )


def selected(columns: Sequence[Column]) -> str:
    """Return the select list that casts columns to their cold types."""
    return ", ".join(f"{quote(c.name)}::{c.type} AS {quote(c.name)}" for c in columns)


def check_drift(dataset: Dataset, cold: Sequence[Column], hot: Sequence[Column]) -> None:
    """Check that the table still has every column that cold rows have.

    Raises:
        SchemaError: a column is gone, and the config says neither that it was renamed nor dropped.

    """
    names = {column.name for column in hot}
    for column in cold:
        name = dataset.renamed.get(column.name, column.name)
        if name not in names and name not in dataset.dropped:
            where = f"[datasets.{dataset.name}]"
            raise SchemaError(
                f"column {name} of {dataset.table} is gone, but cold rows have it",
                hint=f'Was it renamed? {where} renamed = {{ {name} = "its new name" }}. '
                f'Was it dropped? {where} dropped = ["{name}"]',
            )


def without_restore(part: Part) -> Part:
    """Return the part with its readable copy forgotten."""
    return replace(part, restored=None, restored_until=None)
