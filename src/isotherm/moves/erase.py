"""Erase: somebody's rows leave the warehouse, and objects are written anew without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from ..control import datasets, erasures, holds, quarantine
from ..control.erasures import Forgotten
from ..control.inventory import clock_of, matching
from ..engine.base import Session
from ..engine.matching import held, sought
from ..engine.sql import listed
from ..engine.threads import each
from ..model.clock import Clock
from ..model.drift import check_known, named_by
from ..model.errors import ConflictError, RequestError
from ..model.hold import Hold
from ..model.part import Location, Part
from ..model.period import Period
from ..model.schema import Column
from ..model.tier import HOT
from ..warehouse.base import Transaction
from .base import Act, Change, leaving
from .rewriting import Looked, Rewriting, Target
from .unload import delete_moved

FEW = 50
"""One row of so many is."""


class Erase(Act):
    """Takes people's rows out of the warehouse, or out of the objects of its periods.

    A move of the warehouse has no period: rows that never age are somebody's, too.
    """

    _looked: tuple[Looked, ...] = ()

    @property
    def of_warehouse(self) -> bool:
        """Whether it takes rows out of the warehouse."""
        return self.move.source == HOT

    @cached_property
    def request(self) -> erasures.Erasure:
        """The request that it serves."""
        if self.move.request is None:
            raise RequestError(f"{self.move} says no request that it serves")
        return self._request_in(self.tx, self.move.request)

    @cached_property
    def holds(self) -> tuple[Hold, ...]:
        """The holds that stand."""
        return holds.standing_of(self.tx, self.dataset)

    @cached_property
    def clock(self) -> Clock:
        """The clock, as the warehouse has it."""
        return clock_of(self.dataset, self.columns)

    @cached_property
    def sources(self) -> tuple[Part, ...]:
        """The parts of its tier that can be read when it begins: paths are counted by them."""
        now = self.ports.clock()
        return tuple(part for part in super().sources if part.readable_at(now))

    def locations(self) -> tuple[Location, ...]:
        """Return one new object a part; one without rows of theirs is not written anew."""
        if self.of_warehouse:
            return ()
        return tuple(self._target(part, number) for number, part in enumerate(self.sources))

    def enter(self, tx: Transaction) -> None:
        """Go on in the transaction that commits what was rewritten on an earlier snapshot.

        Raises:
            ConflictError: its objects, its request or a hold are not what they were any more.

        """
        super().enter(tx)
        standing, request = (
            holds.standing_of(tx, self.dataset),
            self._request_in(tx, self.request.id),
        )
        if standing != self.holds or request != self.request:
            raise ConflictError(f"the request of {self.move}, or what is held, has just changed")

    def copy(self) -> None:
        """Write every object anew that has rows of theirs, without them, in the same order."""
        if self.of_warehouse:
            self.check_table()
            self.moved = self.tx.session.digest(self.hot_rows())
            self._hot = matching(self.tx, self.dataset, self.clock, self.condition())
            return
        rewriting, session = self._rewriting, self.tx.session

        def rewrite(beside: Session, at: tuple[int, Part]) -> Looked:
            number, part = at
            target = Target(
                f"{self.id}-{number}", self._target(part, number), self.notes(part.period)
            )
            return rewriting.rewrite(beside, part, target)

        with session.ordered():
            self._looked = tuple(each(session, rewrite, list(enumerate(self.sources))))
        old = tuple(item.part for item in self._looked if item.gone)
        new = tuple(item.new for item in self._looked if item.new)
        seen = () if self.move.target.archived else tuple(part.location for part in new)
        self.change = replace(leaving(old), add=new, register=seen) if old else Change()

    def verify(self) -> None:
        """Read the new objects back: they have the rows of the old ones that are not theirs."""
        if self._looked:
            self._looked = tuple(each(self.tx.session, self._rewriting.verify, self._looked))
            new = tuple(item.new for item in self._looked if item.new)
            self.change = replace(self.change, add=new)

    def check_table(self) -> None:
        """Check that nothing else happens with what is done to the warehouse's rows."""
        self.tx.check_deletable(self.dataset.table)

    def delete(self) -> None:
        """Delete their rows from the warehouse."""
        if self.of_warehouse:
            delete_moved(self)

    def note(self) -> None:
        """Write down what was taken away, and meet a hold that comes at the same time."""
        datasets.touch(self.tx, self.dataset.name)
        if self.of_warehouse:
            found = self.out_of_warehouse()
            if not quarantine.is_held(self.holds):
                types = {column.name: column.type for column in self.columns}
                gone = quarantine.drop(self.tx, self.dataset.name, self.request.subjects, types)
                found.append(Forgotten(None, "quarantine", gone))
        else:
            found = self.looked_into()
        erasures.note(self.tx, self.request.id, self.id, found)

    def condition(self, periods: Sequence[Period] | None = None) -> str:
        """Return the condition of their rows in the warehouse, of whatever period."""
        theirs = sought(self.request.subjects, self.request.changes)
        return f"{theirs} AND NOT {held(self.dataset, self.clock, self.holds)}"

    def hot_rows(self, periods: Sequence[Period] | None = None) -> str:
        """Return the query of the rows that leave the warehouse: by what tells them apart."""
        names = listed(dict.fromkeys((self.dataset.clock, *self.dataset.subject)))
        return (
            f"SELECT {names} FROM {self.tx.relation(self.dataset.table)} WHERE {self.condition()}"
        )

    @cached_property
    def catalogued(self) -> dict[int, Column]:
        """The columns of the dataset's Iceberg table."""
        return dict(self.ports.catalog.columns(self.dataset.name))

    def out_of_warehouse(self) -> list[Forgotten]:
        """Return what was found in the warehouse, by period; rows that never age have none."""
        return [
            Forgotten(str(period) if period else None, HOT.name, rows)
            for period, rows in self._hot.items()
        ]

    def looked_into(self) -> list[Forgotten]:
        """Return what was found in the objects, and what was done to them, by period."""
        periods: dict[Period, list[Looked]] = defaultdict(list)
        for item in self._looked:
            periods[item.part.period].append(item)
        return [self._found_in(period, items) for period, items in periods.items()]

    def _found_in(self, period: Period, looked: Sequence[Looked]) -> Forgotten:
        standing = [hold.id for hold in self.holds]
        searched: dict[str, list[str]] = {}
        for item in looked:
            left = item.new if item.gone else item.part
            if left:
                searched[left.id] = standing if item.kept else []
        gone = leaving(tuple(item.part for item in looked if item.gone))
        return Forgotten(
            str(period),
            self.move.source.name,
            sum(item.gone for item in looked),
            sum(item.kept for item in looked),
            tuple(map(str, gone.discard)),
            searched,
        )

    def _request_in(self, tx: Transaction, id_: str) -> erasures.Erasure:
        return erasures.of_id(tx, id_).named_now(self.dataset.renamed)

    @cached_property
    def _rewriting(self) -> Rewriting:
        names = named_by(self.dataset, self.request.subjects, self.holds, self.columns)
        changed = (name for name, _ in self.request.changes)
        known = tuple(self.catalogued.values())
        check_known(self.dataset, (self.dataset.clock, *names, *changed), known, self.columns)
        return Rewriting(
            self.ports.storage,
            self.dataset,
            self.request,
            self.holds,
            self.clock,
            names,
            self.columns,
            self.catalogued,
            self.ports.clock(),
            len(self.sources) <= self.move.rows <= sum(part.rows for part in self.sources) / FEW,
        )

    def _target(self, part: Part, number: int) -> Location:
        return self.new_location(part.location.tier, part.period, number)
