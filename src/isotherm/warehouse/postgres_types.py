"""Types of PostgreSQL: which the engine reads exactly, and which of their values it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..engine.base import Row
from ..engine.sql import quote

_EXACT = {
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "text": "VARCHAR",
    "character varying": "VARCHAR",
    "character": "VARCHAR",
    "json": "VARCHAR",
    "jsonb": "VARCHAR",
    "bytea": "BLOB",
    "uuid": "UUID",
    "date": "DATE",
    "time without time zone": "TIME",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}
"""The types whose values the engine reads, and writes back, exactly."""

_NAMES = {"DOUBLE": "double precision", "FLOAT": "real", "BLOB": "bytea", "TINYINT": "smallint"}
"""What PostgreSQL calls the types that the engine calls otherwise."""
_MODIFIER = re.compile(r"\([0-9, -]+\)")
_NUMERIC = re.compile(r"numeric\(([0-9]+),(-?[0-9]+)\)")
_FAR = "294000-01-01"
"""Timestamps from this year on wrap around when the engine reads them."""
_BEFORE_ALL = "5000-01-01 (BC)"
"""PostgreSQL has no timestamp before 4713 BC: what is earlier has wrapped, or is infinite."""


def engine_type(postgres: str) -> str:
    """Return the engine's name of a PostgreSQL type; the type's own if no value is sure in it."""
    if numeric := _NUMERIC.fullmatch(postgres):
        precision, scale = (int(number) for number in numeric.groups())
        if precision <= 38 and 0 <= scale <= precision:
            return f"DECIMAL({precision},{scale})"
    return _EXACT.get(_MODIFIER.sub("", postgres), postgres)


def compared_otherwise(postgres: str) -> bool:
    """Say whether PostgreSQL compares the values of a type otherwise than the engine does.

    It ignores blanks at the end of `char(n)`, the writing of `jsonb` and the letters of an enum,
    and does not compare `json` at all; the engine has them all as text.
    """
    return _MODIFIER.sub("", postgres) in ("character", "json", "jsonb", "enum")


def read_as_double(postgres: str) -> bool:
    """Say whether the engine reads a type as DOUBLE that holds more."""
    return postgres.startswith("numeric") and engine_type(postgres) == postgres


def postgres_type(engine: str) -> str:
    """Return what PostgreSQL calls a type of the engine."""
    return _NAMES.get(engine, engine)


@dataclass(frozen=True, slots=True)
class Misread:
    """A value of a column that the engine reads as another one.

    Attributes:
        what: It in words.
        is_it: The condition that it meets on the server.
        looks_like: The condition that the engine's reading of it meets, among others.

    """

    what: str
    is_it: str
    looks_like: str


def misread(types: Iterable[Row]) -> Iterator[Misread]:
    """Yield the values that the engine would read as others.

    Args:
        types: Names of columns and their PostgreSQL types.

    """
    for name, type_ in types:
        column = quote(name)
        if _NUMERIC.fullmatch(type_):
            yield Misread(
                f"{name} is NaN, which the engine reads as 0",
                f"{column} = 'NaN'",
                f"{column} = 0",
            )
        elif type_.startswith("timestamp"):
            yield Misread(
                f"{name} lies beyond the year 294000, which the engine cannot read",
                f"{column} >= '{_FAR}' AND isfinite({column})",
                f"{column} < TIMESTAMP '{_BEFORE_ALL}' OR NOT isfinite({column})",
            )
