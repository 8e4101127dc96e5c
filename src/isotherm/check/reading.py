"""Which objects an audit reads whole: those that were not read for longest, at a bounded rate.

When each was read lies on the store, so that the next audit goes on where this one ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from ..backup import copies
from ..engine.base import Session
from ..model.errors import StorageError
from ..model.part import Location, Part
from ..storage.base import Storage

AUDITS = "audits"
"""The folder of the store's `control` where it lies."""
KEPT_EVERY = 60.0
"""Seconds between two times that it is written."""


class Readings:
    """When each object was last read whole and found unchanged.

    Args:
        rate: Bytes a second at most; None is as fast as it goes.
        wait: Waits for so many seconds.

    """

    def __init__(
        self,
        session: Session,
        storage: Storage,
        now: datetime,
        rate: float | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._storage = storage
        self._now = now
        self._rate = rate
        self._wait = wait
        self._old = sorted(storage.list(copies.PLACE, AUDITS))
        self._read = self._known(session)
        self._kept = self._begun = time.monotonic()
        self._bytes = 0
        self._changed = False
        self._unchanged: set[Location] = set()

    def choose(self, every: Sequence[Part], share: float) -> frozenset[Part]:
        """Return those parts that were not read for longest.

        Args:
            share: Which part of them, 0 to 1; one at least where it is not 0.

        """
        if not share or not every:
            return frozenset()
        number = max(1, round(len(every) * share))
        return frozenset(sorted(every, key=lambda part: self._read.get(_key(part), ""))[:number])

    def is_unchanged(self, part: Part, location: Location | None = None) -> bool:
        """Read one of a part's objects whole and hold it against its SHA-256.

        The part was read once all of them are unchanged: its own, and the copy that was restored.

        Args:
            location: Of the object; the part's own if not given.

        Raises:
            StorageError: it cannot be read.

        """
        place = location or part.location
        same = self._storage.sha256(place) == part.sha256
        if same:
            self._unchanged.add(place)
            if {part.location, part.readable_location} <= self._unchanged:
                self._read[_key(part)] = self._now.isoformat()
                self._changed = True
        self._bytes += part.bytes
        now = time.monotonic()
        if self._rate and (early := self._bytes / self._rate - (now - self._begun)) > 0:
            self._wait(early)
        if now - self._kept > KEPT_EVERY:
            self.keep()
            self._kept = now
        return same

    def last(self, parts: Sequence[Part]) -> datetime | None:
        """Return since when each of some parts was read; None if one never was."""
        times = [self._read.get(_key(part)) for part in parts]
        return min(map(datetime.fromisoformat, map(str, times))) if times and all(times) else None

    def keep(self) -> None:
        """Write it down, where the store lets us: who may only read it reads other objects."""
        if not self._changed:
            return
        place = Location(copies.PLACE, f"{AUDITS}/{time.time_ns():020d}.json")
        with suppress(StorageError):
            copies.put(self._storage, place, json.dumps(self._read).encode())
            for old in self._old:
                self._storage.remove(old)
            self._old = [place]
            self._changed = False

    def _known(self, session: Session) -> dict[str, str]:
        """Read what the last audit has written; of one that is broken nothing is known."""
        if not self._old:
            return {}
        try:
            found = json.loads(copies.read(session, self._storage, self._old[-1]))
        except Exception:  # it is broken, or another audit has just replaced it
            return {}
        right = isinstance(found, dict) and all(isinstance(when, str) for when in found.values())
        return found if right else {}


def _key(part: Part) -> str:
    """Return by what name a part is known as read, with the copy that was restored."""
    return f"{part.id} {part.restored}" if part.restored else part.id
