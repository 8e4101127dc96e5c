"""Manifests: what each move is about to make true in control, put on the store before its commit.

Whether that commit took place is not in them: see `rebuild`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..control import dump, journal, migrations
from ..engine.base import Session
from ..engine.sql import text
from ..model.errors import StorageError
from ..model.part import Location, Part
from ..storage.base import Storage
from ..warehouse.base import Transaction
from . import copies

VERSION = 1
STANDING = {
    "holds": "released_at IS NULL",
    "erasures": "proven_at IS NULL AND withdrawn_at IS NULL",
    "requests": "ended_at IS NULL",
}
"""What people have asked for and stands, by table: every move tells of all of it, as the store's
copy may have missed it. The rows have ids."""


@dataclass(frozen=True)
class Placed:
    """A part as a manifest knows it.

    Attributes:
        objects: The object itself, and its readable copy where there is one.

    """

    id: str
    period: str
    rows: int
    objects: tuple[Location, ...]


@dataclass(frozen=True)
class Manifest:
    """What one move changes in control.

    Attributes:
        after: The head of the journal then: see `journal.Head`.
        kind: Of the move.
        removed: The parts that it replaces.
        added: The parts that it adds.
        rows: Rows of control that come with it, came since the manifest before it, or stand: the
            table's name, and the row as JSON.

    """

    location: Location
    lake: str
    after: str
    dataset: str
    move: str
    kind: str
    removed: tuple[Placed, ...]
    added: tuple[Placed, ...]
    rows: tuple[tuple[str, str], ...]


def put(
    tx: Transaction,
    storage: Storage,
    *,
    dataset: str,
    move: str,
    kind: str,
    removed: Sequence[Part],
    added: Sequence[Part],
    since: int,
) -> int:
    """Put the manifest of a move, in the transaction that is about to commit it.

    Args:
        since: The sealed row of the journal up to which the store knows it.

    Returns:
        The sealed row up to which the store knows the journal now.

    """
    head = journal.head(tx)
    ids = ", ".join(text(part.id) for part in added)
    queries = [
        *(
            dump.rows(name, f"move = {text(move)}")
            for name in ("intents", "pins", "removals", "forgotten")
        ),
        *([dump.rows("parts", f"id IN ({ids})")] if ids else []),
        dump.rows("datasets", f"dataset = {text(dataset)}"),
        dump.rows("journal", f"seq > {since} OR seq IS NULL"),
        *(dump.rows(name, where) for name, where in STANDING.items()),
    ]
    said = {
        "version": VERSION,
        "order": [head.seq, time.time_ns()],
        "after": str(head),
        "lake": migrations.lake_id(tx),
        "dataset": dataset,
        "move": move,
        "kind": kind,
        "removed": [_placed(part) for part in removed],
        "added": [_placed(part) for part in added],
        "rows": tx.execute(" UNION ALL ".join(queries)),
    }
    copies.put(storage, copies.manifest_of(move), json.dumps(said).encode())
    return head.seq


def every(session: Session, storage: Storage, lake: str) -> list[Manifest]:
    """Read the manifests on the store, in the order of the moves.

    Raises:
        StorageError: one cannot be read, or is another lake's.

    """
    read: list[tuple[list[int], Manifest]] = []
    for location in storage.list(copies.PLACE, copies.MOVES):
        try:
            said = json.loads(copies.read(session, storage, location))
            found = Manifest(
                location,
                said["lake"],
                said["after"],
                said["dataset"],
                said["move"],
                said["kind"],
                tuple(_read(item) for item in said["removed"]),
                tuple(_read(item) for item in said["added"]),
                tuple((name, content) for name, content in said["rows"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"object {location} is no manifest of a move: {error}",
                hint="Nothing was changed. Put it back from a backup of the store.",
            ) from error
        if said["version"] != VERSION or found.lake != lake:
            raise StorageError(f"object {location} is of another lake, or of a newer Isotherm")
        read.append((said["order"], found))
    return [found for _, found in sorted(read, key=lambda item: item[0])]


def _placed(part: Part) -> dict[str, object]:
    objects = [part.location, *([part.restored] if part.restored else [])]
    return {
        "id": part.id,
        "period": str(part.period),
        "rows": part.rows,
        "objects": [[item.tier, item.key] for item in objects],
    }


def _read(item: dict[str, Any]) -> Placed:
    objects = tuple(Location(tier, key) for tier, key in item["objects"])
    return Placed(item["id"], item["period"], int(item["rows"]), objects)
