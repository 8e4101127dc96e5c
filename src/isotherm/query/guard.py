"""The guard: which partitions a query may need, asked of the optimizer before anything runs.

While a query is planned, a stand-in takes the place of the rows of each segment of partitions: a
table of two rows, the first and the last clock value that rows of the segment may have. Every other
column is `error(...)`, which has no statistics. So nothing but what the query says of the clock can
make the optimizer drop a stand-in. One that is still among the scans of the plan means: the query
may need those rows. Scans are known by the names of their tables, never by text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..engine.failures import Failure, failure
from ..engine.session import DuckDBSession
from ..engine.sql import instant, quote
from ..model.names import folded
from ..model.part import Part
from ..model.period import Period
from .columns import mentioned
from .names import Named
from .parse import Node, nodes
from .place import STAND_INS, Places
from .segments import Kind, Search, Segment
from .times import comparison_sides, is_steady, likely
from .whole import Whole, hot_rows

EXPLAIN = "EXPLAIN (FORMAT json) "
_ERROR = "system.main.error('a stand-in was read')"
"""The engine's own: the owner may have a macro of that name."""


@dataclass(frozen=True, slots=True)
class Needed:
    """The parts of a dataset that a query may need."""

    cold: tuple[Part, ...] = ()
    archived: tuple[Part, ...] = ()


class UnprovableError(Exception):
    """The provable spelling of a query cannot be planned; the transaction is of no more use."""


def needed(
    session: DuckDBSession,
    places: Places,
    named: Named,
    wholes: Sequence[Whole],
    *,
    provable: bool = True,
    opened: int = 0,
) -> dict[str, Needed]:
    """Return what a query may need of each dataset.

    Args:
        session: Of the transaction that the query will run in.
        opened: So many files of a dataset are opened rather than asked about.
        provable: Plan its provable spelling; if not, the query as it is.

    Raises:
        UnprovableError: the provable spelling has no meaning, and perhaps the query has none.

    """
    if not any(data.layout.archived for data in wholes) and _whole_anyway(named, wholes, opened):
        return {
            data.dataset.name: Needed(tuple(part for p in data.layout.cold.values() for part in p))
            for data in wholes
        }
    times = likely(places.side, named.nodes) if wholes else ()
    searches = {search: data for data in wholes for search in _searches(data, times)}
    waiting = any(search.questions for search in searches)
    while waiting:
        met = _round(session, places, named, wholes, searches, provable)
        waiting = any([search.answer(met) for search in searches])  # noqa: C419 - all are told
    found = {data.dataset.name: _Found() for data in wholes}
    for search, data in searches.items():
        found[data.dataset.name].add(search, data)
    return {name: Needed(tuple(f.cold), tuple(f.archived)) for name, f in found.items()}


def plan_of(session: DuckDBSession, sql: str) -> list[Mapping[str, Any]]:
    """Return what `EXPLAIN` says of each operator of the optimized plan of a query."""
    plan = json.loads(session.execute(EXPLAIN + sql)[0][1])
    return [info for node in _nodes(plan) if isinstance(info := node.get("extra_info"), dict)]


def _whole_anyway(named: Named, wholes: Sequence[Whole], opened: int) -> bool:
    """Say whether nothing in a query is likely to tell partitions apart that are all readable.

    Where it is wrong, the files that are not needed are still left out by their own statistics,
    once they are opened. So they must not be many.
    """
    files = (sum(map(len, data.layout.cold.values())) for data in wholes)
    if named.views or named.macros or any(many > opened for many in files):
        return False
    clocks = {folded(data.dataset.clock) for data in wholes}

    def tells(side: Node) -> bool:
        return any(_column_of(node) in clocks for node in nodes(side))

    if any(node.get("alias") and _column_of(node) in clocks for node in named.nodes):
        return False  # it may be compared by another name
    return not any(
        tells(side) and any(is_steady(other) for other in sides if other is not side)
        for sides in comparison_sides(named.nodes)
        for side in sides
    )


def _column_of(node: Node) -> str:
    names = node.get("column_names")
    return folded(str(names[-1])) if names else ""


class _Found:
    def __init__(self) -> None:
        self.cold: list[Part] = []
        self.archived: list[Part] = []

    def add(self, search: Search, data: Whole) -> None:
        for ordinal in search.found:
            if search.kind is Kind.COLD:
                self.cold += data.layout.cold[ordinal]
            else:
                self.archived += data.layout.archived[ordinal]


def _searches(data: Whole, times: Sequence[datetime]) -> Iterator[Search]:
    periods = {Period.of(moment, data.dataset.unit).ordinal for moment in times}
    for kind, parts in ((Kind.COLD, data.layout.cold), (Kind.ARCHIVED, data.layout.archived)):
        yield Search(data.dataset.name, kind, tuple(parts), periods)


def _round(
    session: DuckDBSession,
    places: Places,
    named: Named,
    wholes: Sequence[Whole],
    searches: Mapping[Search, Whole],
    provable: bool,
) -> set[Segment]:
    """Plan the query with a stand-in for each segment, and return those that are scanned."""
    catalog = places.empty()
    words = mentioned(named) if provable else None
    tables: dict[str, Segment] = {}
    rows: dict[str, str] = {}
    statements = [f"CREATE SCHEMA {quote(catalog, STAND_INS)}"]
    for data in wholes:
        asked = [s for search, own in searches.items() if own is data for s in search.questions]
        made = {f"s{len(tables) + number}": segment for number, segment in enumerate(asked)}
        statements += [_stand_in(catalog, name, s, data) for name, s in made.items()]
        rows[data.dataset.name] = _rows(catalog, data, made, words)
        tables.update(made)
    places.run(statements)
    places.furnish(catalog, rows, wholes, provable=provable)
    try:
        plan = plan_of(session, named.provable if provable else named.text)
    except Exception as error:
        if provable and failure(error) not in (None, Failure.STOPPED):
            raise UnprovableError from error
        raise
    scanned = {info.get("Table") for info in plan}
    return {s for name, s in tables.items() if f"{catalog}.{STAND_INS}.{name}" in scanned}


def _stand_in(catalog: str, name: str, segment: Segment, data: Whole) -> str:
    """Return the statement that makes a segment's table."""
    unit, clock = data.dataset.unit, data.clock
    low = instant(Period(unit, segment.ordinals[0]).start, clock)
    high = instant(clock.last_before(Period(unit, segment.ordinals[-1]).end), clock)
    if clock.unit:  # a month may begin before the first number that the type has
        low, high = (str(clock.clamped(int(end))) for end in (low, high))
    table = quote(catalog, STAND_INS, name)
    values = f"(VALUES ({low}), ({high})) t(clock)"
    return f"CREATE TABLE {table} AS SELECT clock::{clock.type} AS clock FROM {values}"


def _rows(catalog: str, data: Whole, made: Iterable[str], words: frozenset[str] | None) -> str:
    """Return the SQL of a dataset's rows while the query is planned.

    Every branch has the same columns, in a projection of its own: DuckDB does not push every filter
    through one that it puts in between.

    Args:
        words: Other columns than these need not be there; None is all.

    """
    clock = data.dataset.clock
    columns = tuple(
        column
        for column in data.columns
        if column.name == clock or words is None or folded(column.name) in words
    )
    picked = ", ".join(
        f"clock AS {quote(clock)}"
        if column.name == clock
        else f"CAST({_ERROR} AS {column.type}) AS {quote(column.name)}"
        for column in columns
    )
    branches = [
        # The limit keeps filters out of the scan, where DuckDB would join several of them to one
        # of which it proves nothing.
        f"SELECT {picked} FROM (FROM {quote(catalog, STAND_INS, name)} LIMIT 100%)"
        for name in made
    ]
    return " UNION ALL ".join([hot_rows(data, columns), *branches])


def _nodes(plan: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    waiting = list(plan)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.get("children") or [])
