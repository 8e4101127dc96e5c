"""Retier: objects go to another storage class, or give up their readable copies."""

from __future__ import annotations

from dataclasses import replace

from ..model.errors import VerifyError
from ..model.part import Location, Part
from ..warehouse.base import Transaction
from .base import Act, Change, without_restore


class Retier(Act):
    """Copies each object to its new tier; with the same tier on both sides it ends a restore."""

    def locations(self, tx: Transaction) -> tuple[Location, ...]:
        """Return one new object a part, and none where a restore ends."""
        if self.move.source == self.move.target:
            return ()
        tier = self.move.target.name
        parts = self._moving(tx)
        return tuple(self.new_location(tier, p.period, n) for n, p in enumerate(parts))

    def copy(self, tx: Transaction) -> None:
        """Copy the objects; the bytes read are held against the recorded SHA-256."""
        parts = self._moving(tx)
        pinned = tuple(p.pinned_location for p in parts if p.pinned_location)
        if self.move.source == self.move.target:
            kept = tuple(without_restore(part) for part in parts)
            self.change = Change(add=kept, remove=parts, unregister=pinned, discard=pinned)
            return
        moved = tuple(self._copied(part, number) for number, part in enumerate(parts))
        seen = () if self.move.target.archived else tuple(part.location for part in moved)
        replaced = {part.location for part in parts} | set(pinned)
        self.change = Change(
            add=moved,
            remove=parts,
            register=seen,
            unregister=pinned,
            discard=tuple(sorted(replaced & set(pinned))),
            discard_now=tuple(sorted(replaced - set(pinned))),
        )

    def verify(self, tx: Transaction) -> None:
        """Read the copies back."""
        if self.move.source != self.move.target:
            verify_objects(self, self.change.add)

    def _moving(self, tx: Transaction) -> tuple[Part, ...]:
        parts = tuple(part for part in self.parts(tx) if part.tier == self.move.source)
        if self.move.source != self.move.target:
            return parts
        return tuple(part for part in parts if part.restored)

    def _copied(self, part: Part, number: int) -> Part:
        tier = self.move.target
        target = self.new_location(tier.name, part.period, number)
        stored = self.ports.storage.copy(part.readable_location, target, part.sha256)
        return replace(
            without_restore(part),
            tier=tier,
            location=stored.location,
            created_at=self.ports.clock(),
        )


def verify_objects(act: Act, parts: tuple[Part, ...]) -> None:
    """Check that what lies at each part's readable place has its recorded SHA-256.

    Raises:
        VerifyError: an object has other bytes.

    """
    for part in parts:
        if act.ports.storage.sha256(part.readable_location) != part.sha256:
            raise VerifyError(
                f"object {part.readable_location} has other bytes than were recorded",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
