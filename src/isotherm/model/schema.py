"""Columns, and which types survive the trip to Parquet and back.

Types are written as DuckDB writes them. What a column is kept as once it is cold is its cold type:
the same one where Parquet and Iceberg have it, a wider one that holds every value where they do
not, and nothing where values would change (measured on DuckDB 1.5.5: ENUM, BIT, TIMESTAMP_S,
TIMESTAMP_NS, HUGEINT and JSON come back as something else).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import SchemaError

_ICEBERG = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
}
"""What Iceberg calls each type that survives as it is; decimals beside."""
_FROM_ICEBERG = {iceberg: name for name, iceberg in _ICEBERG.items()}
_WIDER = {
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
}
_DECIMAL = re.compile(r"DECIMAL\(([0-9]+),\s*([0-9]+)\)")
_KEEP_AS = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
}
"""What to suggest for a type that does not survive; text where there is nothing nearer."""

CLOCK_TYPES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE")
"""The types that a clock may have."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the warehouse's table, or of the Iceberg table.

    Attributes:
        type: As DuckDB writes it. One that does not begin with a capital is a type of the
            warehouse alone, whose values the engine cannot read exactly, whatever they were kept
            as.

    """

    name: str
    type: str


def cold_type(type_: str) -> str | None:
    """Return the type that a column is kept as once it is cold; None if none holds its values."""
    if type_ in _ICEBERG:
        return type_
    if found := decimal(type_):
        precision, scale = found
        return type_ if scale <= precision <= 38 else None
    return _WIDER.get(type_)


def decimal(type_: str) -> tuple[int, int] | None:
    """Return precision and scale of a decimal type."""
    match = _DECIMAL.fullmatch(type_)
    return (int(match.group(1)), int(match.group(2))) if match else None


def iceberg_name(type_: str) -> str:
    """Return what Iceberg calls a cold type."""
    return type_.lower() if decimal(type_) else _ICEBERG[type_]


def from_iceberg(name: str) -> str:
    """Return the cold type that Iceberg calls so."""
    return name.upper().replace(" ", "") if name.startswith("decimal") else _FROM_ICEBERG[name]


def widens(old: str, new: str) -> bool:
    """Say whether Iceberg can widen a cold column from `old` to `new` without rewriting it."""
    if (old, new) in {("INTEGER", "BIGINT"), ("FLOAT", "DOUBLE")}:
        return True
    before, after = decimal(old), decimal(new)
    return bool(before and after and before[1] == after[1] and before[0] <= after[0])


def names_now(names: Iterable[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """Return what each cold column is called now.

    A rename that the cold columns have followed already is over: since then another column may
    have taken the old name.

    Args:
        renamed: Columns that the table's owner has renamed: new name by old name.

    """
    known = set(names)
    moving = {old: new for old, new in renamed.items() if old in known}
    over = {old for old, new in moving.items() if new in known and new not in moving}
    return {name: name if name in over else moving.get(name, name) for name in known}


def cold_columns(
    dataset: str, table: str, columns: Iterable[Column], cast: dict[str, str] | None = None
) -> tuple[Column, ...]:
    """Return the columns as they are kept once they are cold.

    Raises:
        SchemaError: a type that does not survive the trip; the column and the way out are named.

    """
    cast = cast or {}
    found = []
    for column in columns:
        foreign = not column.type[:1].isupper()
        kept = None if foreign else cold_type(cast.get(column.name, column.type))
        if foreign:
            raise SchemaError(
                f"column {column.name} of {table} has type {column.type}, "
                "which does not survive the trip to Parquet and back",
                hint=f"Give it another, as text: ALTER TABLE {table} "
                f"ALTER COLUMN {column.name} TYPE text",
            )
        if kept is None:
            nearest = _KEEP_AS.get(column.type, "VARCHAR")
            raise SchemaError(
                f"column {column.name} of {table} has type {column.type}, "
                "which does not survive the trip to Parquet and back",
                hint=f'Keep it as another: [datasets.{dataset}.cast] {column.name} = "{nearest}"',
            )
        found.append(Column(column.name, kept))
    return tuple(found)
