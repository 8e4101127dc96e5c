"""Generate taxi trips: eighteen months with the columns and the dirt of New York's yellow cabs.

Every value is computed from the row's number, so the same call writes the same files. The dirt:
pickups outside the file's month and one in 2008, negative fares, passenger counts that are missing
from 2019-03 on, a column that is born in 2019, two files with CRLF lines, and the last months as
Parquet with narrower types.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..engine.duckdb import DuckDBEngine
from ..engine.sql import text
from ..model.period import Period, between

MONTHS: tuple[Period, ...] = between("2018-01..2019-06")
AS_OF = Period.parse("2019-07")
"""The month after the last one: as of it the usual policy fills every tier."""

BORN = Period.parse("2019-01")
"""From this file on there is a column congestion_surcharge."""
UNCOUNTED = Period.parse("2019-03")
"""From this month on some passenger counts are missing."""
CRLF = frozenset(between("2019-01..2019-02"))
PARQUET = frozenset(between("2019-04..2019-06"))
ASTRAY = {Period.parse(m): n for m, n in (("2018-11", 3), ("2018-12", 2), ("2019-03", 1))}
"""How many rows of a file belong to the month before."""
ANCIENT = Period.parse("2019-05")
"""One row of this file says that it was picked up in 2008."""

_SEASON = (0.95, 0.92, 1.06, 1.04, 1.05, 1.01, 0.93, 0.92, 0.97, 1.05, 1.03, 1.02)
# How many of a hundred trips begin in each hour of the day.
_HOURS = (3, 2, 2, 1, 1, 1, 2, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7, 6, 6, 5, 5, 4)
_PLACES = (237, 236, 161, 162, 186, 170, 230, 48, 142, 234, 163, 239, 79, 68, 141, 132, 138, 107)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one file.

    Attributes:
        month: The month that most of them are picked up in.
        first: The number of the first row; no two batches share a number.
        rows: How many there are.
        astray: How many of them belong to the month before.
        ancient: How many of them say 2008.

    """

    month: Period
    first: int
    rows: int
    astray: int = 0
    ancient: int = 0


def write_trips(
    folder: Path, rows: int, done: Callable[[Path, int], None] = lambda _file, _rows: None
) -> list[Path]:
    """Write one file a month and return the files.

    Args:
        rows: How many rows there are in all, about.
        done: Called after each file with the rows that it has.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with _Writer() as writer, ThreadPoolExecutor() as threads:

        def write(number: int, month: Period) -> Path:
            share = _SEASON[month.start.month - 1] / len(MONTHS)
            first, astray = number * 1_000_000_000, ASTRAY.get(month, 0)
            batch = Batch(month, first, int(rows * share), astray, int(month == ANCIENT))
            suffix = "parquet" if month in PARQUET else "csv"
            file = folder / f"yellow_tripdata_{month}.{suffix}"
            writer.write([batch], file)
            done(file, batch.rows)
            return file

        return list(threads.map(write, range(len(MONTHS)), MONTHS))


def write_late(file: Path, counts: dict[Period, int]) -> None:
    """Write one CSV of trips that arrive months after their time.

    Args:
        counts: How many rows by their month.

    """
    file.parent.mkdir(parents=True, exist_ok=True)
    batches = [
        Batch(month, (100 + number) * 1_000_000_000, rows)
        for number, (month, rows) in enumerate(counts.items())
    ]
    with _Writer() as writer:
        writer.write(batches, file)


class _Writer:
    """Writes batches with an engine of its own."""

    def __init__(self) -> None:
        self._engine = DuckDBEngine()
        # The same rows in the same order, however many threads there are.
        self._run("SET preserve_insertion_order = true")

    def _run(self, sql: str) -> None:
        session = self._engine.session()
        try:
            session.execute(sql)
        finally:
            session.close()

    def write(self, batches: list[Batch], file: Path) -> None:
        """Write the rows of some batches to one file."""
        last = batches[-1].month
        born = last >= BORN
        rows = " UNION ALL ".join(f"({select(batch)})" for batch in batches)
        columns = "*" if born else "* EXCLUDE (congestion_surcharge)"
        if last in PARQUET:
            narrow = ", ".join(f"{c}::INTEGER AS {c}" for c in ("vendor_id", "payment_type"))
            columns, how = f"* REPLACE ({narrow})", "FORMAT parquet, COMPRESSION snappy"
        else:
            how = "FORMAT csv, HEADER"
        target = text(str(file))
        self._run(f"COPY (SELECT {columns} FROM ({rows})) TO {target} ({how})")
        if last in CRLF and file.suffix == ".csv":
            lines = file.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n")
            file.write_bytes(lines + b"\n")

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self._engine.close()


def select(batch: Batch) -> str:
    """Return the query of a batch's rows."""
    return f"""
    SELECT vendor_id, pickup_datetime,
        pickup_datetime + to_seconds((minutes * 60)::BIGINT) AS dropoff_datetime,
        CASE WHEN {_at(batch.month, UNCOUNTED)} AND {_part(9)} < 0.005 THEN NULL
             ELSE ([1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6])[1 + {_pick(10, 13)}] END
            AS passenger_count,
        trip_distance, rate_code_id,
        CASE WHEN {_part(11)} < 0.004 THEN 'Y' ELSE 'N' END AS store_and_fwd_flag,
        CASE WHEN rate_code_id = 2 THEN 132 ELSE {_place(12)} END AS pickup_location_id,
        {_place(14)} AS dropoff_location_id, payment_type,
        sign * fare AS fare_amount, sign * extra AS extra, sign * 5e-1 AS mta_tax,
        tip AS tip_amount, tolls AS tolls_amount, sign * 3e-1 AS improvement_surcharge,
        round(sign * (fare + extra + 8e-1 + coalesce(congestion, 0)) + tip + tolls, 2)
            AS total_amount,
        sign * congestion AS congestion_surcharge
    FROM ({_priced(batch)})"""


def _priced(batch: Batch) -> str:
    """Put the dollars on the rides; one in two thousand is a refund."""
    # 5e-1 is a DOUBLE, 0.5 would be a DECIMAL.
    hour, day = "hour(pickup_datetime)", "isodow(pickup_datetime)"
    born = f"CASE WHEN {_part(16)} < 0.93 THEN 2.5e0 ELSE 0e0 END"
    if batch.month < BORN:
        born = "NULL::DOUBLE"
    elif batch.month == BORN:
        born = f"CASE WHEN {_part(17)} < 0.06 THEN {born} END"
    return f"""
    SELECT *,
        CASE WHEN payment_type IN (3, 4) AND {_part(15)} < 0.05 THEN -1e0 ELSE 1e0 END AS sign,
        CASE WHEN rate_code_id = 2 THEN 52e0
             ELSE round((2.5 + 2.0 * trip_distance + 0.35 * minutes) * 2) / 2 END AS fare,
        CASE WHEN {hour} >= 20 OR {hour} < 6 THEN 5e-1
             WHEN {hour} >= 16 AND {day} < 6 THEN 1e0 ELSE 0e0 END AS extra,
        CASE WHEN payment_type = 1 THEN round(fare * (0.12 + 0.16 * {_part(18)}), 2)
             ELSE 0e0 END AS tip,
        CASE WHEN trip_distance > 9 AND {_part(19)} < 0.5 THEN 576e-2 ELSE 0e0 END AS tolls,
        {born} AS congestion
    FROM ({_rides(batch)})"""


def _rides(batch: Batch) -> str:
    """Say when and how far each ride goes: most are short, a few go to the airport."""
    start, last = batch.month.start, batch.first + batch.rows
    days = (batch.month.end - start).days
    hours = [hour for hour, share in enumerate(_HOURS) for _ in range(share)]
    return f"""
    SELECT i, 1 + ({_part(1)} < 0.6)::INTEGER AS vendor_id,
        CASE WHEN i < {batch.first + batch.ancient}
             THEN TIMESTAMP '2008-12-31 23:04:11'
             WHEN i < {batch.first + batch.ancient + batch.astray}
             THEN TIMESTAMP '{start}' - to_seconds(1 + {_pick(2, 3_000)})
             ELSE TIMESTAMP '{start}' + to_days({_pick(3, days)}::INTEGER)
                + to_hours(({hours})[1 + {_pick(4, len(hours))}])
                + to_seconds({_pick(5, 3_600)}) END AS pickup_datetime,
        round(CASE WHEN {_part(21)} < 0.03 THEN 15 + 6 * {_part(6)}
            ELSE least(14, 0.2 + exp(0.55 + 0.8 * sqrt(-2 * ln({_part(6)} + 1e-12))
                * cos(2 * pi() * {_part(7)}))) END, 2) AS trip_distance,
        round(2 + trip_distance * (3.2 + 3.5 * {_part(8)}), 1) AS minutes,
        CASE WHEN trip_distance > 14 AND {_part(20)} < 0.7 THEN 2 ELSE 1 END AS rate_code_id,
        CASE WHEN {_part(13)} < 0.71 THEN 1 WHEN {_part(13)} < 0.99 THEN 2
             WHEN {_part(13)} < 0.996 THEN 3 ELSE 4 END AS payment_type
    FROM range({batch.first}, {last}) t(i)"""


def _part(salt: int) -> str:
    """Return SQL for a number from 0 to 1 that the row's number and `salt` decide."""
    return f"({_hash(salt)} >> 11) / 9007199254740992::DOUBLE"


def _pick(salt: int, count: int) -> str:
    """Return SQL for a whole number from 0 to below `count`."""
    return f"({_hash(salt)} % {count})::BIGINT"


def _place(salt: int) -> str:
    """Return SQL for a taxi zone: mostly the busy ones of Manhattan and the airports."""
    busy = f"({list(_PLACES)})[1 + {_pick(salt, len(_PLACES))}]"
    return f"CASE WHEN {_part(salt + 20)} < 0.7 THEN {busy} ELSE 1 + {_pick(salt + 40, 263)} END"


def _hash(salt: int) -> str:
    # hash(i, salt) would not do: DuckDB xors the two, and all salts would tell the same.
    return f"hash(i * 100 + {salt})"


def _at(month: Period, since: Period) -> str:
    return "true" if month >= since else "false"
