"""Retier: objects go to another storage class, or give up their readable copies."""

from __future__ import annotations

from dataclasses import replace

from ..engine.threads import behind
from ..model.errors import RequestError
from ..model.part import Location, Part
from .base import Act, Change, copies, leaving, without_restore
from .checking import other_bytes, verify_objects


class Retier(Act):
    """Copies each object to its new tier; with the same tier on both sides it ends a restore.

    Where the bucket's rules bring objects to a colder class, they stay where they are: readers are
    told of the new tier, and once none of them needs the object, a tag has the rule move it.
    """

    @property
    def ends_restore(self) -> bool:
        """Whether the objects stay where they are, and only their readable copies go."""
        return self.move.source == self.move.target

    @property
    def sources(self) -> tuple[Part, ...]:
        """The parts of the source tier; where a restore ends, those that were restored."""
        return tuple(p for p in super().sources if p.restored or not self.ends_restore)

    def locations(self) -> tuple[Location, ...]:
        """Return one new object a part, and none where a restore ends."""
        if self.ends_restore or self.move.by_rule:
            return ()
        return tuple(self._target(part, number) for number, part in enumerate(self.sources))

    def copy(self) -> None:
        """Copy the objects; the bytes read are held against the recorded SHA-256."""
        parts = self.sources
        if self.ends_restore:
            kept = tuple(without_restore(part) for part in parts)
            self.change = replace(leaving(parts), add=kept, discard=copies(parts))
            return
        if self.move.by_rule:
            self.change = self._handed_over(parts)
            return
        with behind(self._copied, len(parts), stop=self.given_up) as copied:
            futures = [copied(item) for item in enumerate(parts)]
        moved = tuple(future.result() for future in futures)
        seen = () if self.move.target.archived else tuple(part.location for part in moved)
        self.change = replace(leaving(parts), add=moved, register=seen)

    def verify(self) -> None:
        """Read the copies back; what stays where it is has to be there."""
        if self.move.by_rule:
            for part in self.change.add:
                if self.ports.storage.size(part.location) != part.bytes:
                    raise other_bytes(part)
        elif not self.ends_restore:
            verify_objects(self.ports.storage, self.change.add, self.given_up)

    def _handed_over(self, parts: tuple[Part, ...]) -> Change:
        """Return the change that leaves objects where they are, for the bucket's rules."""
        now, target = self.ports.clock(), self.move.target
        gone = leaving(parts) if target.archived else Change(remove=parts)
        return replace(
            gone,
            add=tuple(replace(without_restore(p), tier=target, created_at=now) for p in parts),
            discard=copies(parts),
        )

    def _target(self, part: Part, number: int) -> Location:
        return self.new_location(self.move.target.name, part.period, number)

    def _copied(self, item: tuple[int, Part]) -> Part:
        number, part = item
        if not part.readable_at(self.ports.clock()):
            raise RequestError(f"{part.location} is archived and has to be restored first")
        stored = self.ports.storage.copy(
            part.readable_location, self._target(part, number), part.sha256
        )
        return replace(
            without_restore(part),
            tier=self.move.target,
            location=stored.location,
            created_at=self.ports.clock(),
        )
