"""Plan a restore that somebody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from ..cost.prices import PriceBook
from ..model.errors import RequestError
from ..model.part import Part, Partition
from ..model.period import Period
from .economics import Economics
from .plan import Kind, Move, Plan, state_of
from .planner import Subject


def make_restore_plan(
    subject: Subject, periods: Sequence[Period], until: datetime, now: datetime, book: PriceBook
) -> Plan:
    """Plan to make archived partitions readable until a time (UTC).

    What is readable already costs nothing again; it only stays readable for longer.

    Raises:
        RequestError: a period has no archived part.

    """
    name, inventory = subject.dataset.name, subject.inventory
    economics = Economics(book, inventory, now)
    moves: list[Move] = []
    basis: dict[str, str] = {}
    for period in periods:
        partition = inventory.partitions.get(period)
        archived = _archived(name, period, partition)
        basis[str(period)] = state_of(partition)
        moves += _moves(name, period, archived, until, economics)
    numbered = tuple(replace(move, id=str(n)) for n, move in enumerate(moves, start=1))
    return Plan(now, now, numbered, (), {name: basis})


def _archived(name: str, period: Period, partition: Partition | None) -> list[Part]:
    if partition is None or not partition.parts:
        raise RequestError(
            f"{name} has no cold rows in {period}",
            hint=f"isotherm status {name} lists its partitions.",
        )
    archived = [part for part in partition.parts if part.tier.archived]
    if not archived:
        raise RequestError(f"{name} {period} is in {partition.tier} and can be read as it is")
    return archived


def _moves(
    name: str, period: Period, archived: list[Part], until: datetime, economics: Economics
) -> Iterator[Move]:
    for tier, group in groupby(sorted(archived, key=lambda p: p.tier.rank), lambda p: p.tier):
        parts = list(group)
        closed = [part for part in parts if part.restored is None]
        yield Move(
            "",
            Kind.RESTORE,
            name,
            (period,),
            tier,
            tier,
            f"asked for until {until:%Y-%m-%d %H:%M}",
            sum(part.rows for part in parts),
            sum(part.bytes for part in closed),
            len(closed),
            economics.parts(Kind.RESTORE, closed, tier, tier, until),
            until,
        )
