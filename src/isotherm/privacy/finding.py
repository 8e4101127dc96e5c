"""Finding somebody's records, wherever they are; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..catalog.iceberg import IcebergCatalog
from ..control import holds, inventory, parts
from ..control.inventory import clock_of, missing_table
from ..engine.matching import belongs_to, check_values, held
from ..engine.sql import quote
from ..model.dataset import Dataset
from ..model.hold import Hold
from ..model.part import Part
from ..model.period import Period
from ..model.person import DataSubject
from ..model.schema import Column, names_now
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction


@dataclass(frozen=True)
class Found:
    """Where records of some people are.

    Attributes:
        hot: Rows in the warehouse by period; None is those that never age.
        cold: Rows in objects that can be read, by part; parts without any are not in it.
        closed: Archived parts, which can be searched only once they are restored.
        quarantine: Rows in quarantine that name one of them.
        kept: Rows that a case keeps, which are not counted above, by where they are.
        holds: The holds that keep them.
        searched: How many objects were looked into.

    """

    hot: Mapping[Period | None, int]
    cold: Mapping[Part, int]
    closed: tuple[Part, ...]
    quarantine: int
    kept: Mapping[str, int]
    holds: tuple[Hold, ...]
    searched: int

    @property
    def rows(self) -> int:
        """All rows that were found and may go."""
        return sum(self.hot.values()) + sum(self.cold.values()) + self.quarantine


def find(
    tx: AttachedTransaction,
    storage: Storage,
    catalog: IcebergCatalog,
    dataset: Dataset,
    subjects: Sequence[DataSubject],
    now: datetime,
) -> Found:
    """Look for people's records in every tier that can be read.

    Raises:
        SchemaError: the table is missing, or has no column that identifies people.
        RequestError: what identifies them cannot stand in its column.
        StorageError: an object is missing or damaged.

    """
    table = tx.columns(dataset.table)
    if not table:
        raise missing_table(dataset, 0)
    types = {column.name: column.type for column in table}
    check_values(tx.session, subjects, types)
    clock_type = clock_of(dataset, table).type
    standing = holds.standing(tx, dataset.name)
    theirs, kept = belongs_to(subjects), held(dataset, clock_type, standing)
    every = parts.of_dataset(tx, dataset.name)
    open_ = [part for part in every if part.readable_at(now)]
    hot, hot_kept = (
        inventory.matching(tx, dataset, clock_type, f"{theirs} AND {which}")
        for which in (f"NOT {kept}", kept)
    )
    cold, cold_kept = _cold(tx, storage, catalog, dataset, open_, theirs, kept)
    left = {"the warehouse": sum(hot_kept.values())} | {
        str(part.period): rows for part, rows in cold_kept.items()
    }
    return Found(
        hot,
        cold,
        tuple(part for part in every if part not in open_),
        quarantined(tx, dataset.name, subjects),
        {where: rows for where, rows in left.items() if rows},
        standing,
        len(open_),
    )


def quarantined(tx: AttachedTransaction, dataset: str, subjects: Iterable[DataSubject]) -> int:
    """Count the rows in quarantine that name one of them."""
    names = sorted({value for subject in subjects for _, value in subject.values})
    rows = tx.execute(
        "SELECT count(*) FROM isotherm.quarantine WHERE dataset = ? AND "
        "list_has_any(regexp_split_to_array(raw, '[^[:alnum:]_@.+-]+'), ?)",
        [dataset, names],
    )
    return int(rows[0][0])


def _cold(
    tx: AttachedTransaction,
    storage: Storage,
    catalog: IcebergCatalog,
    dataset: Dataset,
    parts_: Sequence[Part],
    theirs: str,
    kept: str,
) -> tuple[dict[Part, int], dict[Part, int]]:
    """Count rows by object: those that go, and those that a case keeps.

    The engine reads footers and Bloom filters first, and of the rest what may match.
    """
    if not parts_:
        return {}, {}
    known = catalog.columns(dataset.name)
    names = names_now((column.name for column in known.values()), dataset.renamed)
    wanted = {dataset.clock, *dataset.subject}
    columns = {
        id_: Column(names[column.name], column.type)
        for id_, column in known.items()
        if names[column.name] in wanted
    }
    urls = [storage.url(part.readable_location) for part in parts_]
    files = {_name(url): part for url, part in zip(urls, parts_, strict=True)}
    source = tx.session.parquet(urls, columns)
    absent = sorted(wanted - {column.name for column in columns.values()})
    if absent:
        nothing = ", ".join(f"NULL AS {quote(name)}" for name in absent)
        source = f"(SELECT *, filename, {nothing} FROM {source})"
    rows = tx.session.execute(
        f"SELECT filename, count(*) FILTER (WHERE NOT {kept}), count(*) FILTER (WHERE {kept}) "
        f"FROM {source} WHERE {theirs} GROUP BY filename"
    )
    going = {files[_name(file)]: int(gone) for file, gone, _ in rows if gone}
    staying = {files[_name(file)]: int(left) for file, _, left in rows if left}
    return going, staying


def _name(url: str) -> str:
    """Return the last part of an object's URL: it holds the move's id, and is used once."""
    return url.rpartition("/")[2]
