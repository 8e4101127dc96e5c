"""The states of a warehouse that no other process writes: what was read of one is read once.

A state ends when somebody begins to write, and there is none while anybody does. So a snapshot that
is taken between two looks at the same state sees that state, and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Found = TypeVar("Found")


class States:
    """Counts the writers of a warehouse. Several threads may use it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._open = 0
        self._kept: tuple[int, dict[object, Any]] = (0, {})

    @property
    def now(self) -> int | None:
        """The state of this moment; None while somebody may write."""
        with self._lock:
            return None if self._open else self._begun

    def begin(self) -> None:
        """Say that somebody may write from now on."""
        with self._lock:
            self._begun += 1
            self._open += 1

    def end(self) -> None:
        """Say that one who might write has ended."""
        with self._lock:
            self._open -= 1

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say that somebody may write for a while."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def kept(self, state: int | None, key: object, read: Callable[[], Found]) -> Found:
        """Return what was read of a state, or read it now; of the newest state alone it is kept."""
        if state is None:
            return read()
        if self._kept[0] < state:
            self._kept = (state, {})
        of, known = self._kept
        if of != state:
            return read()
        if key not in known:
            known[key] = read()
        found: Found = known[key]
        return found
