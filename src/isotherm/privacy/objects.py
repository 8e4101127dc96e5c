"""Counting somebody's rows in objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..catalog.iceberg import IcebergCatalog
from ..engine.base import Session
from ..engine.failures import DAMAGE, failure
from ..engine.filters import hides_row_numbers
from ..engine.matching import held, kept_as, naming, sought
from ..engine.sql import listed
from ..model.clock import Clock
from ..model.correction import NewValues
from ..model.dataset import Dataset
from ..model.drift import check_known
from ..model.errors import RequestError, StorageError
from ..model.hold import Hold
from ..model.part import Part
from ..model.person import DataSubject
from ..model.schema import Column, names_now
from ..storage.base import Storage
from .narrowing import Rows, may_have


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose rows are looked for, and who keeps some of them.

    Attributes:
        changes: Only rows that do not hold these values.
        names: The columns that tell people apart; see `named_by`.
        table: The columns of the dataset's table.

    """

    subjects: Sequence[DataSubject]
    changes: NewValues
    holds: Sequence[Hold]
    clock: Clock
    names: Sequence[str]
    table: Sequence[Column]


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a dataset, where people are looked for in them."""

    session: Session
    storage: Storage
    catalog: IcebergCatalog
    dataset: Dataset

    def count(
        self, parts_: Sequence[Part], wanted: Wanted, *, by_filters: bool
    ) -> tuple[dict[Part, int], dict[Part, int]]:
        """Count rows by object: those that go, and those that a case keeps.

        The objects' own filters say first where somebody may be; the engine reads those rows, less
        what statistics leave out.

        Raises:
            SchemaError: a column has been renamed or altered since, and nobody has said so.
            StorageError: an object is missing or damaged.

        """
        if not parts_:
            return {}, {}
        session, dataset = self.session, self.dataset
        known = self.catalog.columns(dataset.name)
        names = names_now((column.name for column in known.values()), dataset.renamed)
        needed = dict.fromkeys((dataset.clock, *wanted.names, *(n for n, _ in wanted.changes)))
        check_known(dataset, needed, tuple(known.values()), wanted.table)
        if any(name.lower() == "filename" for name in needed):
            raise RequestError(
                f"a column of {dataset.name} is called filename, by which the engine knows objects",
                hint="Rename the column.",
            )
        columns = {
            id_: Column(names[column.name], column.type)
            for id_, column in known.items()
            if names[column.name] in needed
        }
        files = {_end(self.storage.url(part.readable_location)): part for part in parts_}
        where: Mapping[Rows | None, list[Part]] = {None: list(parts_)}
        as_kept = kept_as(columns.values(), dataset, wanted.table)
        if by_filters and not hides_row_numbers(names.values()):
            # Of a value that is kept as another type, only the engine knows the spellings.
            own = {id_: c for id_, c in columns.items() if c.name not in as_kept.cast}
            with self._blaming(parts_):
                where = may_have(session, self.storage, parts_, wanted.subjects, own)
        if not where:
            return {}, {}
        sources = []
        for stretch, group in where.items():
            urls = [self.storage.url(part.readable_location) for part in group]
            relation = session.parquet(urls, columns)
            source, every = naming(needed, relation, as_kept, stretch)
            sources.append(f"SELECT {listed(every.types)}, filename FROM {source}")
        source = f"({' UNION ALL '.join(sources)})"
        kept = held(dataset, wanted.clock, wanted.holds, every)
        theirs = sought(wanted.subjects, wanted.changes, every)
        with self._blaming(parts_):
            rows = session.execute(
                f"SELECT filename, count(*) FILTER (WHERE NOT {kept}), "
                f"count(*) FILTER (WHERE {kept}) "
                f"FROM {source} WHERE {theirs} GROUP BY filename"
            )
        going = {files[_end(file)]: int(gone) for file, gone, _ in rows if gone}
        staying = {files[_end(file)]: int(left) for file, _, left in rows if left}
        return going, staying

    @contextmanager
    def _blaming(self, parts_: Sequence[Part]) -> Iterator[None]:
        """Name the object that is missing or damaged, where the engine cannot read one."""
        try:
            yield
        except Exception as error:
            if failure(error) in DAMAGE:
                said = str(error)
                for part in sorted(parts_, key=lambda p: p.readable_location.key not in said):
                    self._check(part)
            raise

    def _check(self, part: Part) -> None:
        if self.storage.sha256(part.readable_location) != part.sha256:
            raise StorageError(
                f"object {part.readable_location}, {part.period} of {part.dataset}, is damaged: "
                "nobody can be looked for in it",
                hint=f"Put it back from a backup; its SHA-256 is {part.sha256}.",
            )


def _end(url: str) -> str:
    """Return the end of an object's URL that no other has: dataset, period and the move's id."""
    return "/".join(url.split("/")[-3:])
