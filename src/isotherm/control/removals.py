"""Removals: objects that were replaced, and go when their grace is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..model.part import Location
from ..warehouse.base import Transaction


def add(tx: Transaction, locations: Iterable[Location], move: str, not_before: datetime) -> None:
    """Have objects removed, not before an instant."""
    for location in locations:
        tx.execute(
            "INSERT INTO isotherm.removals VALUES (?, ?, ?, ?)",
            [location.tier, location.key, move, not_before],
        )


def due(tx: Transaction, now: datetime) -> tuple[Location, ...]:
    """Return the objects whose grace is over."""
    rows = tx.execute(
        "SELECT place, key FROM isotherm.removals WHERE not_before <= ? ORDER BY place, key", [now]
    )
    return tuple(Location(place, key) for place, key in rows)


def waiting(tx: Transaction) -> tuple[Location, ...]:
    """Return all objects that are still to be removed."""
    rows = tx.execute("SELECT place, key FROM isotherm.removals ORDER BY place, key")
    return tuple(Location(place, key) for place, key in rows)


def done(tx: Transaction, locations: Iterable[Location]) -> None:
    """Forget objects that are gone."""
    for location in locations:
        tx.execute(
            "DELETE FROM isotherm.removals WHERE place = ? AND key = ?",
            [location.tier, location.key],
        )
