"""Quoting, for SQL that is put together, and values in their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from ..model.clock import ZONED, Clock
from ..model.dataset import Dataset
from ..model.period import Period, Unit

_PLACES = re.compile(r"""'[^']*'|"[^"]*"|\?|[$]\d""")
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


def with_values(sql: str, values: Sequence[object]) -> str | None:
    """Write values where a statement has `?` for them; None if they have to be bound.

    A value that is bound makes DuckDB look for pandas, 0.1 ms each time where there is none.
    """
    if any(isinstance(value, str | list) and len(value) > LONG for value in values):
        return None
    literals = [_literal(value) for value in values]
    if None in literals:
        return None
    places = [place for place in _PLACES.finditer(sql) if place[0][0] not in "'\""]
    if len(places) != len(values) or any(place[0] != "?" for place in places):
        return None
    pieces, done = [], 0
    for place, literal in zip(places, literals, strict=True):
        pieces += [sql[done : place.start()], str(literal)]
        done = place.end()
    return "".join([*pieces, sql[done:]])


def _literal(value: object) -> str | None:
    """Write a value whose literal is the same as the value bound; None for any other."""
    if value is None:
        return "NULL"
    if type(value) is bool:
        return "TRUE" if value else "FALSE"
    if type(value) is int and abs(value) < 2**63:
        return None if value == -(2**31) else f"({value})"  # that is a larger type's, written
    if isinstance(value, str) and "\0" not in value:
        return text(value)
    if type(value) is datetime and value.tzinfo is None and datetime.min < value < _LAST:
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    if type(value) is list and value:
        items = [_literal(item) for item in value]
        return None if None in items else f"[{', '.join(str(item) for item in items)}]"
    return None


LONG = 10_000
"""What has more characters, or items, is bound: to parse it takes longer."""
_LAST = datetime(9999, 12, 31)
"""DuckDB takes Python's last days for infinity."""


def row_hash(columns: Iterable[str]) -> str:
    """Return the expression of a row's hash, 64 bits.

    Args:
        columns: The expressions that make up the row.

    """
    row = ", ".join(f"c{number} := {column}" for number, column in enumerate(columns))
    return f"system.main.hash(system.main.struct_pack({row}))"


def listed(names: Iterable[str]) -> str:
    """Quote identifiers, separated by commas."""
    return ", ".join(quote(name) for name in names)


def unused_name(names: Iterable[str]) -> str:
    """Return a name that is none of these, in whatever case."""
    return max(names, key=len) + "_"


def opaque(name: str) -> str:
    """Write a column, by its quoted name, so that no filter of it is handed down to what is read.

    Nor does what a file says of itself leave out any of its rows.
    """
    return f"CASE WHEN {name} IS NOT NULL THEN {name} END"


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
