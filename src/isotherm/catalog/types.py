"""Iceberg's types by DuckDB's names, and back."""

from __future__ import annotations

from pyiceberg.types import IcebergType

from ..model.schema import Column, from_iceberg, iceberg_name


def iceberg_type(column: Column) -> IcebergType:
    """Return the Iceberg type of a column that has its cold type."""
    return IcebergType.model_validate(iceberg_name(column.type))


def type_name(kind: IcebergType) -> str:
    """Return what DuckDB calls an Iceberg type."""
    return from_iceberg(str(kind))
