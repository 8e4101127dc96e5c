"""What people ask of a lake, which stands until they take it back: pauses and holds."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Sequence

from .control import holds, inventory, requests
from .holding import Holding
from .model.errors import RequestError
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
        with self.warehouse.transaction() as tx:
            requests.pause(tx, name, self.clock())
        self._seal()

    def resume(self, name: str) -> None:
        """Make moves of a dataset again.

        Raises:
            RequestError: it is not paused.

        """
        self.config.dataset(name)
        with self.warehouse.transaction() as tx:
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
        with self.warehouse.transaction() as tx:
            if ends:
                _check_there(inventory.take(tx, dataset).partitions, ends, name)
            wanted = Hold("", case, name, ends, whose, reason, self.clock(), who or whoami())
            placed = holds.place(tx, wanted)
        self._seal()
        return placed

    def release(
        self, case: str, name: str | None = None, *, reason: str = "", who: str | None = None
    ) -> tuple[Hold, ...]:
        """Release what a case holds, of one dataset or of all.

        Raises:
            RequestError: it holds nothing.

        """
        if name:
            self.config.dataset(name)
        with self.warehouse.transaction() as tx:
            found = holds.release(tx, case, name, who or whoami(), reason, self.clock())
        self._seal()
        return found

    def holds(self, name: str | None = None) -> tuple[Hold, ...]:
        """Return what is held, of one dataset or of all."""
        if name:
            self.config.dataset(name)
        with self.warehouse.snapshot() as tx:
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
