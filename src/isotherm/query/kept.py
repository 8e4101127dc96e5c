"""What queries of one state of a warehouse have in common: how they are understood, their places.

Both follow from the query's text, the warehouse's catalogue and control. So nothing is kept where
these may have changed: where the state is another one, or not known.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .names import Named

if TYPE_CHECKING:
    from .guard import Needed
    from .whole import Whole

AT_MOST = 32
"""So many queries, and places, are kept."""
ASKED_AT_MOST = 1_024
"""So many queries are known to have been asked once."""
TEXT_AT_MOST = 8_192
"""Longer queries are not kept: their trees take a hundred times as much."""
PLACE_AT_MOST = 262_144
"""Nor are places whose SQL is longer, for they name very many objects."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Understood:
    """A query that was looked into, and the parts that it may need."""

    named: Named
    wholes: tuple[Whole, ...]
    needed: Mapping[str, Needed]

    def is_lasting(self, fleeting: frozenset[str]) -> bool:
        """Whether it means the same at another time.

        Args:
            fleeting: Words that mean something else each time, in lower case.

        """
        words = (word for text in texts(self.named) for word in _WORD.findall(text.casefold()))
        return not self.named.macros and fleeting.isdisjoint(words)


def texts(named: Named) -> tuple[str, ...]:
    """Return the SQL of a query and of the views that it names."""
    return (named.text, *(view.body for view in named.views))


@dataclass(slots=True, eq=False)
class _Place:
    catalog: str
    path: str
    made_at: int
    users: int = 1


class Kept:
    """Keeps what is known of the newest state. Several threads may use it at once."""

    def __init__(
        self, drop: Callable[[str], object], fleeting: Callable[[], frozenset[str]]
    ) -> None:
        """Keep nothing yet.

        Args:
            drop: Removes the catalog of a place that nobody looks into.
            fleeting: Returns the words that mean something else each time.

        """
        self._drop = drop
        self._fleeting = fleeting
        self._lock = threading.RLock()  # a result that nobody holds any more is closed anywhere
        self._state = -1
        self._asked: set[Hashable] = set()
        self._queries: dict[Hashable, Understood] = {}
        self._places: dict[Hashable, _Place] = {}
        self._left: list[_Place] = []

    def query(self, state: int | None, key: Hashable) -> Understood | None:
        """Return how a query was understood in a state; None if that is not known."""
        with self._lock:
            found = self._queries.get(key) if self._is_now(state) else None
        self._drop_idle()
        return found

    def keep_query(self, state: int | None, key: Hashable, query: Understood) -> None:
        """Keep how a query is understood in a state: from the second time on, if that lasts."""
        if sum(map(len, texts(query.named))) > TEXT_AT_MOST:
            return
        with self._lock:
            if not self._is_now(state):
                return
            is_first = key not in self._asked
            if is_first and len(self._asked) < ASKED_AT_MOST:
                self._asked.add(key)
        if is_first or not query.is_lasting(self._fleeting()):
            return
        with self._lock:
            if self._is_now(state):
                if len(self._queries) >= AT_MOST:
                    del self._queries[next(iter(self._queries))]
                self._queries[key] = query

    def place(
        self,
        state: int | None,
        key: Hashable,
        make: Callable[[ExitStack], tuple[str, str]],
        cleanup: ExitStack,
        begun_at: int,
    ) -> str:
        """Return the search path of a place, one that was there or a new one.

        Args:
            make: Makes one; its catalog goes when the stack that it is given is closed.
            cleanup: Closed when the query has ended.
            begun_at: When the query's transaction began: it may see a part only of what was not
                complete then.

        """
        with self._lock:
            place = self._places.get(key) if self._is_now(state) else None
            if place and place.made_at >= begun_at:
                place = None
            if place:
                place.users += 1
        self._drop_idle()
        if place is None:
            with ExitStack() as stack:  # nobody waits for this: others make their own
                catalog, path = make(stack)
                place = self._kept(state, key, catalog, path)
                own = stack.pop_all()
            if place is None:
                cleanup.enter_context(own)
                return path
        cleanup.callback(partial(self._leave, place))
        return place.path

    def clear(self) -> None:
        """Keep nothing of what was kept so far; places that are in use go when they are left."""
        with self._lock:
            self._forget()
        self._drop_idle()

    def _kept(self, state: int | None, key: Hashable, catalog: str, path: str) -> _Place | None:
        """Keep a new place; None if it is to be its query's own."""
        with self._lock:
            if not self._is_now(state) or key in self._places or not self._has_room():
                return None
            place = self._places[key] = _Place(catalog, path, time.monotonic_ns())
            return place

    def _leave(self, place: _Place) -> None:
        with self._lock:
            place.users -= 1
        self._drop_idle()

    def _is_now(self, state: int | None) -> bool:
        """Say whether a state is the newest; what was kept of an older one goes."""
        if state is None or state > self._state:
            self._forget()
        if state is None or state < self._state:
            return False
        self._state = state
        return True

    def _forget(self) -> None:
        self._asked.clear()
        self._queries.clear()
        places, self._places = self._places, {}
        self._left += places.values()

    def _has_room(self) -> bool:
        if len(self._places) >= AT_MOST:
            idle = next((key for key, place in self._places.items() if not place.users), None)
            if idle is None:
                return False
            self._left.append(self._places.pop(idle))
        return True

    def _drop_idle(self) -> None:
        """Remove the places that nobody looks into, or ever will."""
        with self._lock:
            idle = [place for place in self._left if not place.users]
            self._left = [place for place in self._left if place.users]
        for place in idle:
            self._drop(place.catalog)
