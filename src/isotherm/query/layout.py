"""The partitions of a dataset by what a query may do with them, and what is remembered of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..control import parts as control_parts
from ..control import pins
from ..engine.base import Row
from ..engine.session import DuckDBSession
from ..model.part import Part
from ..model.schema import Column
from ..warehouse.attached import AttachedTransaction
from . import pinned
from .pinned import Field

_DIGEST = """
SELECT (SELECT system.main.max(version) FROM isotherm.pins WHERE dataset = $1),
    system.main.count_star(), system.main.bit_xor(hashed), system.main.sum(hashed::HUGEINT)
FROM (
    SELECT system.main.hash(
        id, tier, place, key, restored_place, restored_key, restored_until
    ) AS hashed
    FROM isotherm.parts WHERE dataset = $1
)"""
"""The functions are the engine's own: the owner may have macros of their names."""
KEPT = 32
"""So many texts of cold rows are kept at most."""
ByOrdinal = dict[int, tuple[Part, ...]]
_ColdKey = tuple[tuple[int, ...], tuple[tuple[int, Column], ...]]


@dataclass(frozen=True)
class Layout:
    """Parts by the ordinal of their period, in order.

    Attributes:
        cold: Those that a query may read.
        archived: Those that it may not.

    """

    cold: ByOrdinal
    archived: ByOrdinal

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All of them."""
        return tuple(
            part
            for by_ordinal in (self.cold, self.archived)
            for found in by_ordinal.values()
            for part in found
        )


@dataclass(frozen=True)
class _Known:
    """What control said of a dataset's parts when it had this digest."""

    digest: Row
    parts: tuple[Part, ...]
    ends: tuple[datetime, ...]
    layouts: dict[int, Layout]


class Memory:
    """What queries have read before and can be sure is the same: by content, never by time.

    Several threads may use it at once; at worst they read the same thing twice.
    """

    def __init__(self) -> None:
        self._parts: dict[str, _Known] = {}
        self._fields: dict[str, tuple[int, tuple[Field, ...]]] = {}
        self._objects: dict[str, dict[int, Column]] = {}
        self._digests: dict[str, tuple[int | None, Row]] = {}
        self._cold: dict[_ColdKey, tuple[Sequence[Part], str]] = {}

    def read(
        self, tx: AttachedTransaction, dataset: str, readable_at: datetime
    ) -> tuple[Layout, tuple[Field, ...]]:
        """Return where a dataset's partitions are, and the columns of the pinned snapshot.

        There are none where nothing was pinned yet.

        Args:
            readable_at: Restored copies must be readable at this time (UTC) still.

        """
        version, *digest = self._digest(tx, dataset)
        return (
            self._layout(tx, dataset, tuple(digest), readable_at),
            self._pinned(tx, dataset, version) if version else (),
        )

    def _digest(self, tx: AttachedTransaction, dataset: str) -> Row:
        state, known = self._digests.get(dataset, (None, ()))
        if state is None or state != tx.state:
            known = tx.session.execute(_DIGEST, [dataset])[0]
            self._digests[dataset] = (tx.state, known)
        return known

    def once_floats(self, dataset: str) -> set[int]:
        """Return the field ids of columns of a dataset, once read, that objects have as FLOAT."""
        _, fields = self._fields.get(dataset, (0, ()))
        return {field.id for field in fields if field.once_float}

    def object_columns(
        self, session: DuckDBSession, urls: Sequence[str]
    ) -> list[dict[int, Column]]:
        """Return the columns of each object as it was written, by field id."""
        if unknown := [url for url in urls if url not in self._objects]:
            self._objects.update(session.parquet_columns_of(unknown))
        return [self._objects[url] for url in urls]

    def cold(
        self, columns: Mapping[int, Column], parts: Sequence[Part], make: Callable[[], str]
    ) -> str:
        """Return the SQL of the rows of some parts, made once for these very ones."""
        if len(parts) == 1:  # it is quickly made
            return make()
        key = (tuple(map(id, parts)), tuple(columns.items()))
        found = self._cold.get(key)
        if found is None:
            if len(self._cold) >= KEPT:
                self._cold.clear()
            found = self._cold[key] = (parts, make())  # parts that are kept keep their ids
        return found[1]

    def _layout(
        self, tx: AttachedTransaction, dataset: str, digest: Row, readable_at: datetime
    ) -> Layout:
        known = self._parts.get(dataset)
        if known is None or known.digest != digest:
            parts = control_parts.of_dataset(tx, dataset)
            ends = sorted({part.restored_until for part in parts if part.restored_until})
            known = self._parts[dataset] = _Known(digest, parts, tuple(ends), {})
        over = bisect_right(known.ends, readable_at)
        if over not in known.layouts:
            known.layouts[over] = _layout(known.parts, readable_at)
        return known.layouts[over]

    def _pinned(self, tx: AttachedTransaction, dataset: str, version: int) -> tuple[Field, ...]:
        known = self._fields.get(dataset)
        if known is None or known[0] != version:
            pin = pins.latest(tx, dataset)
            assert pin is not None
            known = self._fields[dataset] = (version, pinned.fields(tx.session, pin))
        return known[1]


def _layout(parts: Iterable[Part], readable_at: datetime) -> Layout:
    cold: dict[int, list[Part]] = {}
    archived: dict[int, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.period.ordinal):
        kind = cold if part.readable_at(readable_at) else archived
        kind.setdefault(part.period.ordinal, []).append(part)
    return Layout(_frozen(cold), _frozen(archived))


def _frozen(parts: dict[int, list[Part]]) -> ByOrdinal:
    return {ordinal: tuple(found) for ordinal, found in parts.items()}
