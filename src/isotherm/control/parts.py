"""Parts: which rows lie in which object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..engine.base import Row
from ..model.part import Location, Part
from ..model.period import Period
from ..model.tier import TIERS
from ..warehouse.base import Transaction

_COLUMNS = (
    "id, dataset, period, tier, place, key, rows, bytes, sha256, created_at, "
    "restored_place, restored_key, restored_until"
)


def of_dataset(tx: Transaction, dataset: str) -> tuple[Part, ...]:
    """Return every part of a dataset, by period."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.parts WHERE dataset = ? ORDER BY period, id", [dataset]
    )
    return tuple(_part(row) for row in rows)


def places(tx: Transaction) -> frozenset[str]:
    """Return the tiers of the store in which objects are kept."""
    rows = tx.execute(
        "SELECT place FROM isotherm.parts UNION SELECT restored_place FROM isotherm.parts "
        "WHERE restored_place IS NOT NULL"
    )
    return frozenset(row[0] for row in rows)


def of_periods(tx: Transaction, dataset: str, periods: Iterable[Period]) -> tuple[Part, ...]:
    """Return every part of some periods of a dataset, by period."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.parts WHERE dataset = ? AND list_contains(?, period) "
        "ORDER BY period, id",
        [dataset, [str(period) for period in periods]],
    )
    return tuple(_part(row) for row in rows)


def add(tx: Transaction, parts: Iterable[Part]) -> None:
    """Record parts that this transaction's commit makes visible."""
    for part in parts:
        restored = part.restored
        tx.execute(
            "INSERT INTO isotherm.parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                part.id,
                part.dataset,
                str(part.period),
                part.tier.name,
                part.location.tier,
                part.location.key,
                part.rows,
                part.bytes,
                part.sha256,
                part.created_at,
                restored.tier if restored else None,
                restored.key if restored else None,
                part.restored_until,
            ],
        )


def remove(tx: Transaction, ids: Sequence[str]) -> None:
    """Forget parts that this transaction's commit replaces."""
    for id_ in ids:
        tx.execute("DELETE FROM isotherm.parts WHERE id = ?", [id_])


def _part(row: Row) -> Part:
    restored = Location(row[10], row[11]) if row[10] else None
    return Part(
        id=row[0],
        dataset=row[1],
        period=Period.parse(row[2]),
        tier=TIERS[row[3]],
        location=Location(row[4], row[5]),
        rows=row[6],
        bytes=row[7],
        sha256=row[8],
        created_at=row[9],
        restored=restored,
        restored_until=row[12],
    )
