"""Iceberg's types by DuckDB's names, and back; and how a table is partitioned by its clock."""

from __future__ import annotations

from collections.abc import Sequence

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.transforms import DayTransform, HourTransform, MonthTransform
from pyiceberg.types import IcebergType, IntegerType, LongType, NestedField

from ..model.period import Unit
from ..model.schema import Column, from_iceberg, iceberg_name

CLOCK_PARTITION_ID = 1000
_TRANSFORMS = {Unit.MONTH: MonthTransform, Unit.DAY: DayTransform, Unit.HOUR: HourTransform}


def iceberg_type(column: Column) -> IcebergType:
    """Return the Iceberg type of a column that has its cold type."""
    return IcebergType.model_validate(iceberg_name(column.type))


def type_name(kind: IcebergType) -> str:
    """Return what DuckDB calls an Iceberg type."""
    return from_iceberg(str(kind))


def clock_spec(fields: Sequence[NestedField], clock: str, unit: Unit) -> PartitionSpec:
    """Return how a table is partitioned: by its clock, where Iceberg can."""
    names = {field.name for field in fields}
    (clock_id, type_) = next((f.field_id, f.field_type) for f in fields if f.name == clock)
    if isinstance(type_, IntegerType | LongType):  # Iceberg has no months of those
        return UNPARTITIONED_PARTITION_SPEC
    # Not the clock's own name: DuckDB's reader ends the process on one with a blank or a quote.
    name = f"clock_{unit}"
    while name in names:
        name += "_"
    return PartitionSpec(PartitionField(clock_id, CLOCK_PARTITION_ID, _TRANSFORMS[unit](), name))
