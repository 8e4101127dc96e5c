"""The move that has an archive fetch partitions, whoever wants it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..model.part import Part
from ..model.request import Request
from .economics import Economics
from .plan import Kind, Move, faster


def restore_move(
    parts: Sequence[Part],
    until: datetime,
    speed: str,
    reason: str,
    economics: Economics,
    *,
    asked: bool,
    fetching: Request | None = None,
) -> Move:
    """Return the move that makes archived parts of one partition and tier readable.

    What is readable already is not fetched again; it only stays readable for longer.

    Args:
        until: When it is over, UTC.
        asked: Somebody wants it, beside the policy.
        fetching: What the archive was asked for of them before, and is paid for.

    """
    first = parts[0]
    closed = [part for part in parts if part.restored is None]
    paid = fetching is not None and not faster(speed, fetching.speed)
    return Move(
        "",
        Kind.RESTORE,
        first.dataset,
        (first.period,),
        first.tier,
        first.tier,
        reason,
        sum(part.rows for part in parts),
        sum(part.bytes for part in closed),
        len(closed),
        economics.restore(parts, first.tier, until, speed, asked=asked, fetching=paid),
        until,
        speed,
        asked,
    )
