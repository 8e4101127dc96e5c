"""The one transaction of a load: rows, control and the journal, all of a file or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..control import journal, loads
from ..control.inventory import clock_of
from ..control.loads import Load
from ..engine.failures import DAMAGE, Failure, failure
from ..engine.sql import bucket, listed
from ..model.dataset import Dataset
from ..model.errors import ConflictError, LoadError
from ..model.period import Period
from ..model.schema import Column
from ..warehouse.base import Transaction, Warehouse
from .damage import damaged
from .fingerprint import Fingerprint
from .options import ReadOptions
from .progress import Meter
from .source import Source
from .target import Plan, Widening, look_at, prepare


@dataclass(frozen=True)
class Loaded:
    """What became of a file.

    Attributes:
        skipped: Its content was loaded before, and nothing was done.
        same_as: The name that its content was loaded under, if it is skipped.
        sha256: Of the file's bytes, hexadecimal.
        bytes: Its size.
        periods: How many rows it brought to each period.
        added: Columns that were born with it; all of them if the table was.
        ignored: Its columns that the config calls dropped.

    """

    file: str
    rows: int
    bytes: int
    sha256: str
    quarantined: int = 0
    skipped: bool = False
    same_as: str = ""
    periods: Mapping[Period, int] | None = None
    added: tuple[Column, ...] = ()
    widened: tuple[Widening, ...] = ()
    ignored: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return it as the JSON contract writes it."""
        return {
            "file": self.file,
            "rows": self.rows,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "quarantined": self.quarantined,
            "skipped": self.skipped,
            "same_as": self.same_as,
            "periods": {str(period): rows for period, rows in (self.periods or {}).items()},
            "added": {column.name: column.type for column in self.added},
            "widened": {item.column: [item.old, item.new] for item in self.widened},
            "ignored": list(self.ignored),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Job:
    """A file on its way into a dataset's table."""

    warehouse: Warehouse
    dataset: Dataset
    source: Source
    options: ReadOptions
    now: datetime
    fingerprint: Fingerprint
    meter: Meter


class SameContentError(Exception):
    """The file's content was loaded before; the transaction is rolled back."""

    def __init__(self, earlier: Load) -> None:
        super().__init__(earlier.file)
        self.earlier = earlier


def write(
    job: Job,
    plan: Plan,
    relation: str,
    broken: Iterable[tuple[int, str, str | None]] = (),
    *,
    careful: bool = False,
) -> Loaded:
    """Insert the rows of a relation, and write down that the file is loaded.

    Args:
        broken: The rows for quarantine: line, reason and raw text.
        careful: What is read is not the file but a copy in order; the file is half done with it.

    Raises:
        SameContentError: the file's content was loaded before.
        DamagedError: the file cannot be read.
        LoadError: it was changed meanwhile, or a rule of the table forbids its rows.
        ConflictError: somebody else has altered the table meanwhile.

    """
    with job.warehouse.transaction() as tx:
        if look_at(tx, job.dataset) != plan.basis:
            raise ConflictError(f"{job.dataset.table} was altered by another writer")
        prepare(tx, job.dataset, plan)
        inserted = tx.inserted(job.dataset.table, job.dataset.clock)
        there = None if inserted else _periods(tx, job.dataset)
        rows = _insert(tx, job, plan, relation, careful)
        periods = _brought(tx, job.dataset, inserted, there or {}) if rows else {}
        sha256 = job.fingerprint.sha256()
        job.source.check_unchanged()
        if earlier := loads.find(tx, job.dataset.name, sha256):
            raise SameContentError(earlier)
        file = str(job.source.path)
        quarantined = loads.quarantine(tx, job.dataset.name, file, broken, job.now)
        load = Load(job.dataset.name, sha256, file, job.source.size, rows, quarantined, job.now)
        loads.record(tx, load, periods)
        journal.write(tx, job.now, job.dataset.name, "", "loaded", **_account(load, plan))
    job.meter.at(1.0, rows)
    return _loaded(job, load, plan, periods)


def _loaded(job: Job, load: Load, plan: Plan, periods: Mapping[Period, int]) -> Loaded:
    return Loaded(
        job.source.name,
        load.rows,
        load.bytes,
        load.sha256,
        load.quarantined,
        periods=periods,
        added=plan.added,
        widened=plan.widened,
        ignored=plan.ignored,
        seconds=job.meter.seconds,
    )


def _insert(tx: Transaction, job: Job, plan: Plan, relation: str, careful: bool) -> int:
    if not plan.fields:
        return 0
    columns = listed(field.column for field in plan.fields)
    insert = f"INSERT INTO {tx.relation(job.dataset.table)} ({columns}) {plan.select(relation)}"
    try:
        with job.meter.watching(tx.session, 0.5 if careful else 0.0):
            return int(tx.session.execute(insert)[0][0])
    except Exception as error:
        match failure(error):
            case Failure.CONFLICT:
                raise ConflictError(f"{job.dataset.table} is in use: {error}") from error
            case Failure.CONSTRAINT:
                raise LoadError(
                    f"{job.source.name} has a row that {job.dataset.table} does not take: {error}",
                    hint="Nothing of the file was loaded.",
                ) from error
            case found if found in DAMAGE and not careful:
                raise damaged(job.source.name, error) from error
            case _:
                raise


def _brought(
    tx: Transaction, dataset: Dataset, inserted: str | None, there: Mapping[Period, int]
) -> dict[Period, int]:
    """Count the rows that this transaction has inserted.

    Args:
        inserted: A relation of them, if they can be told apart.
        there: The rows before, if they cannot.

    """
    if inserted:
        return _periods(tx, dataset, inserted)
    now = _periods(tx, dataset)
    return {p: n - there.get(p, 0) for p, n in now.items() if n > there.get(p, 0)}


def _periods(tx: Transaction, dataset: Dataset, relation: str = "") -> dict[Period, int]:
    """Count the rows of a relation, the whole table by default, by period without ageless ones."""
    clock = clock_of(dataset, tx.columns(dataset.table))
    rows = tx.session.execute(
        f"SELECT datediff('{dataset.unit}', TIMESTAMP '1970-01-01', bucket), sum(rows)::BIGINT "
        f"FROM (SELECT {bucket(clock, dataset.unit)} AS bucket, count(*) AS rows "
        f"FROM {relation or tx.relation(dataset.table)} GROUP BY ALL) "
        "WHERE bucket BETWEEN DATE '0001-01-01' AND TIMESTAMP '9999-12-31 23:00:00' "
        "GROUP BY ALL ORDER BY ALL"
    )
    return {Period(dataset.unit, ordinal): count for ordinal, count in rows}


def _account(load: Load, plan: Plan) -> dict[str, object]:
    """Return what the journal keeps of a load."""
    return {
        "file": load.file,
        "sha256": load.sha256,
        "bytes": load.bytes,
        "rows": load.rows,
        "quarantined": load.quarantined,
        "added": _named(plan.added),
        "widened": [f"{item.column} {item.old} to {item.new}" for item in plan.widened],
    }


def _named(columns: Sequence[Column]) -> list[str]:
    return [f"{column.name} {column.type}" for column in columns]
