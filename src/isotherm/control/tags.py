"""Tags: which of Isotherm's own tags each object was given, as far as is known."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..model.part import Location
from ..warehouse.base import Transaction

Tags = Mapping[str, str]


def known(tx: Transaction) -> dict[Location, Tags]:
    """Return the tags of every object that was given any."""
    rows = tx.execute("SELECT place, key, tags FROM isotherm.tags")
    return {Location(place, key): json.loads(tags) for place, key, tags in rows}


def forget(tx: Transaction) -> int:
    """Forget what objects have: all are given theirs anew. Return how many were known."""
    return int(tx.execute("DELETE FROM isotherm.tags")[0][0])


def note(tx: Transaction, given: Mapping[Location, Tags]) -> None:
    """Write down which tags objects have now, and forget those that are not there any more.

    In few statements: there may be many thousands.
    """
    rows = json.dumps([[place.tier, place.key, json.dumps(t)] for place, t in given.items()])
    listed = (
        "(SELECT r[1] AS place, r[2] AS key, r[3] AS tags "
        """FROM (SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS r))"""
    )
    tx.execute(
        "DELETE FROM isotherm.tags WHERE (place, key) IN "
        f"(SELECT (place, key) FROM {listed}) OR (place, key) NOT IN "
        "(SELECT (place, key) FROM isotherm.parts UNION ALL SELECT (restored_place, restored_key) "
        "FROM isotherm.parts WHERE restored_key IS NOT NULL)",
        [rows],
    )
    tx.execute(f"INSERT INTO isotherm.tags SELECT place, key, tags FROM {listed}", [rows])
