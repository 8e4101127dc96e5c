"""The journal: an append-only, hash-chained record of every step of every move.

A row is written in the transaction that it speaks of, and sealed into the chain afterwards: it
gets the next number, the hash of the row before it, and its own, SHA-256 over both and its
content. Whoever changes, drops or swaps a sealed row breaks the chain; whoever cuts its tail is
found by the head that each move has written into its Iceberg snapshot.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..engine.base import Row
from ..model.errors import JournalError
from ..warehouse.base import Transaction

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal; `seq` and `hash` are None until it is sealed."""

    id: str
    at: datetime
    dataset: str
    move: str
    event: str
    detail: dict[str, Any]
    seq: int | None
    hash: str | None

    @property
    def summary(self) -> str:
        """What it says, in a line."""
        found = {key: str(value) for key, value in self.detail.items() if value}
        who = f"by {found['who']}" if "who" in found else ""
        why = "" if "move" in found else found.get("why", "")
        words = [found.get(key, "") for key in ("move", "case", "source", "reason", "file")]
        rows = self.detail.get("rows")
        many = f"{rows:,} row{'' if rows == 1 else 's'}" if rows else ""
        return "; ".join(word for word in (*words, who, why, many) if word)

    def to_json(self) -> dict[str, Any]:
        """Return the row as its documented JSON form."""
        return {
            "row": self.seq,
            "at": self.at.isoformat(),
            "dataset": self.dataset,
            "move": self.move,
            "event": self.event,
            "detail": self.detail,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The last sealed row; `seq` 0 is an empty journal."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


def write(
    tx: Transaction, at: datetime, dataset: str, move: str, event: str, /, **detail: object
) -> None:
    """Add a row to the journal; it counts with the transaction's commit."""
    tx.execute(
        "INSERT INTO isotherm.journal VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
        [_new_id(), at, dataset, move, event, json.dumps(detail, default=str)],
    )


def _new_id() -> str:
    """Return an id that nobody else has, greater than those that were made before it."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


def head(tx: Transaction) -> Head:
    """Return the last sealed row."""
    seq, found = tx.execute("SELECT max(seq), arg_max(hash, seq) FROM isotherm.journal")[0]
    return Head(0, GENESIS) if seq is None else Head(seq, found)


def seal(tx: Transaction) -> Head:
    """Seal what is not sealed yet, in the order of its time, and return the new head."""
    last = head(tx)
    rows = tx.execute(
        "SELECT id, written_at, dataset, move, event, detail FROM isotherm.journal "
        "WHERE seq IS NULL ORDER BY written_at, id"
    )
    ids = [row[0] for row in rows]
    chain = [last.hash]
    for seq, row in enumerate(rows, start=last.seq + 1):
        chain.append(_hash(chain[-1], seq, row))
    if ids:
        tx.execute(
            "UPDATE isotherm.journal SET seq = s.seq, previous = s.previous, hash = s.hash FROM "
            "(SELECT unnest(string_split(?, ' ')) AS id, unnest(range(?, ?)) AS seq, "
            "unnest(string_split(?, ' ')) AS previous, unnest(string_split(?, ' ')) AS hash) s "
            "WHERE journal.id = s.id",
            [
                " ".join(ids),
                last.seq + 1,
                last.seq + 1 + len(ids),
                " ".join(chain[:-1]),
                " ".join(chain[1:]),
            ],
        )
    return Head(last.seq + len(ids), chain[-1])


def entries(tx: Transaction, dataset: str | None = None, limit: int = 1_000_000) -> list[Entry]:
    """Return the newest rows of the journal, the oldest of them first."""
    where = "WHERE dataset = ?" if dataset else ""
    rows = tx.execute(
        "SELECT id, written_at, dataset, move, event, detail, seq, hash FROM isotherm.journal "
        f"{where} ORDER BY seq IS NULL DESC, seq DESC, written_at DESC LIMIT {int(limit)}",
        [dataset] if dataset else [],
    )
    return list(map(_entry, reversed(rows)))


def _entry(row: Row) -> Entry:
    id_, at, name, move, event, detail, seq, hash_ = row
    return Entry(id_, at, name, move, event, json.loads(detail), seq, hash_)


def of_events(tx: Transaction, events: Sequence[str]) -> list[Entry]:
    """Return the rows of some events, the oldest first."""
    rows = tx.execute(
        "SELECT id, written_at, dataset, move, event, detail, seq, hash FROM isotherm.journal "
        f"WHERE event IN ({', '.join('?' for _ in events)}) ORDER BY written_at, id",
        list(events),
    )
    return list(map(_entry, rows))


def verify(tx: Transaction) -> Head:
    """Follow the chain from its beginning and return its head.

    Raises:
        JournalError: a row was changed, dropped or swapped; its number is named.

    """
    last = Head(0, GENESIS)
    rows = tx.execute(
        "SELECT id, written_at, dataset, move, event, detail, seq, previous, hash "
        "FROM isotherm.journal WHERE seq IS NOT NULL ORDER BY seq"
    )
    for row in rows:
        seq, previous, found = row[6:9]
        if seq != last.seq + 1:
            raise JournalError(f"the journal has no row {last.seq + 1}: somebody removed it")
        if previous != last.hash or found != _hash(last.hash, seq, row[:6]):
            raise JournalError(f"row {seq} of the journal was changed after it was written")
        last = Head(seq, found)
    return last


def holds(tx: Transaction, noted: str, *, begins: bool = False) -> bool:
    """Say whether the chain still holds a head that was written down elsewhere.

    Args:
        begins: Of the hash just the beginning was written down.

    """
    seq, _, expected = noted.partition(":")
    if int(seq) == 0:
        return GENESIS.startswith(expected)
    rows = tx.execute("SELECT hash FROM isotherm.journal WHERE seq = ?", [int(seq)])
    if not rows:
        return False
    found = str(rows[0][0])
    return found.startswith(expected) if begins else found == expected


def _hash(previous: str, seq: int, row: Row | Sequence[Any]) -> str:
    id_, at, dataset, move, event, detail = row
    content = json.dumps([previous, seq, id_, at.isoformat(), dataset, move, event, detail])
    return hashlib.sha256(content.encode()).hexdigest()
