"""Columns, and which types survive the trip to Parquet and back.

Types are written as DuckDB writes them. What a column is kept as once it is cold is its cold type:
the same one where Parquet and Iceberg have it, a wider one that holds every value where they do
not, and nothing where values would change (measured on DuckDB 1.5.5: ENUM, BIT, TIMESTAMP_S,
TIMESTAMP_NS, HUGEINT and JSON come back as something else).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import SchemaError
from .names import TableName, identifier

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

    @property
    def foreign(self) -> bool:
        """Whether the engine cannot read its values exactly."""
        return not self.type[:1].isupper()


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
    dataset: str, table: TableName, columns: Iterable[Column], cast: dict[str, str] | None = None
) -> tuple[Column, ...]:
    """Return the columns as they are kept once they are cold.

    Raises:
        SchemaError: a type that does not survive the trip, or two columns of one name; they and
            the way out are named.

    """
    cast, given = cast or {}, tuple(columns)
    _check_names(table, given)
    kept = {
        column.name: None if column.foreign else cold_type(cast.get(column.name, column.type))
        for column in given
    }
    lost = [column for column in given if kept[column.name] is None]
    if lost:
        raise _not_kept(dataset, table, lost)
    return tuple(Column(name, type_) for name, type_ in kept.items() if type_)


def _check_names(table: TableName, columns: Iterable[Column]) -> None:
    """Check that names differ in more than the case of their letters, as the engine wants it."""
    seen: dict[str, str] = {}
    for column in columns:
        other = seen.setdefault(column.name.casefold(), column.name)
        if other != column.name:
            raise SchemaError(
                f"the columns {other} and {column.name} of {table} differ in case alone, "
                "and are one name for other readers",
                hint=f"Rename one: ALTER TABLE {table.sql} "
                f"RENAME COLUMN {identifier(column.name)} TO ...",
            )


def _not_kept(dataset: str, table: TableName, lost: Sequence[Column]) -> SchemaError:
    first, *others = lost
    also = "".join(f"; nor does {column.name} with {column.type}" for column in others)
    if first.foreign:
        hint = (
            f"Give it another, as text: ALTER TABLE {table.sql} "
            f"ALTER COLUMN {identifier(first.name)} TYPE text"
        )
    else:
        nearest = _KEEP_AS.get(first.type, "VARCHAR")
        hint = f'Keep it as another: [datasets.{dataset}.cast] {first.name} = "{nearest}"'
    return SchemaError(
        f"column {first.name} of {table} has type {first.type}, "
        f"which does not survive the trip to Parquet and back{also}",
        hint=hint,
    )
