"""Quoting, for SQL that is put together; values are bound wherever the engine allows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from ..model.clock import ZONED, Clock
from ..model.dataset import Dataset
from ..model.period import Period, Unit

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quote(*names: str) -> str:
    """Quote an identifier, or several as one qualified name."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def plainly(name: str) -> str:
    """Write an identifier as a person would: quoted where SQL asks for it."""
    return name if _PLAIN.fullmatch(name) else quote(name)


def text(value: str) -> str:
    """Write a string literal."""
    return "'" + value.replace("'", "''") + "'"


def listed(names: Iterable[str]) -> str:
    """Quote identifiers, separated by commas."""
    return ", ".join(quote(name) for name in names)


def instant(value: datetime, clock: Clock) -> str:
    """Write the first value of a clock that is not before an instant, UTC without zone."""
    if clock.unit:
        return str(clock.unit.number(value))
    if clock.type == "DATE":
        return f"DATE '{value.date().isoformat()}'"
    if clock.type == "TIMESTAMP":
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    return f"TIMESTAMPTZ '{value.isoformat(' ')}+00'"


def bucket(clock: Clock, unit: Unit) -> str:
    """Return the UTC day, or hour, of a clock; an infinite clock has an infinite one, or none.

    A whole number that stands for no time of the years 1 to 9999 has none, either.
    """
    name = quote(clock.name)
    if clock.unit:
        first, last = (clock.unit.number(end) for end in (datetime.min, datetime.max))
        micros = f"({name}::BIGINT - {clock.unit.zero}) * {clock.unit.microseconds}"
        inside = f"{name} BETWEEN {first} AND {last - 1}"
        name = f"(CASE WHEN {inside} THEN make_timestamp({micros}) END)"
    elif clock.type == ZONED:
        name = f"make_timestamp(epoch_us({name}))"  # ten times as fast as a cast
    return f"date_trunc('hour', {name})" if unit is Unit.HOUR else f"{name}::DATE"


def within(dataset: Dataset, clock: Clock, first: Period, last: Period | None = None) -> str:
    """Return the condition that holds for the ageing rows of `first` to `last`, and for no other.

    Rows outside the dataset's `earliest` and `latest` bounds never age.
    """
    low, high = first.start, (last or first).end
    if dataset.earliest:
        low = max(low, dataset.earliest)
    if dataset.latest:
        high = min(high, dataset.latest)
    name = quote(dataset.clock)
    return f"{name} >= {instant(low, clock)} AND {name} < {instant(high, clock)}"
