"""Run one query over whole datasets, in one read-only transaction: pins, views, plan, answer."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import duckdb

from ..cost.dollars import Size, quote
from ..cost.prices import PriceBook
from ..engine.duckdb import DuckDBSession
from ..engine.sql import instant, text
from ..engine.sql import quote as quoted
from ..model.dataset import Dataset
from ..model.errors import ArchivedError, IsothermError, QueryError, StorageError
from ..model.part import Part
from ..warehouse.duckdb import DuckDBTransaction, DuckDBWarehouse
from . import guard, parse, view
from .guard import Guard
from .result import Result
from .view import Whole

_NUMBERS = itertools.count(1)


class Archived(StrEnum):
    """What happens to a query that may need archived partitions."""

    REFUSE = "refuse"
    SKIP = "skip"


@dataclass(frozen=True)
class Options:
    """How a query is run.

    Attributes:
        readable_at: Restored copies must be readable at this time, UTC.
        timeout: Seconds that the query may take.

    """

    readable_at: datetime
    archived: Archived = Archived.REFUSE
    allow_files: bool = False
    timeout: float = 1_800.0


class Query:
    """One query: opened on a snapshot, planned against the guards, then run.

    Raises from `open`: `QueryError`, `ArchivedError`, `SchemaError`, `StorageError`.
    """

    def __init__(
        self,
        warehouse: DuckDBWarehouse,
        datasets: Mapping[str, Dataset],
        book: PriceBook,
        options: Options,
    ) -> None:
        self.warehouse = warehouse
        self.datasets = datasets
        self.book = book
        self.options = options
        self._cleanup = ExitStack()

    def run(self, sql: str) -> Result:
        """Plan and run `sql`; the result holds the transaction until it is read."""
        try:
            tx = self._cleanup.enter_context(self.warehouse.snapshot())
            session = tx.session
            query = parse.check(session, sql, allow_files=self.options.allow_files)
            query, wholes = self._wholes(tx, query)
            self._place(session, query, wholes, guarded=True)
            met = self._met(session, query, wholes)
            notes = [note for data in wholes for note in _notes(data)]
            if met and self.options.archived is Archived.REFUSE:
                raise self._refusal(met, wholes)
            if met:
                self._place(session, query, wholes, guarded=False)
                notes += [f"left out, archived: {g.dataset} {g.span}" for g in met]
            timer = threading.Timer(self.options.timeout, session.interrupt)
            self._cleanup.callback(timer.cancel)
            timer.daemon = True
            timer.start()
            session.cursor.execute(query)
            return Result(session, tuple(notes), self.close, lambda e: self._named(e, wholes))
        except duckdb.Error as error:
            self.close()
            raise self._named(error, ()) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the transaction and drop the views."""
        self._cleanup.close()

    def _wholes(self, tx: DuckDBTransaction, sql: str) -> tuple[str, list[Whole]]:
        """Return the datasets that the query may speak of, and the query with bare table names."""
        said = sql.casefold()
        views = "".join(sql.casefold() for sql, _, _ in self.warehouse.views())
        found = [
            dataset
            for dataset in self.datasets.values()
            if dataset.name.casefold() in said + views
            or dataset.table.name.casefold() in said + views
        ]
        if any(dataset.table.name.casefold() in said for dataset in found):
            sql = parse.without_catalog(tx.session, sql, self.warehouse.path.stem)
        if any(_is_cold(tx, dataset) for dataset in found):
            self.warehouse.engine.need_iceberg()
        return sql, [view.whole(tx, dataset, self.options.readable_at) for dataset in found]

    def _place(
        self, session: DuckDBSession, sql: str, wholes: Sequence[Whole], *, guarded: bool
    ) -> None:
        """Make a catalog with the views of this query, and have the session look there first."""
        place = f"isotherm_query_{next(_NUMBERS)}"
        side = self.warehouse.engine.session()
        try:
            side.execute(f"ATTACH ':memory:' AS {quoted(place)}")
            self._cleanup.callback(self._detach, place)
            for data in wholes:
                view.create(side, place, data, guarded=guarded)
            schemas = sorted({"main"} | {data.dataset.table.schema for data in wholes})
            if parse.says_now(sql):
                _define_now(side, place)
            self._copy_views(side, place, wholes)
        finally:
            side.close()
        own = self.warehouse.schemas()
        paths = [f"{place}.{schema}" for schema in schemas]
        paths += [f"{self.warehouse.alias}.{schema}" for schema in own]
        # `hot` comes last: its names are asked for with the schema.
        paths.append(f"{place}.hot" if wholes else f"{place}.main")
        session.execute(f"SET search_path = {text(','.join(paths))}")

    def _copy_views(self, side: DuckDBSession, place: str, wholes: Sequence[Whole]) -> None:
        """Define the warehouse's own views over the datasets again, so that they see the whole."""
        tables = [data.dataset.table.name.casefold() for data in wholes]
        own = [
            (schema, name, sql)
            for sql, schema, name in self.warehouse.views()
            if any(table in sql.casefold() for table in tables)
        ]
        paths = [f"{place}.main", *(f"{place}.{d.dataset.table.schema}" for d in wholes)]
        paths += [f"{self.warehouse.alias}.{schema}" for schema in self.warehouse.schemas()]
        if own:
            side.execute(f"SET search_path = {text(','.join(dict.fromkeys(paths)))}")
        waiting = own
        while waiting:  # a view may stand on another one: as long as some succeed, go round again
            failed = [item for item in waiting if not _define_view(side, place, *item)]
            if len(failed) == len(waiting):
                return
            waiting = failed

    def _detach(self, place: str) -> None:
        side = self.warehouse.engine.session()
        try:
            side.execute(f"DETACH DATABASE IF EXISTS {quoted(place)}")
        finally:
            side.close()

    def _met(
        self, session: DuckDBSession, query: str, wholes: Sequence[Whole]
    ) -> tuple[Guard, ...]:
        all_ = [item for data in wholes for item in data.guards]
        return guard.surviving(guard.scans(session, query), all_) if all_ else ()

    def _refusal(self, met: Iterable[Guard], wholes: Sequence[Whole]) -> ArchivedError:
        """Name the partitions, and what restoring them costs and takes."""
        by_name = {data.dataset.name: data for data in wholes}
        lines, partitions = [], []
        for item in met:
            data = by_name[item.dataset]
            inside = [p for p in data.archived if item.first <= p.period <= item.last]
            lines.append(f"  {item.dataset} {item.span}: {_restoring(self.book, inside)}")
            partitions.append((item.dataset, str(item.first), str(item.last)))
        first = partitions[0]
        return ArchivedError(
            "the query may need archived partitions:\n" + "\n".join(lines),
            hint=f"Restore them: isotherm restore {first[0]} {first[1]}..{first[2]} --for 7d\n"
            f"Or bound {by_name[first[0]].dataset.clock} more closely, "
            "or leave them out: --archived skip",
            partitions=partitions,
        )

    def _named(self, error: Exception, wholes: Sequence[Whole]) -> IsothermError:
        """Turn the engine's error into one that says what to do."""
        message = str(error)
        for part in (part for data in wholes for part in data.parts):
            if part.readable_location.key in message:
                return StorageError(
                    f"object {part.readable_location}, {part.period} of {part.dataset}, "
                    f"cannot be read: {message}",
                    hint="Put it back from a backup; its SHA-256 is in isotherm journal.",
                )
        if isinstance(error, duckdb.InterruptException):
            return QueryError(f"the query took longer than {self.options.timeout:g} s")
        if isinstance(error, duckdb.IOException):
            return StorageError(f"the query cannot read what it needs: {message}")
        if isinstance(error, duckdb.CatalogException):
            return QueryError(message.split("\n\nLINE")[0], hint=self._suggestion(message))
        return QueryError(message)

    def _suggestion(self, message: str) -> str:
        match = re.search(r"Table with name (\S+) does not exist", message)
        if not match:
            return ""
        known = ", ".join(self.datasets) or "none"
        return f"Datasets: {known}."


def _is_cold(tx: DuckDBTransaction, dataset: Dataset) -> bool:
    rows = tx.execute("SELECT 1 FROM isotherm.pins WHERE dataset = ? LIMIT 1", [dataset.name])
    return bool(rows)


def _define_now(side: DuckDBSession, place: str) -> None:
    """Let `now()` be a constant TIMESTAMP of UTC: only that is folded on every clock type."""
    now = side.execute("SELECT now()::TIMESTAMP")[0][0]
    for name in ("now", "get_current_timestamp"):
        side.execute(f"CREATE MACRO {quoted(place, 'main', name)}() AS {instant(now, 'TIMESTAMP')}")


def _define_view(side: DuckDBSession, place: str, schema: str, name: str, sql: str) -> bool:
    body = re.split(r"\sAS\s", sql, maxsplit=1, flags=re.I)[1]
    try:
        side.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(place, schema)}")
        side.execute(f"CREATE VIEW {quoted(place, schema, name)} AS {body}")
    except duckdb.Error:
        return False
    return True


def _restoring(book: PriceBook, parts: Sequence[Part]) -> str:
    size = sum(part.bytes for part in parts)
    quotes = [quote(book, part.tier, Size(part.bytes), 7.0) for part in parts]
    hours = max((q.hours[1] for q in quotes), default=0.0)
    dollars = sum(q.dollars for q in quotes)
    rows = sum(part.rows for part in parts)
    return f"{rows:,} rows, {size:,} bytes; restoring for 7 days ${dollars:.4f}, up to {hours:g} h"


def _notes(data: Whole) -> list[str]:
    missing = view.missing_columns(data)
    if not missing:
        return []
    table, names = data.dataset.table, ", ".join(missing)
    return [f"{table} has lost {names}: hot rows have NULL there, cold rows still have values"]
