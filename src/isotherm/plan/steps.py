"""The typed steps of a move: what `explain` prints is what the runner does, from this one list."""

from __future__ import annotations

from enum import Enum

from ..model.tier import HOT
from .plan import Kind, Move


class Step(Enum):
    """One step; its value says what it does."""

    INTENT = "write down that the move begins, and which objects may appear"
    BEGIN = "open one warehouse transaction"
    COPY = "copy the rows to new objects that nobody sees yet"
    LEAVE = (
        "leave the objects where they are: after the grace a tag has the bucket's rule move them"
    )
    VERIFY = "read the copy back: count and content hash must equal the source"
    COUNT = "hash the rows, and find the objects, that will be deleted"
    REGISTER = "add and remove files on an Iceberg branch that starts at the pin"
    FENCE = "make sure that no other writer has changed the rows"
    DELETE = "delete the rows from the warehouse"
    UPDATE = "change the rows in the warehouse"
    INSERT = "put the rows into the warehouse"
    RECORD = "write parts, pin, journal and the intent's end"
    COMMIT = "commit: the cutover, in one instant"
    PUBLISH = "set Iceberg's main to the new pin and remove the branch"
    SEAL = "seal the journal"
    REMOVE = "remove the replaced objects when their grace is over"


_TAIL = (Step.RECORD, Step.COMMIT, Step.PUBLISH, Step.SEAL)
_COPYING = (Step.COPY, Step.VERIFY)
_STEPS: dict[Kind, tuple[Step, ...]] = {
    Kind.UNLOAD: (*_COPYING, Step.REGISTER, Step.FENCE, Step.DELETE),
    Kind.APPEND: (*_COPYING, Step.REGISTER, Step.FENCE, Step.DELETE),
    Kind.RETIER: (*_COPYING, Step.REGISTER),
    Kind.COMPACT: (*_COPYING, Step.REGISTER),
    Kind.RESTORE: (*_COPYING, Step.REGISTER),
    Kind.RELOAD: (Step.VERIFY, Step.INSERT, Step.REGISTER),
    Kind.ERASE: (*_COPYING, Step.REGISTER, Step.FENCE, Step.DELETE),
    Kind.CORRECT: (*_COPYING, Step.REGISTER, Step.UPDATE),
    Kind.EXPIRE: (Step.COUNT, Step.REGISTER, Step.FENCE, Step.DELETE),
}
_OF_OBJECTS = frozenset({Kind.RETIER, Kind.RESTORE, Kind.COMPACT, Kind.ERASE})
"""They copy objects, which never change: no transaction is needed for that. A correction may give
the catalogue a column first, which is one move's at a time."""
_OF_ROWS = frozenset({Kind.UNLOAD, Kind.APPEND})
"""They copy rows: before the transaction that deletes them, in which other writers are found."""
_REMOVING = frozenset(
    {Kind.RETIER, Kind.RELOAD, Kind.ERASE, Kind.CORRECT, Kind.COMPACT, Kind.EXPIRE}
)


def steps_of(move: Move, *, ahead: bool = True) -> tuple[Step, ...]:
    """Return the steps of a move, in their order; see `steps`."""
    hot = move.source == HOT
    return steps(move.kind, by_rule=move.by_rule, hot=hot, ahead=ahead)


def steps(
    kind: Kind, *, by_rule: bool = False, hot: bool = False, ahead: bool = True
) -> tuple[Step, ...]:
    """Return the steps of a move of this kind, in their order.

    Args:
        by_rule: The bucket's lifecycle rules bring objects to their class.
        hot: It begins in the warehouse, where that is not so of all of its kind.
        ahead: Rows are copied before the transaction that deletes them, not in it.

    """
    if by_rule and kind is Kind.RETIER:
        return (Step.INTENT, Step.LEAVE, Step.VERIFY, Step.BEGIN, Step.REGISTER, *_TAIL)
    own = _STEPS[kind]
    is_early = ahead if kind in _OF_ROWS else kind in _OF_OBJECTS and not hot
    early, late = (own[:2], own[2:]) if is_early else ((), own)
    last = (Step.REMOVE,) if kind in _REMOVING else ()
    return (Step.INTENT, *early, Step.BEGIN, *late, *_TAIL, *last)
