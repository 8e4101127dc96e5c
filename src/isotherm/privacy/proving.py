"""What has to be gone before a request is proven, and what its certificate says then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..control import erasures, journal, migrations, removals
from ..control.erasures import Erasure
from ..model.hold import Hold
from ..model.part import Location
from ..model.period import Period
from ..model.tier import TIERS
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction
from .certificate import RESIDUAL, VERSION
from .finding import QUARANTINE, WAREHOUSE, Found

_ARCHIVES = frozenset(name for name, tier in TIERS.items() if tier.archived)


def left(tx: AttachedTransaction, storage: Storage, request: Erasure, latest: datetime) -> str:
    """Say what is still there of what was replaced before they were forgotten, by any move.

    By its names: when its grace is over is another clock's word, which may have been wrong.

    Args:
        latest: When the grace is over that begins now, UTC.

    Returns:
        Words; none if nothing is left.

    """
    replaced = {
        Location(*name.split("/", 1)): item.tier
        for item in erasures.forgotten(tx, request.id)
        for name in item.replaced
    }
    removing = removals.of_dataset(tx, request.dataset)
    if waits := replaced.keys() & removing.keys():
        last = max(removing[item] or latest for item in waits)
        return (
            f"{len(waits)} replaced files go when their grace is over, at "
            f"{last:%Y-%m-%d %H:%M:%S} UTC"
        )
    own = sorted(place for place, tier in replaced.items() if tier)
    still = [str(place) for place in own if storage.size(place) is not None]
    return f"{', '.join(still)} cannot be removed" if still else ""


def said(tx: AttachedTransaction, request: Erasure, found: Found, now: datetime) -> dict[str, Any]:
    """Return what the certificate says.

    Args:
        found: By the second search.

    """
    removed = erasures.forgotten(tx, request.id)
    standing = {hold.id for hold in found.holds}
    archived = {
        item.period: item.kept
        for item in removed
        if item.tier in _ARCHIVES and item.kept and item.period
        if all(standing.issuperset(kept_by) for kept_by in item.searched.values())
    }
    kept = archived | dict(found.kept)
    return {
        "version": VERSION,
        "kind": "correction" if request.changes else "erasure",
        "lake": migrations.lake_id(tx),
        "dataset": request.dataset,
        "request": request.case,
        "subjects": list(request.hashes),
        "columns": [name for name, _ in request.changes],
        "asked_at": request.asked_at.isoformat(),
        "asked_by": request.asked_by,
        "due_at": request.due_at.isoformat(),
        "in_time": now <= request.due_at,
        "forgotten_at": request.forgotten_at.isoformat() if request.forgotten_at else None,
        "proven_at": now.isoformat(),
        "changed" if request.changes else "removed": [
            {
                "where": item.period or item.tier,
                "tier": item.tier,
                "rows": item.rows,
                "objects": sum("/restored/" not in name for name in item.replaced),
            }
            for item in removed
            if item.rows
        ],
        "kept": [
            {"where": where, "rows": rows, "why": _cases(found.holds, where)}
            for where, rows in sorted(kept.items())
        ],
        "second_search": {"rows": found.rows, "objects": found.objects},
        "cannot_speak_of": list(RESIDUAL),
        "journal_head": str(journal.head(tx)),
    }


def _cases(holds: Iterable[Hold], where: str) -> list[str]:
    """Return the cases that may keep rows there."""
    if where in (WAREHOUSE, QUARANTINE):
        return sorted({hold.case for hold in holds})
    return sorted({hold.case for hold in holds if hold.covers(Period.parse(where))})
