"""Removals: objects that were replaced, and go when their grace is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..model.part import Location
from ..warehouse.base import Transaction


def add(
    tx: Transaction, locations: Iterable[Location], move: str, not_before: datetime | None
) -> None:
    """Have objects removed.

    Args:
        not_before: When their grace is over; None is not known yet, see `begin`.

    """
    for location in locations:
        tx.execute(
            "INSERT INTO isotherm.removals VALUES (?, ?, ?, ?)",
            [location.tier, location.key, move, not_before],
        )


def begin(tx: Transaction, not_before: datetime) -> None:
    """Say when the grace is over of what was replaced since this was last called."""
    tx.execute("UPDATE isotherm.removals SET not_before = ? WHERE not_before IS NULL", [not_before])


def due(tx: Transaction, now: datetime) -> frozenset[Location]:
    """Return the objects whose grace is over."""
    rows = tx.execute("SELECT place, key FROM isotherm.removals WHERE not_before <= ?", [now])
    return frozenset(Location(place, key) for place, key in rows)


def waiting(tx: Transaction) -> frozenset[Location]:
    """Return all objects that are still to be removed."""
    rows = tx.execute("SELECT place, key FROM isotherm.removals")
    return frozenset(Location(place, key) for place, key in rows)


def of_dataset(tx: Transaction, dataset: str) -> dict[Location, datetime | None]:
    """Return the objects of a dataset that are still to be removed, and from when on, UTC."""
    rows = tx.execute(
        "SELECT place, key, not_before FROM isotherm.removals "
        "WHERE starts_with(key, ? || '/') OR starts_with(key, 'restored/' || ? || '/')",
        [dataset, dataset],
    )
    return {Location(place, key): not_before for place, key, not_before in rows}


def done(tx: Transaction, locations: Iterable[Location]) -> None:
    """Forget objects that are gone, or that are needed after all."""
    for location in locations:
        tx.execute(
            "DELETE FROM isotherm.removals WHERE place = ? AND key = ?",
            [location.tier, location.key],
        )
