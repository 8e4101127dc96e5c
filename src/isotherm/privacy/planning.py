"""Plan a request: a move for the warehouse, and one for each partition that has to change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ..control.erasures import Erasure
from ..cost.dollars import Dollars, entering, reading, size_of
from ..cost.prices import PriceBook
from ..model.part import Part
from ..model.period import Period
from ..model.tier import HOT, Tier
from ..plan.batches import batched
from ..plan.economics import Economics
from ..plan.fetching import restore_move
from ..plan.plan import Kind, Move, Plan, terms_of
from ..plan.planner import READING_TIME, Subject, basis_of
from .finding import Found

BATCH_BYTES = 256 * 2**20
"""A move that is killed has written so much in vain; each takes a tenth of a second by itself."""


def make_erase_plan(
    subject: Subject,
    request: Erasure,
    found: Found,
    now: datetime,
    book: PriceBook,
    max_bytes: int | None = None,
) -> Plan:
    """Plan what takes people's records out of everywhere.

    Archived parts are restored first: nobody knows what is in them before.

    Args:
        max_bytes: How much of the plan will be made at a time: no move takes more, if it can.

    """
    at_most = BATCH_BYTES if max_bytes is None else min(max_bytes, BATCH_BYTES)
    cold = batched(_cold_moves(subject, request, found, now, book), at_most)
    moves = tuple(
        replace(move, id=str(number))
        for number, move in enumerate([*_hot_move(subject, request, found), *cold], start=1)
    )
    name = subject.dataset.name
    basis = {name: basis_of(subject.inventory, moves)}
    return Plan(now, now, moves, (), basis, {name: terms_of(subject.dataset)})


def _hot_move(subject: Subject, request: Erasure, found: Found) -> Iterator[Move]:
    """Return the move of the warehouse, if it has anything to do."""
    rows = sum(found.hot.values())
    if rows or found.quarantine:
        nothing, (kind, reason) = Dollars(0.0, 0.0), _what(request)
        name = subject.dataset.name
        yield Move("", kind, name, (), HOT, HOT, reason, rows, 0, 0, nothing, request=request.id)


def _what(request: Erasure) -> tuple[Kind, str]:
    return Kind.CORRECT if request.changes else Kind.ERASE, f"request {request.case}"


def _cold_moves(
    subject: Subject, request: Erasure, found: Found, now: datetime, book: PriceBook
) -> Iterator[Move]:
    """Return what is to be done of each partition, one after the other."""
    kind, reason = _what(request)
    economics = Economics(book, subject.sizes, now)
    groups: dict[tuple[Period, Tier], list[Part]] = defaultdict(list)
    for part in (*found.cold, *found.archived):
        groups[part.period, part.tier].append(part)
    for (period, tier), group in sorted(groups.items(), key=lambda item: item[0][0]):
        closed = [part for part in group if part in found.archived]
        rows = sum(found.cold.get(part, 0) for part in group)
        if closed:
            speed, until = economics.cheapest(tier), now + READING_TIME
            why = f"{reason}: it can be searched only then"
            yield restore_move(closed, until, speed, why, economics, asked=False)
        size = size_of(group)
        once = reading(book, tier, size) + entering(book, HOT, tier, size)
        yield Move(
            "",
            kind,
            subject.dataset.name,
            (period,),
            tier,
            tier,
            reason,
            rows,
            size.bytes,
            len(group),
            Dollars(0.0, once),
            request=request.id,
        )
