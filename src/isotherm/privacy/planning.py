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
from ..plan.economics import Economics
from ..plan.fetching import restore_move
from ..plan.plan import Kind, Move, Plan, terms_of
from ..plan.planner import READING_TIME, Subject, basis_of
from .finding import Found


def make_erase_plan(
    subject: Subject, request: Erasure, found: Found, now: datetime, book: PriceBook
) -> Plan:
    """Plan what takes people's records out of everywhere.

    Archived parts are restored first: nobody knows what is in them before.
    """
    moves = tuple(
        replace(move, id=str(number))
        for number, move in enumerate(_moves(subject, request, found, now, book), start=1)
    )
    name = subject.dataset.name
    basis = {name: basis_of(subject.inventory, moves)}
    return Plan(now, now, moves, (), basis, {name: terms_of(subject.dataset)})


def _moves(
    subject: Subject, request: Erasure, found: Found, now: datetime, book: PriceBook
) -> Iterator[Move]:
    reason = f"request {request.case}"
    kind = Kind.CORRECT if request.changes else Kind.ERASE
    hot = sum(found.hot.values())
    if hot or found.quarantine:
        yield Move(
            "",
            kind,
            subject.dataset.name,
            (),
            HOT,
            HOT,
            reason,
            hot,
            0,
            0,
            Dollars(0.0, 0.0),
            request=request.id,
        )
    economics = Economics(book, subject.inventory, now)
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
