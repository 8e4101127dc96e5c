"""Restore: archived objects become readable until a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..model.errors import PendingError, RequestError
from ..model.part import Location, Part
from ..model.tier import STANDARD
from .base import Act, Change
from .retier import verify_objects


class Restore(Act):
    """Fetches what is not readable yet; what is, only stays readable for longer."""

    def locations(self) -> tuple[Location, ...]:
        """Return one readable copy for each part that has none."""
        wanted = [part for part in self.sources if part.restored is None]
        return tuple(self._copy_of(part, number) for number, part in enumerate(wanted))

    def copy(self) -> None:
        """Have the store fetch each object, once."""
        if self.move.until is None:
            raise RequestError(f"{self.move} says no time until when it is restored")
        self._ask()
        fetched: list[Part] = []
        kept: list[Part] = []
        for part in self.sources:
            if part.restored is None:
                fetched.append(self._fetched(part, len(fetched), self.move.until))
            else:
                until = max(self.move.until, part.restored_until or self.move.until)
                kept.append(replace(part, restored_until=until))
        self.change = Change(
            add=(*fetched, *kept),
            remove=self.sources,
            register=tuple(part.readable_location for part in fetched),
        )

    def verify(self) -> None:
        """Read the copies back."""
        verify_objects(self, self.change.add)

    def _copy_of(self, part: Part, number: int) -> Location:
        made = self.new_location(STANDARD.name, part.period, number)
        return Location(made.tier, f"restored/{made.key}")

    def _ask(self) -> None:
        """Have the store make every object readable, all of them at the same time.

        Raises:
            PendingError: that is under way.

        """
        storage, speed = self.ports.storage, self.move.speed
        wanted = [part.location for part in self.sources if part.restored is None]
        if waiting := [location for location in wanted if not storage.restore(location, speed)]:
            raise PendingError(
                f"{len(waiting)} of {len(wanted)} objects of {self.move.span} are still being "
                f"restored from {self.move.source}",
                hint="They were asked for, once. Run the same command again when that is done.",
            )

    def _fetched(self, part: Part, number: int, until: datetime) -> Part:
        target = self._copy_of(part, number)
        self.ports.storage.copy(part.location, target, part.sha256)
        return replace(part, restored=target, restored_until=until)
