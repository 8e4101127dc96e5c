"""Pins: the Iceberg metadata file and snapshot that readers use, append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..warehouse.base import Transaction


@dataclass(frozen=True, slots=True)
class PinRow:
    """One version of a dataset's pin."""

    dataset: str
    version: int
    metadata: str
    snapshot: int
    move: str
    set_at: datetime


def latest(tx: Transaction, dataset: str) -> PinRow | None:
    """Return the pin of this snapshot; None before the dataset's first move."""
    rows = tx.execute(
        "SELECT dataset, version, metadata, snapshot, move, set_at FROM isotherm.pins "
        "WHERE dataset = ? ORDER BY version DESC LIMIT 1",
        [dataset],
    )
    return PinRow(*rows[0]) if rows else None


def append(tx: Transaction, pin: PinRow) -> None:
    """Add the next version of a pin."""
    tx.execute(
        "INSERT INTO isotherm.pins VALUES (?, ?, ?, ?, ?, ?)",
        [pin.dataset, pin.version, pin.metadata, pin.snapshot, pin.move, pin.set_at],
    )


def since(tx: Transaction, dataset: str, instant: datetime) -> tuple[PinRow, ...]:
    """Return the pins that a reader may still use who began at `instant` or later, newest first.

    That is every pin set since then, and the one that was in force at that time.
    """
    rows = tx.execute(
        "SELECT dataset, version, metadata, snapshot, move, set_at FROM isotherm.pins "
        "WHERE dataset = ? AND version >= (SELECT coalesce(max(version), 0) FROM isotherm.pins "
        "WHERE dataset = ? AND set_at < ?) ORDER BY version DESC",
        [dataset, dataset, instant],
    )
    return tuple(PinRow(*row) for row in rows)
