"""Loads: which files are in, by their content, and which periods they brought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ..model.period import Period
from ..warehouse.base import Transaction

BATCH = 500


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
    _insert(
        tx,
        "isotherm.loaded_periods",
        ((load.dataset, str(period), rows, load.loaded_at) for period, rows in periods.items()),
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
    tx: Transaction,
    dataset: str,
    file: str,
    broken: Iterable[tuple[int, str, str | None]],
    at: datetime,
) -> int:
    """Keep rows that could not be loaded: `(line, reason, raw text)`; return how many."""
    return _insert(tx, "isotherm.quarantine", ((dataset, file, *row, at) for row in broken))


def _insert(tx: Transaction, table: str, rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows, many with one statement, and return how many there were."""
    count, left = 0, iter(rows)
    while batch := list(islice(left, BATCH)):
        values = f"({', '.join('?' * len(batch[0]))})"
        tx.execute(
            f"INSERT INTO {table} VALUES {', '.join([values] * len(batch))}",
            [value for row in batch for value in row],
        )
        count += len(batch)
    return count
