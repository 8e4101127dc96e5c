"""The refusal of a query that may need archived partitions: which, for how much, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..cost.amounts import money
from ..cost.amounts import size as amount
from ..cost.dollars import quote, size_of
from ..cost.prices import PriceBook
from ..engine.sql import instant, plainly, text
from ..model.errors import ArchivedError
from ..model.names import folded
from ..model.part import Part
from ..model.period import ranges
from ..model.tier import Tier
from .guard import Needed
from .parse import Node, nodes
from .provable import UNWRAPPED
from .times import comparison_sides, is_steady
from .whole import Whole

DAYS = 7.0
"""For how long the restore that is offered lasts."""

_PROVABLE = frozenset({"coalesce", "date_part", "date_trunc", "year"})


def refusal(
    book: PriceBook, query: Sequence[Node], wholes: Sequence[Whole], needed: Mapping[str, Needed]
) -> ArchivedError:
    """Name the partitions, what restoring them costs and takes, and the spelling that would work.

    Args:
        query: The nodes of its tree.

    """
    lines, found, restores, spellings = [], [], [], []
    for data in wholes:
        name, parts = data.dataset.name, needed[data.dataset.name].archived
        for first, last in ranges({part.period for part in parts}):
            inside = [part for part in parts if first <= part.period <= last]
            span = str(first) if first == last else f"{first}..{last}"
            lines.append(f"  {name} {span}: {_restoring(book, inside)}")
            found.append((name, str(first), str(last)))
            restores.append(f"isotherm restore {name} {span} --for {DAYS:g}d")
        if parts:
            spellings.append(spelling(query, data, max(part.period for part in parts).end))
    return ArchivedError(
        "the query may need archived partitions:\n" + "\n".join(lines),
        hint="Restore them: "
        + "\n              ".join(restores)
        + "\n"
        + "\n".join(dict.fromkeys(spellings))
        + "\nOr leave them out: --archived skip",
        partitions=found,
    )


def spelling(query: Sequence[Node], data: Whole, after: datetime) -> str:
    """Say how to write the query so that less of a dataset may be needed.

    Args:
        after: The end of the last archived period that the query may need.

    """
    clock = data.dataset.clock
    first = instant(after, data.clock) if data.clock.unit else text(f"{after:%Y-%m-%d}")
    bound = f"{plainly(clock)} >= {first}"
    for sides in comparison_sides(query):
        for place, side in enumerate(sides):
            others = [*sides[:place], *sides[place + 1 :]]
            if _is(side, clock) and any(other.get("class") == "SUBQUERY" for other in others):
                return f"What a subquery yields is not known before: compare {clock} with a value"
            if wrapper := _wrapper(side, others, clock):
                return (
                    f"Nothing can be proved of {wrapper} before the query runs: write "
                    f"{bound}, for one"
                )
    return f"Or bound {clock} more closely: WHERE {bound}"


def _restoring(book: PriceBook, parts: Sequence[Part]) -> str:
    """Write what the parts are, and what restoring them costs and takes."""
    tiers: dict[Tier, list[Part]] = {}
    for part in parts:
        tiers.setdefault(part.tier, []).append(part)
    quotes = [quote(book, tier, size_of(group), DAYS) for tier, group in tiers.items()]
    hours = max((item.hours[1] for item in quotes), default=0.0)
    rows, bytes_ = sum(part.rows for part in parts), sum(part.bytes for part in parts)
    return (
        f"{rows:,} rows, {amount(bytes_)} in {', '.join(sorted(str(tier) for tier in tiers))}; "
        f"restoring for {DAYS:g} days {money(sum(q.dollars for q in quotes))}, up to {hours:g} h"
    )


def _wrapper(side: Node, others: Sequence[Node], clock: str) -> str:
    """Return what the clock is wrapped in where nothing can be proved of it; else nothing."""
    if _is(side, clock) or not any(_is(node, clock) for node in nodes(side)):
        return ""
    constant = all(is_steady(other) for other in others)
    if side.get("class") == "CAST" and _is(side["child"], clock):
        type_ = str(side["cast_type"]["id"])
        return "" if type_ in UNWRAPPED and constant else f"{clock}::{type_}"
    if side.get("class") != "FUNCTION":
        return ""
    name = str(side["function_name"])
    if side["is_operator"]:
        return f"{clock} {name} ..."
    return "" if name in _PROVABLE and constant else f"{name}({clock})"


def _is(node: Node, column: str) -> bool:
    """Say whether a node is a column of this name."""
    names = node.get("column_names") if node.get("type") == "COLUMN_REF" else None
    return bool(names) and folded(str(names[-1])) == folded(column)  # type: ignore[index]
