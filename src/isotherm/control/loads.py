"""Loads: which files are in, by their content, and which periods they brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..model.period import Period
from ..warehouse.base import Transaction


@dataclass(frozen=True, slots=True)
class Load:
    """A file that was loaded.

    Attributes:
        sha256: Of the file's bytes, hexadecimal.
        quarantined: How many of its rows went to quarantine.

    """

    dataset: str
    sha256: str
    file: str
    bytes: int
    rows: int
    quarantined: int
    loaded_at: datetime


def find(tx: Transaction, dataset: str, sha256: str) -> Load | None:
    """Return the load of a file with this content, if there was one."""
    rows = tx.execute(
        "SELECT dataset, sha256, file, bytes, rows, quarantined, loaded_at FROM isotherm.loads "
        "WHERE dataset = ? AND sha256 = ?",
        [dataset, sha256],
    )
    return Load(*rows[0]) if rows else None


def sizes(tx: Transaction, dataset: str) -> frozenset[int]:
    """Return the sizes of all loaded files: a file of another size cannot be one of them."""
    rows = tx.execute("SELECT DISTINCT bytes FROM isotherm.loads WHERE dataset = ?", [dataset])
    return frozenset(row[0] for row in rows)


def record(tx: Transaction, load: Load, periods: Mapping[Period, int]) -> None:
    """Write down a load and the rows it brought to each period."""
    tx.execute(
        "INSERT INTO isotherm.loads VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            load.dataset,
            load.sha256,
            load.file,
            load.bytes,
            load.rows,
            load.quarantined,
            load.loaded_at,
        ],
    )
    for period, rows in periods.items():
        tx.execute(
            "INSERT INTO isotherm.loaded_periods VALUES (?, ?, ?, ?)",
            [load.dataset, str(period), rows, load.loaded_at],
        )


def last_by_period(tx: Transaction, dataset: str) -> dict[str, datetime]:
    """Return when each period last received rows by a load."""
    rows = tx.execute(
        "SELECT period, max(loaded_at) FROM isotherm.loaded_periods "
        "WHERE dataset = ? GROUP BY period",
        [dataset],
    )
    return dict(rows)


def quarantine(
    tx: Transaction, dataset: str, file: str, line: int, reason: str, raw: str | None, at: datetime
) -> None:
    """Keep a row that could not be loaded."""
    tx.execute(
        "INSERT INTO isotherm.quarantine VALUES (?, ?, ?, ?, ?, ?)",
        [dataset, file, line, reason, raw, at],
    )
