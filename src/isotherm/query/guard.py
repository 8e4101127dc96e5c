"""Guards: archived ranges that a query may not meet unnoticed.

A guard is a two-row table with the first and the last clock value of an archived range. It stands
in the dataset's view, bounded by the range; every other column is `error(...)`, which has no
statistics, so that only what the query says of the clock can make the optimizer drop it. A guard
that is still among the scans of the plan means: the query may need those rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..engine.duckdb import DuckDBSession
from ..engine.sql import instant, quote
from ..model.dataset import Dataset
from ..model.part import Part
from ..model.period import Period, ranges
from ..model.schema import Column

PREFIX = "isotherm_archived_"


@dataclass(frozen=True, slots=True)
class Guard:
    """One range of archived periods, first and last included."""

    dataset: str
    first: Period
    last: Period
    table: str

    @property
    def span(self) -> str:
        """The range as it is written."""
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


def guards(dataset: Dataset, archived: Sequence[Part]) -> tuple[Guard, ...]:
    """Return one guard for each range of archived periods."""
    periods = {part.period for part in archived}
    return tuple(
        Guard(dataset.name, first, last, f"{PREFIX}{dataset.name}_{number}")
        for number, (first, last) in enumerate(ranges(periods))
    )


def bounds(clock: str, clock_type: str, guard: Guard) -> str:
    """Return the condition that holds in the guard's range."""
    low = instant(guard.first.start, clock_type)
    high = instant(guard.last.end, clock_type)
    return f"{quote(clock)} >= {low} AND {quote(clock)} < {high}"


def table(place: str, clock: str, clock_type: str, guard: Guard) -> str:
    """Return the statement that makes the guard's table."""
    step = timedelta(days=1) if clock_type == "DATE" else timedelta(microseconds=1)
    low = instant(guard.first.start, clock_type)
    high = instant(guard.last.end - step, clock_type)
    name = quote(place, "main", guard.table)
    return f"CREATE TABLE {name} AS SELECT * FROM (VALUES ({low}), ({high})) t({quote(clock)})"


def branch(place: str, clock: str, columns: Sequence[Column], guard: Guard) -> str:
    """Return the guard's branch of the dataset's view."""
    clock_type = next(column.type for column in columns if column.name == clock)
    message = f"partitions {guard.span} of {guard.dataset} are archived"
    others = ", ".join(
        f"error('{message}')::{column.type} AS {quote(column.name)}"
        for column in columns
        if column.name != clock
    )
    picked = quote(clock) + (f", {others}" if others else "")
    where = bounds(clock, clock_type, guard)
    return f"SELECT {picked} FROM {quote(place, 'main', guard.table)} WHERE {where}"


def scans(session: DuckDBSession, sql: str) -> list[dict[str, Any]]:
    """Return the nodes of the optimized plan that scan something."""
    plan = json.loads(session.execute(f"EXPLAIN (FORMAT json) {sql}")[0][1])
    return [node for node in _nodes(plan) if not node.get("children")]


def surviving(nodes: Sequence[dict[str, Any]], all_: Sequence[Guard]) -> tuple[Guard, ...]:
    """Return the guards whose tables are scanned; names of scans are matched, never text."""
    scanned = {
        str(info.get("Table", "")).rsplit(".", 1)[-1].strip('"')
        for node in nodes
        if isinstance(info := node.get("extra_info"), dict)
    }
    return tuple(guard for guard in all_ if guard.table in scanned)


def _nodes(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _nodes(node.get("children") or [])
