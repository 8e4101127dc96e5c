"""Carry small partitions that go the same way in one move, and show their refusals together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..cost.dollars import Dollars
from ..model.period import Period, span
from .plan import Cause, Kind, Move, Refusal

BATCH_BYTES = 64 * 2**20
BATCH_PERIODS = 100

_STAGES = {
    Kind.RESTORE: 0,
    Kind.RELOAD: 1,
    Kind.APPEND: 2,
    Kind.UNLOAD: 3,
    Kind.ERASE: 2,
    Kind.CORRECT: 2,
    Kind.EXPIRE: 3,
    Kind.COMPACT: 4,
}


def batched(moves: Iterable[Move], bytes_at_most: int = BATCH_BYTES) -> list[Move]:
    """Join moves that do the same for the same reason.

    A partition's own moves keep their order: what makes readable comes first, then what goes to a
    warmer tier, then late rows, then what goes to a colder one or ends; many small objects become
    one at last.

    Args:
        bytes_at_most: What is read is more than this only where it is one partition's.

    """
    full: list[Move] = []
    open_: dict[object, Move] = {}
    for move in moves:
        key = (
            *(move.kind, move.source, move.target, move.reason, move.until),
            *(move.speed, move.asked, move.by_rule),
        )
        before = open_.get(key)
        if before and _fits(before, move, bytes_at_most):
            open_[key] = _joined(before, move)
            continue
        if before:
            full.append(before)
        open_[key] = move
    return sorted([*full, *open_.values()], key=lambda move: (_stage(move), move.periods[0]))


def apart(move: Move) -> list[Move]:
    """Return a move for each partition of one that carries several.

    What each of them moves and costs is not known any more: they share it evenly.
    """
    many = len(move.periods)
    dollars = Dollars(move.dollars.saved / many, move.dollars.once / many)
    return [
        replace(
            move,
            id=f"{move.id}.{number}",
            periods=(period,),
            rows=move.rows // many,
            bytes=move.bytes // many,
            objects=-(-move.objects // many),
            dollars=dollars,
        )
        for number, period in enumerate(move.periods, start=1)
    ]


def _stage(move: Move) -> int:
    if move.kind is Kind.RETIER:
        return 1 if move.target.rank < move.source.rank else 3
    return _STAGES[move.kind]


def _fits(batch: Move, move: Move, bytes_at_most: int) -> bool:
    return (
        batch.bytes + move.bytes <= bytes_at_most
        and len(batch.periods) + len(move.periods) <= BATCH_PERIODS
    )


def _joined(a: Move, b: Move) -> Move:
    return replace(
        a,
        periods=a.periods + b.periods,
        rows=a.rows + b.rows,
        bytes=a.bytes + b.bytes,
        objects=a.objects + b.objects,
        dollars=a.dollars + b.dollars,
    )


@dataclass(frozen=True, slots=True)
class RefusedTogether:
    """Refusals of one dataset, for one cause, of moves that would go the same way.

    Attributes:
        periods: The partitions that stay.
        example: One of the refusals; the arithmetic of the others is their own.

    """

    cause: Cause
    periods: tuple[Period, ...]
    example: Refusal

    @property
    def span(self) -> str:
        """Its periods, joined where they follow each other."""
        return span(self.periods)


def refused_together(refused: Iterable[Refusal]) -> list[RefusedTogether]:
    """Join refusals for showing them; the first of each kind is the example."""
    groups: dict[object, list[Refusal]] = {}
    for refusal in refused:
        move = refusal.move
        key = (move.dataset, move.kind, move.source, move.target, refusal.cause)
        groups.setdefault(key, []).append(refusal)
    return [
        RefusedTogether(group[0].cause, tuple(p for r in group for p in r.move.periods), group[0])
        for group in groups.values()
    ]
