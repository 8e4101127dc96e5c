"""Quoting, for SQL that is put together; values are bound wherever the engine allows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from ..model.dataset import Dataset
from ..model.period import Period

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


def instant(value: datetime, clock_type: str) -> str:
    """Write a literal of the clock's type; `value` is UTC without zone."""
    if clock_type == "DATE":
        return f"DATE '{value.date().isoformat()}'"
    if clock_type == "TIMESTAMP":
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    return f"TIMESTAMPTZ '{value.isoformat(' ')}+00'"


def within(dataset: Dataset, clock_type: str, first: Period, last: Period | None = None) -> str:
    """Return the condition that holds for the ageing rows of `first` to `last`, and for no other.

    Rows outside the dataset's `earliest` and `latest` bounds never age.
    """
    low, high = first.start, (last or first).end
    if dataset.earliest:
        low = max(low, dataset.earliest)
    if dataset.latest:
        high = min(high, dataset.latest)
    clock = quote(dataset.clock)
    return f"{clock} >= {instant(low, clock_type)} AND {clock} < {instant(high, clock_type)}"
