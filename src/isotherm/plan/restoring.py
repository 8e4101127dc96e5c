"""Plan a restore that somebody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from ..cost.dollars import Quote
from ..cost.prices import PriceBook
from ..model.errors import RequestError
from ..model.part import Part, Partition
from ..model.period import Period, Unit
from ..model.request import RequestKind
from .batches import batched
from .economics import Economics
from .fetching import restore_move
from .plan import Move, Plan, terms_of
from .planner import MINUTE, Subject, basis_of


def make_restore_plan(
    subject: Subject,
    periods: Sequence[Period],
    until: datetime,
    now: datetime,
    book: PriceBook,
    speed: str = "Standard",
) -> Plan:
    """Plan to make archived partitions readable until a time (UTC).

    What is readable already is not fetched again; it only stays readable for longer.

    Args:
        speed: `Bulk`, `Standard` or `Expedited`.

    Raises:
        RequestError: a period has no archived part, its class does not know the speed, the time is
            over already, or the dataset is paused.

    """
    dataset, inventory = subject.dataset, subject.inventory
    check_not_paused(subject)
    if until <= now:
        raise RequestError(f"a restore until {until:%Y-%m-%d %H:%M} would be over at once")
    economics = Economics(book, subject.sizes, now)
    moves: list[Move] = []
    for period in sorted(set(periods)):
        parts = _archived(subject, period, inventory.partitions.get(period))
        for part in parts:
            _check_speed(book, part, speed)
        moves += _moves(subject, period, parts, until, economics, speed)
    if dataset.unit is not Unit.MONTH:
        moves = batched(moves)
    numbered = tuple(replace(move, id=str(n)) for n, move in enumerate(moves, start=1))
    basis = {dataset.name: basis_of(inventory, numbered)}
    return Plan(now, now, numbered, (), basis, {dataset.name: terms_of(dataset)})


def check_not_paused(subject: Subject) -> None:
    """Check that moves of a dataset are wanted.

    Raises:
        RequestError: it is paused.

    """
    name = subject.dataset.name
    if subject.paused:
        raise RequestError(f"{name} is paused", hint=f"Go on with: isotherm resume {name}")


def quote_of(plan: Plan, book: PriceBook) -> Quote:
    """Return what a restore plan costs in all, and how long it takes."""
    ways = {move.source.name for move in plan.moves if move.objects}
    speed = plan.moves[0].speed
    hours = [book.classes[name].restore[speed].hours for name in ways]
    return Quote(
        speed,
        sum(move.dollars.once for move in plan.moves),
        max(hours, key=lambda span: span[1], default=(0.0, 0.0)),
    )


def _check_speed(book: PriceBook, part: Part, speed: str) -> None:
    ways = book.classes[part.tier.name].restore
    if speed not in ways:
        raise RequestError(
            f"{part.period} lies in {part.tier}, which knows no {speed} retrieval",
            hint=f"It has: {', '.join(ways)}.",
        )


def _archived(subject: Subject, period: Period, partition: Partition | None) -> list[Part]:
    name, unit = subject.dataset.name, subject.dataset.unit
    if period.unit is not unit:
        raise RequestError(f"{name} ages by the {unit}, and {period} is a {period.unit}")
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
    subject: Subject,
    period: Period,
    archived: list[Part],
    until: datetime,
    economics: Economics,
    speed: str,
) -> Iterator[Move]:
    fetching = subject.standing(RequestKind.FETCH, period, economics.now)
    reason = f"asked for until {until:{MINUTE}}"
    for _, group in groupby(sorted(archived, key=lambda p: p.tier.rank), lambda p: p.tier):
        yield restore_move(
            list(group), until, speed, reason, economics, asked=True, fetching=fetching
        )
