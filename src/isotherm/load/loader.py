"""Load a file into a dataset's table: whole or not at all, and once by its content."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import stamina

from ..control import loads
from ..model.dataset import Dataset
from ..model.errors import ConflictError
from ..warehouse.base import Warehouse
from . import csv_load, json_load, parquet_load
from .fingerprint import Fingerprint
from .options import FileFormat, ReadOptions
from .progress import Meter, Observe, Progress
from .source import Source, open_source
from .target import RigidError, Table, look_at
from .write import Job, Loaded, SameContentError

__all__ = ["Loaded", "Observe", "Progress", "load_file"]

ATTEMPTS = 3
_LOADERS: dict[FileFormat, Callable[[Job, Table, Path], Loaded]] = {
    FileFormat.CSV: csv_load.load,
    FileFormat.PARQUET: parquet_load.load,
    FileFormat.JSON: json_load.load,
}


def load_file(
    warehouse: Warehouse,
    dataset: Dataset,
    path: str | Path,
    options: ReadOptions | None = None,
    *,
    now: datetime,
    observe: Observe = lambda progress: None,
    scratch: Path | None = None,
) -> Loaded:
    """Load a file; one whose content was loaded before is skipped.

    Args:
        now: When it is loaded, UTC without zone.
        observe: Told how far the file is, from a thread of its own.
        scratch: A folder for temporary files as large as the file; the system's own if not given.

    Raises:
        LoadError: it cannot be loaded, and nothing of it was.
        SchemaError: its types do not go with those of the table and its cold rows.
        ConflictError: other writers were there first, again and again.

    """
    source = open_source(path, options or ReadOptions())
    meter = Meter(observe, _estimate(source))
    for attempt in stamina.retry_context(on=ConflictError, attempts=ATTEMPTS, timeout=None):
        with attempt, Fingerprint(source) as fingerprint:
            job = Job(warehouse, dataset, source, options or ReadOptions(), now, fingerprint, meter)
            return _once(job, scratch)
    raise AssertionError("unreachable")


def _once(job: Job, scratch: Path | None) -> Loaded:
    """Load the file, or find that its content is loaded already."""
    try:
        table = _begin(job)
        with tempfile.TemporaryDirectory(prefix="isotherm-load-", dir=scratch) as folder:
            load = _LOADERS[job.source.format]
            try:
                return load(job, table, Path(folder))
            except RigidError:
                return load(job, replace(table, rigid=True), Path(folder))
    except SameContentError as same:
        earlier = same.earlier
        job.meter.at(1.0, 0)
        return Loaded(
            job.source.name,
            0,
            job.source.size,
            earlier.sha256,
            skipped=True,
            same_as=earlier.file,
            seconds=job.meter.seconds,
        )


def _begin(job: Job) -> Table:
    """Look at the table, and find a file of the same content if one may have been loaded.

    A file of another size cannot be one of those: then its hash is taken while it is read.
    """
    with job.warehouse.snapshot() as tx:
        table = look_at(tx, job.dataset)
        if job.source.size in loads.sizes(tx, job.dataset.name):
            sha256 = job.fingerprint.sha256()
            if earlier := loads.find(tx, job.dataset.name, sha256):
                raise SameContentError(earlier)
    job.fingerprint.start()
    return table


def _estimate(source: Source) -> int:
    """Guess how many rows a text file has, by its first ones."""
    lines = source.head.count(b"\n")
    if not lines:
        return 1
    factor = 4 if source.gzipped else 1
    return max(1, source.size * factor * lines // len(source.head))
