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


_LATEST = ", ".join(
    f"arg_max({column}, version)"
    for column in ("version", "metadata", "snapshot", "move", "set_at")
)


def latest(tx: Transaction, dataset: str) -> PinRow | None:
    """Return the pin of this snapshot; None before the dataset's first move."""
    row = tx.execute(  # half the time of ORDER BY and LIMIT
        f"SELECT {_LATEST} FROM isotherm.pins WHERE dataset = ?", [dataset]
    )[0]
    return None if row[0] is None else PinRow(dataset, *row)


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
