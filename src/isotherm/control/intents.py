"""Intents: the row that says a move has begun; what becomes of it, became of the move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..engine.base import Row
from ..model.part import Location
from ..warehouse.base import Transaction

OPEN, DONE, ABANDONED = "open", "done", "abandoned"
_COLUMNS = "move, dataset, kind, periods, locations, holder, state, begun_at"


@dataclass(frozen=True, slots=True)
class Intent:
    """A move that has begun.

    Attributes:
        locations: The objects that may appear; none of them was ever used before.
        holder: Who runs the move.

    """

    move: str
    dataset: str
    kind: str
    periods: tuple[str, ...]
    locations: tuple[Location, ...]
    holder: str
    state: str
    begun_at: datetime


def begin(tx: Transaction, intent: Intent) -> None:
    """Say that a move begins."""
    locations = json.dumps([[item.tier, item.key] for item in intent.locations])
    tx.execute(
        "INSERT INTO isotherm.intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            intent.move,
            intent.dataset,
            intent.kind,
            json.dumps(intent.periods),
            locations,
            intent.holder,
            intent.state,
            intent.begun_at,
        ],
    )


def end(tx: Transaction, move: str, state: str, at: datetime) -> bool:
    """Turn an open intent into done or abandoned; False if it was not open any more."""
    rows = tx.execute(
        "UPDATE isotherm.intents SET state = ?, ended_at = ? WHERE move = ? AND state = ?",
        [state, at, move, OPEN],
    )
    return bool(rows[0][0])


def state(tx: Transaction, move: str) -> str | None:
    """Return what became of a move; None if it never began."""
    rows = tx.execute("SELECT state FROM isotherm.intents WHERE move = ?", [move])
    return str(rows[0][0]) if rows else None


def last_done(tx: Transaction, dataset: str, period: str) -> Intent | None:
    """Return the last finished move of a partition."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.intents WHERE dataset = ? AND state = ? "
        "AND contains(periods, ?) ORDER BY ended_at DESC LIMIT 1",
        [dataset, DONE, json.dumps(period)],
    )
    return _intent(rows[0]) if rows else None


def datasets(tx: Transaction) -> tuple[str, ...]:
    """Return the datasets that a move was ever begun of."""
    rows = tx.execute("SELECT DISTINCT dataset FROM isotherm.intents ORDER BY dataset")
    return tuple(row[0] for row in rows)


def in_state(tx: Transaction, wanted: str) -> tuple[Intent, ...]:
    """Return the intents of one state, the oldest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.intents WHERE state = ? ORDER BY begun_at", [wanted]
    )
    return tuple(_intent(row) for row in rows)


def _intent(row: Row) -> Intent:
    locations: Sequence[Sequence[str]] = json.loads(row[4])
    return Intent(
        move=row[0],
        dataset=row[1],
        kind=row[2],
        periods=tuple(json.loads(row[3])),
        locations=tuple(Location(tier, key) for tier, key in locations),
        holder=row[5],
        state=row[6],
        begun_at=row[7],
    )
