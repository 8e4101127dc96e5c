"""The inventory: what is where, read from the warehouse and control at one snapshot."""

from __future__ import annotations

from datetime import datetime

from ..engine.sql import bucket, instant, quote
from ..model.clock import INTEGER_TYPES, TIME_TYPES, ZONED, Clock, ClockUnit
from ..model.dataset import Dataset
from ..model.errors import SchemaError
from ..model.part import Ageless, HotPartition, Inventory
from ..model.period import Period, Unit
from ..model.schema import Column
from ..warehouse.base import Transaction
from . import loads, parts

_COUNTED = "bucket BETWEEN DATE '0001-01-01' AND TIMESTAMP '9999-12-31 23:00:00'"
"""The days and hours that a period can be written of."""


def take(tx: Transaction, dataset: Dataset) -> Inventory:
    """Count what is where of a dataset.

    Raises:
        SchemaError: the table or its clock is missing, or the clock's type cannot age.

    """
    cold = parts.of_dataset(tx, dataset.name)
    hot, ageless = counted(tx, dataset, has_cold=bool(cold))
    return Inventory(dataset.name, hot, cold, ageless)


def counted(
    tx: Transaction, dataset: Dataset, *, has_cold: bool
) -> tuple[tuple[HotPartition, ...], tuple[Ageless, ...]]:
    """Count the rows of a dataset that are in the warehouse: by period, and those that never age.

    Args:
        has_cold: Whether it has parts on the store.

    Raises:
        SchemaError: see `take`.

    """
    columns = tx.columns(dataset.table)
    if not columns:
        cold = parts.of_dataset(tx, dataset.name)
        raise missing_table(dataset, len({part.period for part in cold}))
    clock = clock_of(dataset, columns)
    rows = tx.session.execute(_counts(tx, dataset, clock))
    if clock.unit and not has_cold:
        _check_unit(tx, dataset, clock, rows)
    if not rows:
        return (), ()
    total = sum(row[2] for row in rows)
    table_bytes = tx.bytes(dataset.table, total)
    loaded = loads.last_by_period(tx, dataset.name)
    hot = []
    for kind, ordinal, count in rows:
        if kind == "":
            period = Period(dataset.unit, ordinal)
            hot.append(
                HotPartition(period, count, table_bytes * count // total, loaded.get(str(period)))
            )
    return tuple(hot), _ageless(dataset, rows)


def clock_of(dataset: Dataset, columns: tuple[Column, ...]) -> Clock:
    """Return a dataset's clock.

    Raises:
        SchemaError: there is none, its type cannot age, or is not what the config says of it.

    """
    found = [column for column in columns if column.name == dataset.clock]
    if not found:
        names = ", ".join(column.name for column in columns)
        raise SchemaError(
            f"{dataset.table} has no column {dataset.clock!r}, the clock of {dataset.name}",
            hint=f"Its columns are: {names}.",
        )
    clock = Clock(dataset.clock, found[0].type, dataset.clock_unit)
    where = f"[datasets.{dataset.name}] clock_unit"
    if clock.type in INTEGER_TYPES and clock.unit is None:
        units = ", ".join(unit.value for unit in ClockUnit)
        raise SchemaError(
            f"the clock {clock.name} of {dataset.name} is {clock.type}: what does it count?",
            hint=f'Say it in the config: {where} = "seconds" (one of {units}).',
        )
    if clock.unit and clock.type in TIME_TYPES:
        raise SchemaError(
            f"the clock {clock.name} of {dataset.name} is {clock.type}, and counts no {clock.unit}",
            hint=f"Take this line out of the config: {where}",
        )
    if clock.type not in (*TIME_TYPES, *INTEGER_TYPES):
        raise SchemaError(
            f"the clock {clock.name} of {dataset.name} is {clock.type}",
            hint=f"A clock is one of {', '.join((*TIME_TYPES, *INTEGER_TYPES))}.",
        )
    if dataset.unit is Unit.HOUR and not clock.has_hours:
        what = f"counts {clock.unit}" if clock.unit else f"is a {clock.type}"
        raise SchemaError(f"the clock {clock.name} of {dataset.name} {what}: it has no hours")
    return clock


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
    tx: Transaction, dataset: Dataset, clock: Clock, condition: str
) -> dict[Period | None, int]:
    """Count the rows that meet a condition by period; None is those that never age."""
    found: dict[Period | None, int] = {}
    for kind, ordinal, count in tx.session.execute(_counts(tx, dataset, clock, condition)):
        period = Period(dataset.unit, ordinal) if kind == "" else None
        found[period] = found.get(period, 0) + int(count)
    return found


def _counts(tx: Transaction, dataset: Dataset, clock: Clock, condition: str = "TRUE") -> str:
    """Count rows by period; those that never age get a reason instead.

    Rows are counted by day, or hour, first: what periods and bounds cost is paid by so few.
    """
    name = quote(dataset.clock)
    keys, missing = [f"{bucket(clock, dataset.unit)} AS bucket"], "bucket IS NULL"
    if clock.unit or clock.type == ZONED:  # another one may have no bucket, either
        keys.append(f"{name} IS NULL AS missing")
        missing = "missing"
    reasons = [
        f"WHEN {missing} THEN 'null'",
        *(["WHEN bucket IS NULL THEN 'beyond'"] if clock.unit else []),
        "WHEN bucket IS NULL OR NOT isfinite(bucket) THEN 'infinite'",
        f"WHEN NOT ({_COUNTED}) THEN 'beyond'",
    ]
    if dataset.earliest:
        keys.append(f"{name} < {instant(dataset.earliest, clock)} AS early")
        reasons.append("WHEN early THEN 'early'")
    if dataset.latest:
        keys.append(f"{name} >= {instant(dataset.latest, clock)} AS late")
        reasons.append("WHEN late THEN 'late'")
    ordinal = f"datediff('{dataset.unit}', TIMESTAMP '1970-01-01', bucket)"
    return (
        f"SELECT CASE {' '.join(reasons)} ELSE '' END AS kind, "
        f"CASE WHEN {_COUNTED} THEN {ordinal} END AS ordinal, sum(rows)::BIGINT FROM "
        f"(SELECT {', '.join(keys)}, count(*) AS rows FROM {tx.relation(dataset.table)} "
        f"WHERE {condition} GROUP BY ALL) GROUP BY ALL ORDER BY ALL"
    )


_LIKELY = (
    (datetime(1900, 1, 1), datetime(1970, 1, 1)),
    (datetime(1970, 2, 1), datetime(2200, 1, 1)),
)
"""When things happen that people write down; seconds read as milliseconds are all of one month."""


def _check_unit(
    tx: Transaction, dataset: Dataset, clock: Clock, rows: list[tuple[str, int | None, int]]
) -> None:
    """Check that a clock of whole numbers counts what the config says.

    Raises:
        SchemaError: no row is of a likely time; what would be one is suggested.

    """
    aged = {ordinal for kind, ordinal, _ in rows if kind == "" and ordinal is not None}
    likely = any(_is_likely(Period(dataset.unit, ordinal).start) for ordinal in aged)
    kinds = {kind for kind, _, _ in rows}
    if likely or kinds <= {"null", "early", "late"}:
        return
    name = quote(clock.name)
    value = tx.session.execute(
        f"SELECT quantile_disc({name}, 0.5) FROM {tx.relation(dataset.table)}"
    )[0][0]
    fits = [
        unit.value
        for unit in ClockUnit
        if unit is not clock.unit
        and any(unit.number(first) <= value < unit.number(last) for first, last in _LIKELY)
    ]
    if aged and not fits:
        return  # unlikely, but no other unit makes more sense of it
    raise SchemaError(
        f"the clock {clock.name} of {dataset.name} is said to count {clock.unit}, but by that no "
        f"row is of a likely time; {value} is one of its values",
        hint=f"Counted in {' or '.join(fits)} it would be: look at [datasets.{dataset.name}] "
        "clock_unit."
        if fits
        else f"Look at [datasets.{dataset.name}] clock and clock_unit.",
    )


def _is_likely(instant: datetime) -> bool:
    return any(first <= instant < last for first, last in _LIKELY)


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
