"""Holds: rows that stand until their case releases them; every change is in the journal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ..model.dataset import Dataset
from ..model.errors import RequestError
from ..model.hold import Hold
from ..model.period import Period
from ..model.person import DataSubject
from ..model.words import nearest
from ..warehouse.base import Transaction
from . import journal

_COLUMNS = (
    "id, case_name, dataset, first_period, last_period, subjects, reason, placed_at, placed_by, "
    "renames"
)


def place(tx: Transaction, hold: Hold) -> Hold:
    """Place a hold.

    Raises:
        RequestError: its case keeps the same already.

    """
    for other in standing(tx, hold.dataset):
        if (other.case, other.periods, other.subjects) == (hold.case, hold.periods, hold.subjects):
            raise RequestError(f"case {hold.case} holds {hold.scope} already")
    placed = replace(hold, id=uuid.uuid4().hex)
    first, last = placed.periods or (None, None)
    tx.execute(
        f"INSERT INTO isotherm.holds ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            placed.id,
            placed.case,
            placed.dataset,
            str(first) if first else None,
            str(last) if last else None,
            json.dumps([subject.values for subject in placed.subjects]),
            placed.reason,
            placed.placed_at,
            placed.placed_by,
            json.dumps(placed.renames),
        ],
    )
    _note(tx, placed, "held", placed.placed_at, placed.placed_by, placed.reason)
    return placed


def release(
    tx: Transaction, case: str, dataset: str | None, who: str, reason: str, now: datetime
) -> tuple[Hold, ...]:
    """Release what a case holds.

    Args:
        dataset: Of this one alone; of all if not given.

    Raises:
        RequestError: it holds nothing.

    """
    every = standing(tx)
    found = tuple(h for h in every if h.case == case and dataset in (None, h.dataset))
    if not found:
        where = f" of {dataset}" if dataset else ""
        raise RequestError(
            f"case {case} holds nothing{where}",
            hint=nearest(case, sorted({hold.case for hold in every}))
            or "What is held is shown by: isotherm hold list",
        )
    for hold in found:
        tx.execute(
            "UPDATE isotherm.holds SET released_at = ?, released_by = ?, subjects = '[]' "
            "WHERE id = ?",
            [now, who, hold.id],
        )
        _note(tx, hold, "released", now, who, reason)
    return found


def standing(tx: Transaction, dataset: str | None = None) -> tuple[Hold, ...]:
    """Return the holds that stand, the oldest first."""
    where = "AND dataset = ?" if dataset else ""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.holds WHERE released_at IS NULL {where} "
        "ORDER BY placed_at, id",
        [dataset] if dataset else [],
    )
    return tuple(
        Hold(
            id=row[0],
            case=row[1],
            dataset=row[2],
            periods=(Period.parse(row[3]), Period.parse(row[4])) if row[3] else None,
            subjects=tuple(
                DataSubject(tuple((name, value) for name, value in values))
                for values in json.loads(row[5])
            ),
            reason=row[6],
            placed_at=row[7],
            placed_by=row[8],
            renames=tuple((old, new) for old, new in json.loads(row[9] or "[]")),
        )
        for row in rows
    )


def standing_of(tx: Transaction, dataset: Dataset) -> tuple[Hold, ...]:
    """Return the holds of a dataset that stand; people are named by what columns are called now."""
    return tuple(hold.named_now(dataset.renamed) for hold in standing(tx, dataset.name))


def covering(tx: Transaction, dataset: str, periods: Iterable[Period]) -> tuple[Hold, ...]:
    """Return the holds that keep something of some partitions."""
    wanted = tuple(periods)
    return tuple(h for h in standing(tx, dataset) if any(map(h.covers, wanted)))


def _note(tx: Transaction, hold: Hold, event: str, at: datetime, who: str, reason: str) -> None:
    journal.write(
        tx, at, hold.dataset, hold.id, event, case=hold.case, scope=hold.scope, who=who, why=reason
    )
