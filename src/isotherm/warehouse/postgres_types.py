"""Types of PostgreSQL: which the engine reads exactly, and which of their values it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable

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


def misread(types: Iterable[Row]) -> dict[str, str]:
    """Return the conditions of values that the engine would read as others, by what they are.

    Args:
        types: Names of columns and their PostgreSQL types.

    """
    tests = {}
    for name, type_ in types:
        column = quote(name)
        if _NUMERIC.fullmatch(type_):
            tests[f"{name} is NaN, which the engine reads as 0"] = f"{column} = 'NaN'"
        elif type_.startswith("timestamp"):
            far = f"{column} >= '{_FAR}' AND isfinite({column})"
            tests[f"{name} lies beyond the year 294000, which the engine cannot read"] = far
    return tests
