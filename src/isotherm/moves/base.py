"""What the moves have in common: the ports they act on, and the change they bring about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from threading import Event

from ..catalog.iceberg import Described, IcebergCatalog, Pin
from ..control import parts as control_parts
from ..control.inventory import clock_of, missing_table
from ..engine.sql import quote, within
from ..model.dataset import Dataset
from ..model.errors import ConflictError
from ..model.part import NOTHING, Digest, Location, Part
from ..model.period import Period, ranges
from ..model.schema import Column, cold_columns
from ..plan.plan import Move
from ..plan.steps import Step
from ..storage.base import Storage, Stored
from ..warehouse.base import Transaction, Warehouse
from ..warehouse.lease import always


@dataclass(frozen=True)
class Ports:
    """Everything that a move acts on.

    Attributes:
        clock: Returns the time, UTC without zone.
        grace: How long readers may still use what was replaced.
        lake: The id that marks everything of this lake.
        holder: Who acts, in intents.
        exclusive: Nobody else writes: tables need no fence.
        moves_at_once: So many moves are under way at a time: one is committed, others are copied.
        ready: Called before each move; raises `BusyError` if another process has taken over.

    """

    warehouse: Warehouse
    storage: Storage
    catalog: IcebergCatalog
    clock: Callable[[], datetime]
    grace: timedelta
    lake: str
    holder: str
    exclusive: bool = False
    moves_at_once: int = 1
    ready: Callable[[], None] = always


@dataclass(frozen=True)
class Change:
    """What a move's commit changes, beside the rows of the warehouse.

    Attributes:
        add: Parts that control gains.
        remove: Parts that control loses.
        register: Objects that the pin gains.
        unregister: Parts whose readable objects the pin loses.
        discard: Objects that nothing needs any more, once the grace is over.

    """

    add: tuple[Part, ...] = ()
    remove: tuple[Part, ...] = ()
    register: tuple[Location, ...] = ()
    unregister: tuple[Part, ...] = ()
    discard: tuple[Location, ...] = ()


class Act:
    """One move in the making.

    The runner has it take the move's steps, in their order: all of them in one transaction of the
    warehouse, or the first ones on an earlier snapshot.

    Attributes:
        seen: The snapshot on which it reads what it copies.
        tx: The transaction that commits it; until then the snapshot.
        given_up: Set once it will not be committed: what has not begun of it never does.
        change: What the commit will change; set by the time it is registered.
        moved: The rows that leave or enter the warehouse.
        pin: What readers take after the commit, where that changes.

    """

    def __init__(
        self, ports: Ports, dataset: Dataset, move: Move, id_: str, tx: Transaction
    ) -> None:
        self.ports = ports
        self.dataset = dataset
        self.move = move
        self.id = id_
        self.tx = self.seen = tx
        self.given_up = Event()
        self.change = Change()
        self.moved = NOTHING
        self.pin: Pin | None = None

    @cached_property
    def described(self) -> Described:
        """What Iceberg keeps of the objects that the pin gains: known before it is their turn."""
        urls = [self.ports.storage.url(location) for location in self.change.register]
        return self.ports.catalog.describe(self.dataset.name, urls) if urls else ()

    def take(self, step: Step) -> None:
        """Take one of the steps that are a move's own."""
        {
            Step.COPY: self.copy,
            Step.LEAVE: self.copy,
            Step.VERIFY: self.verify,
            Step.COUNT: self.count,
            Step.FENCE: self.fence,
            Step.DELETE: self.delete,
            Step.UPDATE: self.update,
            Step.INSERT: self.insert,
        }[step]()

    def enter(self, tx: Transaction) -> None:
        """Go on in the transaction that commits what was copied on an earlier snapshot.

        Raises:
            ConflictError: what was read there is not so any more.

        """
        if control_parts.of_periods(tx, self.dataset.name, self.move.periods) != self.parts:
            raise ConflictError(f"what is there of {self.move.span} has just changed")
        self.tx = tx

    def locations(self) -> tuple[Location, ...]:
        """Return every object that may appear; none of them was ever used before."""
        return ()

    def copy(self) -> None:
        """Write the new objects, and set `change`."""

    def verify(self) -> None:
        """Read back what was copied.

        Raises:
            VerifyError: it does not equal its source.

        """

    def count(self) -> None:
        """Find what there is to be deleted, and set `change`."""

    def compare(self) -> None:
        """Hold what was copied against the rows of the snapshot on which that was done.

        Raises:
            VerifyError: it does not equal them.

        """

    def fence(self) -> None:
        """Keep other writers away, and make sure that the rows are those that were moved.

        Raises:
            ConflictError: another writer has changed them.
            VerifyError: nobody has; the copy is wrong.

        """
        if not self.moved.rows:
            return
        if self.seen is not self.tx:
            if not self.ports.warehouse.rereads:  # who has changed a row keeps it from deletion
                return
            self._check(self.tx.session.digest(self.hot_rows()))
        if not self.ports.exclusive:
            self._check(self.tx.fence(self.dataset.table, self.hot_rows()))

    def _check(self, found: Digest) -> None:
        """Hold rows against those that were moved."""
        if found == self.moved:
            return
        self.compare()
        raise ConflictError(
            f"rows of {self.dataset.table} were changed while they were moved "
            f"({self.moved.rows} rows then, {found.rows} now, or other values)",
            hint="Nothing was moved. Run the same command again.",
        )

    def delete(self) -> None:
        """Delete the moved rows from the warehouse.

        Raises:
            ConflictError: their number is not what was copied.

        """

    def update(self) -> None:
        """Change rows of the warehouse.

        Raises:
            ConflictError: their number is not what was read.

        """

    def insert(self) -> None:
        """Put rows into the warehouse."""

    def note(self) -> None:
        """Write what moves of this kind alone have to keep."""

    # -- what several moves need

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the dataset's table.

        Raises:
            SchemaError: there is no such table, or its clock cannot age.

        """
        columns = self.tx.columns(self.dataset.table)
        if not columns:
            raise missing_table(self.dataset, len({part.period for part in self.parts}))
        clock_of(self.dataset, columns)
        return columns

    @cached_property
    def cold(self) -> tuple[Column, ...]:
        """The columns of the dataset's table as they are kept cold.

        Raises:
            SchemaError: a type does not survive the trip.

        """
        dataset = self.dataset
        return cold_columns(dataset.name, dataset.table, self.columns, dict(dataset.cast))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the move's periods."""
        return control_parts.of_periods(self.tx, self.dataset.name, self.move.periods)

    @property
    def sources(self) -> tuple[Part, ...]:
        """The parts that the move takes: those of its source tier."""
        return tuple(part for part in self.parts if part.tier == self.move.source)

    def new_location(self, tier: str, period: Period, number: int) -> Location:
        """Return a path that is never used twice: it holds the id of this run of the move."""
        return Location(tier, f"{self.dataset.name}/{period}/{self.id}-{number}.parquet")

    def new_part(self, period: Period, stored: Stored, rows: int, number: int = 0) -> Part:
        """Return the part of a new object that holds a period's rows in the move's target.

        Args:
            number: Of the period's objects in this move, from 0 on.

        """
        return Part(
            id=f"{self.id}-{period}{f'-{number}' if number else ''}",
            dataset=self.dataset.name,
            period=period,
            tier=self.move.target,
            location=stored.location,
            rows=rows,
            bytes=stored.bytes,
            sha256=stored.sha256,
            created_at=self.ports.clock(),
        )

    def notes(self, period: Period) -> dict[str, str]:
        """Return what a new object says of itself, so that control can be rebuilt from it."""
        said = {
            "lake": self.ports.lake,
            "dataset": self.dataset.name,
            "period": str(period),
            "move": self.id,
        }
        return {"isotherm": json.dumps(said)}

    def condition(self, periods: Sequence[Period] | None = None) -> str:
        """Return the condition that the move's rows meet in the warehouse."""
        clock = clock_of(self.dataset, self.columns)
        conditions = [
            f"({within(self.dataset, clock, first, last)})"
            for first, last in ranges(periods or self.move.periods)
        ]
        return " OR ".join(conditions)

    def hot_rows(self, periods: Sequence[Period] | None = None) -> str:
        """Return the query of the move's rows in the warehouse, typed as they are kept cold."""
        return (
            f"SELECT {selected(self.cold)} FROM {self.tx.relation(self.dataset.table)} "
            f"WHERE {self.condition(periods)}"
        )


def selected(columns: Sequence[Column]) -> str:
    """Return the select list that casts columns to their cold types."""
    return ", ".join(f"{quote(c.name)}::{c.type} AS {quote(c.name)}" for c in columns)


def leaving(parts: tuple[Part, ...]) -> Change:
    """Return the change that forgets parts and all their objects."""
    return Change(
        remove=parts,
        unregister=tuple(part for part in parts if part.pinned_location),
        discard=tuple(sorted({*(part.location for part in parts), *copies(parts)})),
    )


def copies(parts: Iterable[Part]) -> tuple[Location, ...]:
    """Return the readable copies of parts."""
    return tuple(sorted(part.restored for part in parts if part.restored))


def without_restore(part: Part) -> Part:
    """Return the part with its readable copy forgotten."""
    return replace(part, restored=None, restored_until=None)
