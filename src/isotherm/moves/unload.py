"""Unload and append: rows leave the warehouse for new objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

from ..catalog.iceberg import lost
from ..control import pins
from ..control.inventory import clock_of
from ..engine.base import Session
from ..engine.filters import GROUP_ROWS
from ..engine.sql import instant, listed, quote
from ..engine.threads import WAITING, behind, each
from ..model.drift import check_drift
from ..model.errors import ConflictError, SchemaError, VerifyError
from ..model.part import NOTHING, Digest, Location, Part
from ..model.period import Period
from ..model.schema import Column
from ..model.tier import STANDARD
from ..warehouse.base import Transaction
from .base import Act, Change, selected


class Unload(Act):
    """Copies each period to one object, or several; `append` does the same for late rows."""

    _written: Mapping[int, Column] = MappingProxyType({})
    """The columns of its objects, by field id."""

    @property
    def _pieces(self) -> Iterator[tuple[Period, int]]:
        """Each period with the number of each object that it gets."""
        for period in self.move.periods:
            for number in range(self._many):
                yield period, number

    @property
    def _many(self) -> int:
        """How many objects a period gets; those that go together are small."""
        return max(1, self.move.objects // len(self.move.periods))

    @cached_property
    def _cold(self) -> dict[Period, Digest]:
        """What was read back of each period's objects."""
        return {}

    def locations(self) -> tuple[Location, ...]:
        """Return the new objects of each period."""
        return tuple(self._target(*piece) for piece in self._pieces)

    def enter(self, tx: Transaction) -> None:
        """Go on in another transaction; the table has to have the columns that were copied."""
        super().enter(tx)
        if tx.columns(self.dataset.table) != self.columns:
            raise ConflictError(f"the columns of {self.dataset.table} have just changed")
        tx.go_on_from(self.seen)

    def copy(self) -> None:
        """Write the rows of each period, with Iceberg's field ids."""
        self.tx.mark(self.dataset.table)
        self.tx.check_deletable(self.dataset.table)
        field_ids = self._field_ids()  # a type that cannot be kept is refused by this
        self._written = {field_ids[column.name]: column for column in self.cold}
        self.tx.take(self.dataset.table, self.condition(), self.move.rows)
        check_casts(self)
        many = self._many * len(self.move.periods)
        at_once = WAITING if self._many == 1 else 1  # large ones wait where they are staged
        with behind(self.ports.storage.publish, many, at_once, self.given_up) as publish:
            written = [
                (piece, rows, publish(self._target(*piece)))
                for piece in self._pieces
                if (rows := self._write(*piece, field_ids))
            ]
        parts = tuple(
            self.new_part(period, stored.result(), rows, number)
            for (period, number), rows, stored in written
        )
        seen = () if self.move.target.archived else tuple(part.location for part in parts)
        self.change = Change(add=parts, register=seen)

    def verify(self) -> None:
        """Read each object back, count and hash it.

        The fence holds the hash against the warehouse's rows when nobody can change them any more.
        """
        parts, hashed = self.change.add, []
        by = self.tx.session.hashes_of(self._written)
        for part, cold in zip(parts, each(self.tx.session, self._digest, parts), strict=True):
            self._cold[part.period] = self._cold.get(part.period, NOTHING) + cold
            if cold.rows != part.rows:
                raise self._unequal(part, f"{cold.rows} rows against {part.rows}")
            self.moved += cold
            hashed.append(part.with_digest(cold, by))
        self.change = replace(self.change, add=tuple(hashed))
        with behind(self.ports.storage.settle, len(parts), stop=self.given_up) as settle:
            for part in parts:  # once in an archive, nothing can be read back
                settle(part.location)

    def fence(self) -> None:
        """Make sure that what is deleted is what was copied; see `Act.fence`."""
        if self.ports.exclusive and self.seen is self.tx:
            self.compare()
        super().fence()

    def compare(self) -> None:
        """Hold each object against the rows of the snapshot that was copied."""
        for part in {part.period: part for part in self.change.add}.values():
            hot = self.seen.session.digest(self.hot_rows([part.period]))
            cold = self._cold[part.period]
            if hot != cold:
                raise self._unequal(part, f"{cold.rows} rows against {hot.rows}, or other values")

    def delete(self) -> None:
        """Delete what was copied."""
        delete_moved(self)

    def _digest(self, session: Session, part: Part) -> Digest:
        source = session.parquet([self.ports.storage.url(part.location)])
        return session.digest(f"SELECT {selected(self.cold)} FROM {source}")

    def _unequal(self, part: Part, what: str) -> VerifyError:
        return VerifyError(
            f"object {part.location} does not equal the rows of {part.period} in "
            f"{self.dataset.table}: {what}",
            hint="Nothing was deleted. Run the same command again; if it fails again, "
            "the store or a column's type loses values.",
        )

    def _target(self, period: Period, number: int) -> Location:
        """Return where an object is written; what goes to an archive by a rule begins warm."""
        tier = STANDARD if self.move.by_rule else self.move.target
        return self.new_location(tier.name, period, number)

    def _field_ids(self) -> dict[str, int]:
        """Make the dataset's Iceberg table fit the columns, and return their field ids."""
        catalog, dataset, name = self.ports.catalog, self.dataset, self.dataset.name
        if not catalog.exists(name) and pins.latest(self.tx, name):
            raise lost(name)
        url = self.ports.storage.metadata_url(name)
        catalog.create(name, self.cold, dataset.clock, dataset.unit, url)
        check_drift(dataset, catalog.columns(name).values(), self.cold)
        catalog.evolve(name, self.cold, dataset.renamed)
        ids = {column.name: id_ for id_, column in catalog.columns(name).items()}
        return {column.name: ids[column.name] for column in self.cold}

    def _write(self, period: Period, number: int, field_ids: dict[str, int]) -> int:
        """Write one object, and return its rows; a stretch of a period that has none has none."""
        storage, location = self.ports.storage, self._target(period, number)
        select = f"{self.hot_rows([period])}{self._stretch(period, number)}"
        if self._order:
            select += f" ORDER BY {listed(self._order)}"
        notes = self.notes(period)
        staged, sought = storage.stage(location), self.dataset.subject
        rows = self.tx.session.copy(select, staged, field_ids, notes, sought=sought)
        if not rows:
            storage.remove(location)
        return rows

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """What sorts an object's rows: by default the clock, unless they lie about so."""
        dataset, few = self.dataset, GROUP_ROWS * len(self.move.periods)
        if dataset.order_by is not None or self.move.rows <= few:
            return dataset.order_by or ()
        scattered = self.tx.scattered(dataset.table, self.condition(), dataset.clock)
        return (dataset.clock,) if scattered else ()

    def _stretch(self, period: Period, number: int) -> str:
        """Return what else the rows of a period's n-th object meet: each has as much time."""
        if self._many == 1:
            return ""
        clock, name = clock_of(self.dataset, self.columns), quote(self.dataset.clock)
        first, last = (
            instant(period.start + (period.end - period.start) * n / self._many, clock)
            for n in (number, number + 1)
        )
        after = f" AND {name} >= {first}" if number else ""
        until = f" AND {name} < {last}" if number + 1 < self._many else ""
        return after + until


def delete_moved(act: Act) -> None:
    """Delete the moved rows from the warehouse.

    Raises:
        ConflictError: their number is not what was hashed.
        SchemaError: some have a value that the engine has read as another one.

    """
    if not act.moved.rows:
        return
    gone = act.tx.delete(act.dataset.table, act.condition())
    if gone != act.moved.rows:
        act.tx.check_left(act.dataset.table, act.condition())
        raise ConflictError(
            f"{gone} rows would be deleted by {act.move}, {act.moved.rows} were read",
            hint="Nothing was deleted. Run the same command again.",
        )


def check_casts(act: Act) -> None:
    """Check that each column kept as another type by the config's wish gets its values back.

    Raises:
        SchemaError: a value does not survive; its column and the two types are named.

    """
    types = {column.name: column.type for column in act.columns}
    for column in act.cold:
        if column.name not in act.dataset.cast:
            continue
        name, hot = quote(column.name), types[column.name]
        lost = (
            f"SELECT count(*) FROM {act.tx.relation(act.dataset.table)} WHERE ({act.condition()}) "
            f"AND {name} IS DISTINCT FROM TRY_CAST(TRY_CAST({name} AS {column.type}) AS {hot})"
        )
        count = act.tx.execute(lost)[0][0]
        if count:
            raise SchemaError(
                f"column {column.name} of {act.dataset.table} is {hot} and is to be kept as "
                f"{column.type}: {count} values of {act.move.span} would change",
                hint=f"Nothing was moved. Choose a type that holds them all in "
                f"[datasets.{act.dataset.name}.cast].",
            )
