"""Load a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..engine.base import Session
from ..engine.sql import quote, text
from ..model.errors import IsothermError, LoadError, StorageError
from . import mixed
from .choice import Chooser
from .damage import DamagedError, reading
from .declared import declared
from .target import Pair, Table, match
from .typed import described
from .write import Job, Loaded, write


def load(job: Job, table: Table, folder: Path) -> Loaded:
    """Load a Parquet file, see `loader.load_file`."""
    relation = f"read_parquet({text(job.source.pattern)}, hive_partitioning = false)"
    try:
        with job.warehouse.snapshot() as tx, reading(job.source.name):
            types = _types(tx.session, relation, job.source.pattern)
            pairs, ignored = match(job.source.name, tuple(types), table, job.dataset)
            said = declared(tx.session, job.options.types, tuple(types))
            chooser = Chooser(job.source.name, job.dataset, table, job.options.formats, said)
            texts = frozenset(p.source for p in pairs if _is_text(p, types, chooser))
            plan = mixed.plan(tx.session, relation, chooser, pairs, types, texts, ignored)
            job.meter.expect(_rows(tx.session, relation))
        return write(job, plan, relation)
    except DamagedError as error:
        raise _located(job, relation, error) from error


def _types(session: Session, relation: str, pattern: str) -> dict[str, str | None]:
    """Return the columns' types; None for a column of nulls, which DuckDB takes for an INTEGER."""
    untyped = session.execute(
        f"SELECT name FROM parquet_schema({text(pattern)}) WHERE logical_type LIKE 'NullType%'"
    )
    nulls = {row[0] for row in untyped}
    return {
        name: None if name in nulls and type_ == "INTEGER" else type_
        for name, type_ in described(session, relation).items()
    }


def _is_text(pair: Pair, types: Mapping[str, str | None], chooser: Chooser) -> bool:
    """Say whether a column of texts goes into a column of another type."""
    if types[pair.source] != "VARCHAR":
        return False
    if pair.column:
        return pair.column.type != "VARCHAR"
    return pair.name == chooser.dataset.clock or pair.source.lower() in chooser.types


def _rows(session: Session, relation: str) -> int:
    return int(session.execute(f"SELECT count(*) FROM {relation}")[0][0])


def _located(job: Job, relation: str, error: DamagedError) -> IsothermError:
    """Name the column that cannot be read."""
    hint = "Nothing of the file was loaded. Is it whole? Fetch it again."
    try:
        with job.warehouse.snapshot() as tx, reading(job.source.name):
            names = tuple(described(tx.session, relation))
    except DamagedError:
        return LoadError(error.message, hint=hint)
    for name in names:
        if not _is_readable(job, relation, name):
            return LoadError(f"column {name} of {error.message}", hint=hint)
    return StorageError(f"{job.source.name} cannot be loaded: {error.message}", hint=error.hint)


def _is_readable(job: Job, relation: str, column: str) -> bool:
    try:
        with job.warehouse.snapshot() as tx, reading(job.source.name):
            tx.session.execute(f"SELECT count(hash({quote(column)})) FROM {relation}")
    except DamagedError:
        return False
    return True
