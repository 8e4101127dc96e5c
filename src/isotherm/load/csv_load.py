"""Load a CSV: the fast way, or the careful way where the fast one fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from . import careful, delimited
from .choice import Chooser
from .damage import DamagedError, reading
from .declared import declared
from .delimited import ENGINE_ENCODINGS, Delimited
from .records import Record
from .salvage import salvage
from .target import Pair, Table, match
from .write import Job, Loaded, write

_HINT = (
    "Is its first line no header? --no-header. Is something else between the fields? --delimiter."
)


def load(job: Job, table: Table, folder: Path) -> Loaded:
    """Load a CSV, see `loader.load_file`."""
    source, options = job.source, job.options
    file = delimited.look(source, options, table, job.dataset.clock)
    pairs, ignored = match(source.name, file.names, table, job.dataset, hint=_HINT)
    with job.warehouse.snapshot() as tx:
        types = declared(tx.session, options.types, file.names)
    chooser = Chooser(source.name, job.dataset, table, options.formats, types)
    if file.encoding in ENGINE_ENCODINGS:
        for limit in (chooser.sample_rows(pairs), None):
            loaded, chooser = _fast(job, file, chooser, pairs, ignored, limit)
            if loaded:
                return loaded

    def watch(count: int) -> None:
        job.meter.at(0.5 * job.meter.share(count))

    def again() -> Iterator[Record]:
        return careful.csv_records(source, file)

    found = careful.separate_csv(source, file, folder / "records.csv", watch)
    return salvage(job, found, chooser, pairs, ignored, again)


def _fast(
    job: Job,
    file: Delimited,
    chooser: Chooser,
    pairs: Sequence[Pair],
    ignored: tuple[str, ...],
    limit: int | None,
) -> tuple[Loaded | None, Chooser]:
    """Choose types by a sample, or by all rows, and load.

    Returns:
        None if that cannot be done, and what the next try has to choose from.

    """
    narrowed = chooser
    try:
        with job.warehouse.snapshot() as tx, reading(job.source.name):
            relation = file.relation(lenient=limit is not None)
            choices = chooser.choose(tx.session, relation, pairs, limit)
        narrowed = chooser.narrowed(choices)
        misleads = limit and not (choices.rows and choices.tells(job.dataset.clock))
        if choices.broken or misleads:
            return None, narrowed
        plan, told = delimited.plan(file, choices.items, chooser.table, chooser.formats, ignored)
        return write(job, plan, told), narrowed
    except DamagedError:
        return None, narrowed
