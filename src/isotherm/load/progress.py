"""How far a load is: asked of the engine from a thread while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..engine.base import Session

INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is.

    Attributes:
        fraction: 0 to 1.
        rows: Estimated until the file is done.
        seconds: Since it was begun.

    """

    fraction: float
    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


Observe = Callable[[Progress], None]


class Meter:
    """Tells an observer how far a file is; it never goes back.

    Args:
        rows: How many the file is thought to have.

    """

    def __init__(self, observe: Observe, rows: int) -> None:
        self._observe = observe
        self._rows = rows
        self._begun = time.monotonic()
        self._fraction = 0.0
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long ago the file was begun."""
        return time.monotonic() - self._begun

    def expect(self, rows: int) -> None:
        """Say how many rows the file has, now that it is known."""
        self._rows = rows

    def share(self, rows: int) -> float:
        """Return which part of the file so many rows are thought to be."""
        return min(1.0, rows / self._rows) if self._rows else 1.0

    def at(self, fraction: float, rows: int | None = None) -> None:
        """Tell that the file is so far."""
        with self._lock:
            self._fraction = max(self._fraction, min(fraction, 1.0))
            known = int(self._rows * self._fraction) if rows is None else rows
            self._observe(Progress(self._fraction, known, self.seconds))

    @contextmanager
    def watching(self, session: Session, start: float = 0.0) -> Iterator[None]:
        """Ask the session how far its statement is, again and again, until the block is left.

        Args:
            start: How far the file is when the statement begins.

        """
        done = threading.Event()
        session.execute("SET enable_progress_bar = true")
        session.execute("SET enable_progress_bar_print = false")

        def watch() -> None:
            while not done.wait(INTERVAL):
                if (found := session.progress()) >= 0:
                    self.at(start + found * (1 - start))

        thread = threading.Thread(target=watch, name="isotherm-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
