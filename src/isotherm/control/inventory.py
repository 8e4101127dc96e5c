"""The inventory: what is where, read from the warehouse and control at one snapshot."""

from __future__ import annotations

from ..engine.sql import instant, quote
from ..model.dataset import Dataset
from ..model.errors import SchemaError
from ..model.part import Ageless, HotPartition, Inventory
from ..model.period import Period, Unit
from ..model.schema import CLOCK_TYPES, Column
from ..warehouse.base import Transaction
from . import loads, parts, pins

_COUNTED = "bucket BETWEEN DATE '0001-01-01' AND TIMESTAMP '9999-12-31 23:00:00'"
"""The days and hours that a period can be written of."""

ZONED = "TIMESTAMP WITH TIME ZONE"


def take(tx: Transaction, dataset: Dataset) -> Inventory:
    """Count what is where of a dataset.

    Raises:
        SchemaError: the table or its clock is missing, or the clock's type cannot age.

    """
    columns = tx.columns(dataset.table)
    cold = parts.of_dataset(tx, dataset.name)
    if not columns:
        raise missing_table(dataset, len({part.period for part in cold}))
    clock_type = clock_of(dataset, columns).type
    rows = tx.session.execute(_counts(tx, dataset, clock_type))
    total = sum(row[2] for row in rows)
    table_bytes = tx.bytes(dataset.table, total) if total else 0
    loaded = loads.last_by_period(tx, dataset.name)
    hot = []
    for kind, ordinal, count in rows:
        if kind == "":
            period = Period(dataset.unit, ordinal)
            hot.append(
                HotPartition(period, count, table_bytes * count // total, loaded.get(str(period)))
            )
    pin = pins.latest(tx, dataset.name)
    return Inventory(
        dataset.name, tuple(hot), cold, _ageless(dataset, rows), pin.version if pin else 0
    )


def clock_of(dataset: Dataset, columns: tuple[Column, ...]) -> Column:
    """Return the clock's column.

    Raises:
        SchemaError: there is none, or its type cannot age.

    """
    found = [column for column in columns if column.name == dataset.clock]
    if not found:
        names = ", ".join(column.name for column in columns)
        raise SchemaError(
            f"{dataset.table} has no column {dataset.clock!r}, the clock of {dataset.name}",
            hint=f"Its columns are: {names}.",
        )
    if found[0].type not in CLOCK_TYPES:
        raise SchemaError(
            f"the clock {dataset.clock} of {dataset.name} is {found[0].type}",
            hint=f"A clock is one of {', '.join(CLOCK_TYPES)}.",
        )
    if found[0].type == "DATE" and dataset.unit is Unit.HOUR:
        raise SchemaError(f"the clock {dataset.clock} of {dataset.name} is a DATE: it has no hours")
    return found[0]


def missing_table(dataset: Dataset, cold_partitions: int) -> SchemaError:
    """Say that the dataset's table is not there, and what of it still is."""
    kept = (
        f"Its {cold_partitions} cold partitions are untouched. Create the table again with the "
        "same columns, and they are part of it."
        if cold_partitions
        else "Create it, or load files into it: isotherm load " + dataset.name + " FILES..."
    )
    return SchemaError(f"table {dataset.table} of {dataset.name} does not exist", hint=kept)


def matching(
    tx: Transaction, dataset: Dataset, clock_type: str, condition: str
) -> dict[Period | None, int]:
    """Count the rows that meet a condition by period; None is those that never age."""
    found: dict[Period | None, int] = {}
    for kind, ordinal, count in tx.session.execute(_counts(tx, dataset, clock_type, condition)):
        period = Period(dataset.unit, ordinal) if kind == "" else None
        found[period] = found.get(period, 0) + int(count)
    return found


def _counts(tx: Transaction, dataset: Dataset, clock_type: str, condition: str = "TRUE") -> str:
    """Count rows by period; those that never age get a reason instead.

    Rows are counted by day, or hour, first: what periods and bounds cost is paid by so few.
    """
    clock = quote(dataset.clock)
    keys, missing = [f"{_bucket(dataset, clock_type)} AS bucket"], "bucket IS NULL"
    if clock_type == ZONED:  # there an infinite clock has no bucket, either
        keys.append(f"{clock} IS NULL AS missing")
        missing = "missing"
    reasons = [
        f"WHEN {missing} THEN 'null'",
        "WHEN bucket IS NULL OR NOT isfinite(bucket) THEN 'infinite'",
        f"WHEN NOT ({_COUNTED}) THEN 'beyond'",
    ]
    if dataset.earliest:
        keys.append(f"{clock} < {instant(dataset.earliest, clock_type)} AS early")
        reasons.append("WHEN early THEN 'early'")
    if dataset.latest:
        keys.append(f"{clock} >= {instant(dataset.latest, clock_type)} AS late")
        reasons.append("WHEN late THEN 'late'")
    ordinal = f"datediff('{dataset.unit}', TIMESTAMP '1970-01-01', bucket)"
    return (
        f"SELECT CASE {' '.join(reasons)} ELSE '' END AS kind, "
        f"CASE WHEN {_COUNTED} THEN {ordinal} END AS ordinal, sum(rows)::BIGINT FROM "
        f"(SELECT {', '.join(keys)}, count(*) AS rows FROM {tx.relation(dataset.table)} "
        f"WHERE {condition} GROUP BY ALL) GROUP BY ALL ORDER BY ALL"
    )


def _bucket(dataset: Dataset, clock_type: str) -> str:
    """Return the UTC day, or hour, of the clock; an infinite clock has an infinite one, or none."""
    clock = quote(dataset.clock)
    if clock_type == ZONED:
        clock = f"make_timestamp(epoch_us({clock}))"  # ten times as fast as a cast
    return f"date_trunc('hour', {clock})" if dataset.unit is Unit.HOUR else f"{clock}::DATE"


def _ageless(dataset: Dataset, rows: list[tuple[str, int | None, int]]) -> tuple[Ageless, ...]:
    words = {
        "null": f"{dataset.clock} is NULL",
        "infinite": f"{dataset.clock} is infinite",
        "beyond": f"{dataset.clock} lies outside the years 1 to 9999",
        "early": f"before earliest = {_day(dataset.earliest)}",
        "late": f"not before latest = {_day(dataset.latest)}",
    }
    found = []
    for kind, reason in words.items():
        counts = [(ordinal, count) for k, ordinal, count in rows if k == kind]
        if counts:
            periods = tuple(Period(dataset.unit, o) for o, _ in counts if o is not None)
            found.append(Ageless(reason, sum(count for _, count in counts), periods))
    return tuple(found)


def _day(bound: object) -> str:
    """Write a bound as the config does: a day where it is one."""
    return str(bound).removesuffix(" 00:00:00")
