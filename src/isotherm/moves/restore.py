"""Restore: archived objects become readable until a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cached_property

from ..control import requests
from ..engine.threads import behind
from ..model.errors import PendingError, RequestError, StorageError
from ..model.part import Location, Part
from ..model.request import RequestKind
from ..model.tier import STANDARD
from ..plan.plan import faster
from .base import Act, Change
from .checking import verify_objects


class Restore(Act):
    """Fetches what is not readable yet; what is, only stays readable for longer."""

    def locations(self) -> tuple[Location, ...]:
        """Return one readable copy for each part that has none."""
        wanted = [part for part in self.sources if part.restored is None]
        return tuple(self._copy_of(part, number) for number, part in enumerate(wanted))

    def copy(self) -> None:
        """Have the store fetch each object, once."""
        self._ask()
        closed = [part for part in self.sources if part.restored is None]
        with behind(self._fetched, len(closed)) as fetch:
            futures = [fetch(item) for item in enumerate(closed)]
        fetched = [future.result() for future in futures]
        kept = [
            replace(part, restored_until=max(self._until, part.restored_until or self._until))
            for part in self.sources
            if part.restored is not None
        ]
        self.change = Change(
            add=(*fetched, *kept),
            remove=self.sources,
            register=tuple(part.readable_location for part in fetched),
        )

    def verify(self) -> None:
        """Read the copies back."""
        verify_objects(self.ports.storage, self.change.add)

    def _copy_of(self, part: Part, number: int) -> Location:
        made = self.new_location(STANDARD.name, part.period, number)
        return Location(made.tier, f"restored/{made.key}")

    def _ask(self) -> None:
        """Have the store make every object readable, all of them at the same time.

        Raises:
            PendingError: that is under way.
            StorageError: one cannot be asked for; the others were.

        """
        wanted = [part.location for part in self.sources if part.restored is None]
        days = self.move.kept_days(self.ports.clock())
        again = any(faster(self.move.speed, speed) for speed in self._speeds)

        def is_readable(location: Location) -> bool | StorageError:
            """Have the store fetch an object, unless it does so at this speed already."""
            try:
                return self.ports.storage.restore(location, self.move.speed, days, again=again)
            except StorageError as error:
                return error

        with behind(is_readable, len(wanted)) as asked:
            futures = [asked(location) for location in wanted]
        answers = [future.result() for future in futures]
        for answer in answers:
            if isinstance(answer, StorageError):
                raise answer
        if waiting := answers.count(False):
            raise PendingError(
                f"{waiting} of {len(wanted)} objects of {self.move.span} are still being "
                f"restored from {self.move.source}",
                hint="They were asked for, once. Run the same command again when that is done.",
            )

    @cached_property
    def _speeds(self) -> tuple[str | None, ...]:
        """How fast the archive was asked for the periods before."""
        return tuple(
            request.speed
            for request in requests.standing(self.tx, self.dataset.name)
            if request.kind is RequestKind.FETCH and request.period in self.move.periods
        )

    @property
    def _until(self) -> datetime:
        if self.move.until is None:
            raise RequestError(f"{self.move} says no time until when it is restored")
        return self.move.until

    def _fetched(self, item: tuple[int, Part]) -> Part:
        number, part = item
        target = self._copy_of(part, number)
        self.ports.storage.copy(part.location, target, part.sha256)
        return replace(part, restored=target, restored_until=self._until)
