"""Iceberg's types by DuckDB's names, and back."""

from __future__ import annotations

from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from ..model.schema import Column, decimal

_TYPES: dict[str, IcebergType] = {
    "BOOLEAN": BooleanType(),
    "INTEGER": IntegerType(),
    "BIGINT": LongType(),
    "FLOAT": FloatType(),
    "DOUBLE": DoubleType(),
    "VARCHAR": StringType(),
    "BLOB": BinaryType(),
    "DATE": DateType(),
    "TIME": TimeType(),
    "TIMESTAMP": TimestampType(),
    "TIMESTAMP WITH TIME ZONE": TimestamptzType(),
    "UUID": UUIDType(),
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def iceberg_type(column: Column) -> IcebergType:
    """Return the Iceberg type of a column that has its cold type."""
    if digits := decimal(column.type):
        return DecimalType(*digits)
    return _TYPES[column.type]


def type_name(kind: IcebergType) -> str:
    """Return what DuckDB calls an Iceberg type."""
    if isinstance(kind, DecimalType):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _NAMES[kind]
