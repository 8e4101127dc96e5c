"""What queries of one state of a warehouse have in common: how they are understood, their places.

Both follow from the query's text, the warehouse's catalogue and control. So nothing is kept where
these may have changed: where the state is another one, or not known.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from .guard import Needed
from .names import Named
from .whole import Whole

AT_MOST = 32
"""So many queries, and places, are kept."""
_OF_NOW = re.compile(
    r"\b(now|age|today|\w*current_\w+|localtime\w*|transaction_timestamp)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Understood:
    """A query that was looked into, and the parts that it may need."""

    named: Named
    wholes: tuple[Whole, ...]
    needed: Mapping[str, Needed]

    @property
    def is_lasting(self) -> bool:
        """Whether it means the same at another time: nothing in it speaks of now."""
        texts = (self.named.text, *(view.body for view in self.named.views))
        return not self.named.macros and not any(map(_OF_NOW.search, texts))


@dataclass(slots=True)
class _Place:
    catalog: str
    path: str
    users: int = 1


class Kept:
    """Keeps what is known of the newest state. Several threads may use it at once."""

    def __init__(self, drop: Callable[[str], object]) -> None:
        """Keep nothing yet.

        Args:
            drop: Removes the catalog of a place that nobody looks into.

        """
        self._drop = drop
        self._lock = threading.RLock()  # a result that nobody holds any more is closed anywhere
        self._state = -1
        self._queries: dict[Hashable, Understood] = {}
        self._places: dict[Hashable, _Place] = {}
        self._left: list[_Place] = []

    def query(self, state: int | None, key: Hashable) -> Understood | None:
        """Return how a query was understood in a state; None if that is not known."""
        with self._lock:
            return self._queries.get(key) if self._is_now(state) else None

    def keep_query(self, state: int | None, key: Hashable, query: Understood) -> None:
        """Keep how a query is understood in a state."""
        with self._lock:
            if self._is_now(state) and query.is_lasting:
                if len(self._queries) >= AT_MOST:
                    del self._queries[next(iter(self._queries))]
                self._queries[key] = query

    def place(
        self,
        state: int | None,
        key: Hashable,
        make: Callable[[ExitStack], tuple[str, str]],
        cleanup: ExitStack,
    ) -> str:
        """Return the search path of a place, one that is there or a new one.

        Args:
            make: Makes one; its catalog goes when the stack that it is given is closed.
            cleanup: Closed when the query has ended.

        """
        with self._lock:
            if not self._is_now(state):
                return make(cleanup)[1]
            place = self._places.get(key)
            if place:
                place.users += 1
            elif not self._has_room():
                return make(cleanup)[1]
            else:
                with ExitStack() as stack:
                    place = self._places[key] = _Place(*make(stack))
                    stack.pop_all()
            cleanup.callback(partial(self._leave, place))
            return place.path

    def _leave(self, place: _Place) -> None:
        with self._lock:
            place.users -= 1
            self._clear()

    def _is_now(self, state: int | None) -> bool:
        """Say whether a state is the newest; what was kept of an older one goes."""
        if state is None or state < self._state:
            return False
        if state > self._state:
            self._state = state
            self._queries.clear()
            self._left += self._places.values()
            self._places.clear()
            self._clear()
        return True

    def _has_room(self) -> bool:
        if len(self._places) >= AT_MOST:
            idle = next((key for key, place in self._places.items() if not place.users), None)
            if idle is None:
                return False
            self._left.append(self._places.pop(idle))
            self._clear()
        return True

    def _clear(self) -> None:
        while idle := next((place for place in self._left if not place.users), None):
            self._left.remove(idle)
            self._drop(idle.catalog)
