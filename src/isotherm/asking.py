"""What people ask of a lake, which stands until they take it back: pauses and holds."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace

import stamina

from .control import datasets, holds, inventory, requests, tags
from .engine.matching import as_they_are_kept
from .holding import Holding
from .model.dataset import Dataset
from .model.errors import ConflictError, RequestError
from .model.hold import Hold
from .model.period import Period
from .model.person import DataSubject


class Asking(Holding):
    """A lake that people ask things of."""

    def pause(self, name: str) -> None:
        """Make no moves of a dataset until it is resumed.

        Raises:
            RequestError: it is paused already.

        """
        self.config.dataset(name)
        with self.warehouse.transaction(control_only=True) as tx:
            requests.pause(tx, name, self.clock())
        self._seal()

    def resume(self, name: str) -> None:
        """Make moves of a dataset again.

        Raises:
            RequestError: it is not paused.

        """
        self.config.dataset(name)
        with self.warehouse.transaction(control_only=True) as tx:
            requests.resume(tx, name, self.clock())
        self._seal()

    def hold(
        self,
        case: str,
        name: str,
        periods: Sequence[Period] = (),
        subjects: Iterable[DataSubject] = (),
        *,
        reason: str,
        who: str | None = None,
    ) -> Hold:
        """Keep partitions of a dataset, or records of some people, until the case releases them.

        What is held is neither expired nor erased; it goes on moving between tiers.

        Args:
            case: By what name it is released.
            periods: From the first to the last; all of them if not given, also those to come.
            subjects: Whose records; everybody's if not given.
            who: Who places it; the user of this process if not given.

        Raises:
            RequestError: there is nothing of it, or the case holds it already.

        """
        dataset, whose = self.config.dataset(name), tuple(sorted(set(subjects)))
        if not case.strip() or not reason.strip():
            raise RequestError("a hold has a case and a reason", hint="Say why: --reason TEXT")
        for subject in whose:
            dataset.check_subject(subject)
        ends = (min(periods), max(periods)) if periods else None
        renames = tuple(sorted(dataset.renamed.items()))
        wanted = Hold("", case, name, ends, whose, reason, self.clock(), who or whoami(), renames)
        for attempt in stamina.retry_context(on=ConflictError, attempts=5):
            with attempt:
                placed = self._place(dataset, wanted)
        self._seal()
        return placed

    def _place(self, dataset: Dataset, wanted: Hold) -> Hold:
        with self.warehouse.transaction() as tx:
            if wanted.periods:
                there = inventory.take(tx, dataset).partitions
                _check_there(there, wanted.periods, dataset.name)
            types = {column.name: column.type for column in tx.columns(dataset.table)}
            whose = as_they_are_kept(tx.session, wanted.subjects, types, dataset.cast)
            datasets.remember(tx, dataset, wanted.placed_at)
            datasets.touch(tx, dataset.name)
            return holds.place(tx, replace(wanted, subjects=whose))

    def release(
        self, case: str, name: str | None = None, *, reason: str = "", who: str | None = None
    ) -> tuple[Hold, ...]:
        """Release what a case holds, of one dataset or of all.

        Raises:
            RequestError: it holds nothing.

        """
        if name:
            self.config.dataset(name)
        with self.warehouse.transaction(control_only=True) as tx:
            found = holds.release(tx, case, name, who or whoami(), reason, self.clock())
        self._seal()
        return found

    def retag(self) -> int:
        """Have the next apply tag all objects anew, and return how many are known to have tags."""
        with self.warehouse.transaction(control_only=True) as tx:
            known = tags.forget(tx)
        self._seal()
        return known

    def holds(self, name: str | None = None) -> tuple[Hold, ...]:
        """Return what is held, of one dataset or of all."""
        if name:
            self.config.dataset(name)
        with self.warehouse.snapshot(control_only=True) as tx:
            return holds.standing(tx, name)


def whoami() -> str:
    """Return who this process acts for."""
    return f"{getpass.getuser()} on {socket.gethostname()}"


def _check_there(known: Iterable[Period], ends: tuple[Period, Period], name: str) -> None:
    first, last = ends
    there = sorted(known)
    if there and first.unit is not there[0].unit:
        raise RequestError(f"{name} ages by the {there[0].unit}, and {first} is a {first.unit}")
    if not any(first <= period <= last for period in there):
        where = str(first) if first == last else f"{first}..{last}"
        hint = f"It has rows from {there[0]} to {there[-1]}." if there else "It has no rows."
        raise RequestError(f"{name} has no rows in {where}: there is nothing to hold", hint=hint)
