"""Rows that are counted and hashed while a statement works on them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duckdb.sqltypes import INTEGER, UBIGINT

from ..model.part import NOTHING, Digest
from .sql import row_hash

if TYPE_CHECKING:
    from .session import DuckDBSession


class DuckDBTally:
    """A function of the engine's that remembers what it was called with; see `engine.base.Tally`.

    Each call of it costs some microseconds: it is for few rows among many.
    """

    def __init__(self, session: DuckDBSession) -> None:
        self.session = session
        self.found: dict[int, Digest] = {}
        self._name = f"isotherm_tally_{uuid.uuid4().hex}"
        self._lock = threading.Lock()

    def counted(self, columns: Sequence[str], by: str) -> str:
        """Return the expression that counts a row, and has the value of `by`."""
        return f"{self._name}({by}, {row_hash(columns)})"

    @contextmanager
    def known(self) -> Iterator[None]:
        """Have the engine know the function for a while."""
        cursor = self.session.cursor
        # With side effects: the engine must not think that it can leave out a call, or make two.
        cursor.create_function(
            self._name, self._count, [INTEGER, UBIGINT], INTEGER, side_effects=True
        )
        try:
            yield
        finally:
            cursor.remove_function(self._name)

    def _count(self, by: int, hashed: int) -> int:
        with self._lock:
            self.found[by] = self.found.get(by, NOTHING) + Digest(1, hashed, hashed)
        return by
