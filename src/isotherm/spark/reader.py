"""Run a query on Spark, over the rows of one snapshot of the lake.

Isotherm chooses the rows: the objects by the list that control has of them, the hot rows by a
Parquet copy that is made in the transaction which has read that list. So Spark sees each row once,
whatever moves meanwhile; reading the warehouse beside it, by JDBC, it might see one twice, or not.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ..cost.prices import PriceBook
from ..engine.session import DuckDBSession
from ..engine.sql import quote, text
from ..model.dataset import Dataset
from ..model.errors import IsothermError, QueryError, StorageError
from ..model.names import TableName, folded
from ..model.part import QUERIES, Location
from ..model.schema import Column, cold_type
from ..query.columns import mentioned
from ..query.failing import Context
from ..query.names import Named
from ..query.owned import Owned
from ..query.parse import Statement, one_query
from ..query.plain import HOT
from ..query.reader import Planned, Reader
from ..query.whole import Whole, hot_rows
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction, AttachedWarehouse
from .connect import SparkConnect, connected, translated
from .dialect import Place, check, given_names, quoted, spoken, tables
from .rows import by_layout, checked, picked, spark_type
from .trust import opaque

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ANSWER = "isotherm_answer"


class SparkReader(Reader):
    """Reads whole datasets on a Spark Connect server.

    Attributes:
        url: Of the server, `sc://host:port`.
        asks: Whether DuckDB is asked what a query may need; if not, it is everything.

    """

    def __init__(
        self,
        url: str,
        warehouse: AttachedWarehouse,
        storage: Storage,
        datasets: Mapping[str, Dataset],
        book: PriceBook,
    ) -> None:
        super().__init__(warehouse, storage, datasets, book)
        self.url = url
        self.asks = True

    def check(self, tx: AttachedTransaction, named: Named) -> None:
        """Check that a query names nothing that Spark cannot read; see `dialect.check`."""
        if named.views or named.macros:
            raise QueryError(
                "a view or a macro of the warehouse was refused: Spark does not know it",
                hint="Write its query in place of it.",
            )
        check(one_query(tx.session, named.text))

    def asked(self, tx: AttachedTransaction, named: Named) -> Named | None:
        """Return a query without what Spark might see otherwise; see `trust.opaque`."""
        if not self.asks:
            return None
        statement = one_query(tx.session, named.text)
        text = opaque(statement, lambda name: name in self._scalars)
        if text is None:
            return None
        if text == statement.text:
            return named
        again = self.named(tx, one_query(tx.session, text), allow_files=False)
        return replace(named, text=again.text, provable=again.provable, nodes=again.nodes)

    @cached_property
    def _scalars(self) -> frozenset[str]:
        """The functions of DuckDB that are of one value for each row alone, in lower case."""
        session = self.warehouse.engine.session()
        try:
            rows = session.execute(
                "SELECT lower(function_name) FROM duckdb_functions() GROUP BY ALL "
                "HAVING bool_and(function_type = 'scalar')"
            )
        finally:
            session.close()
        return frozenset(row[0] for row in rows)

    def answer(self, plan: Planned, context: Context, cleanup: ExitStack) -> DuckDBSession:
        """Run a query on Spark, and return a session that has the rows of its answer."""
        end = time.monotonic() + context.timeout
        try:
            with connected(self.url) as spark, ExitStack() as copies:
                sql = _Rows(self, plan, spark, copies, end).furnished()
                answer = spark.run(sql, max(0.0, end - time.monotonic()))
        except Exception as error:
            raise translated(error, self.url, context.timeout) from error
        session = self.warehouse.engine.session()
        cleanup.callback(session.close)
        columns = [f"c{number}" for number in range(answer.num_columns)]
        session.cursor.register(ANSWER, answer.rename_columns(columns))
        picked = ", ".join(
            f"{column} AS {quote(name)}"
            for column, name in zip(columns, answer.column_names, strict=True)
        )
        session.cursor.execute(f"SELECT {picked} FROM {ANSWER}")
        return session


class _Rows:
    """Gives the tables of one query their rows on Spark.

    Args:
        end: When the query's time is over, as `time.monotonic` counts.

    """

    def __init__(
        self,
        reader: SparkReader,
        plan: Planned,
        spark: SparkConnect,
        copies: ExitStack,
        end: float,
    ) -> None:
        self._reader = reader
        self._plan = plan
        self._spark = spark
        self._copies = copies
        self._end = end
        self._words = mentioned(plan.named)
        self._recorded: list[tuple[DataFrame, int]] = []
        """What Spark reads, with how many rows it has to find there."""

    def furnished(self) -> str:
        """Make a view of each table, and return the query over them.

        Raises:
            StorageError: Spark does not see all rows.

        """
        tx, warehouse = self._plan.tx, self._reader.warehouse
        owned = Owned(tx, warehouse.name, warehouse.default_schema)
        statement = one_query(tx.session, self._plan.named.text)
        self._check_given(statement, owned)
        views: dict[Place, str] = {}
        mark = uuid.uuid4().hex[:12]  # so that no query can name them
        for _, place in tables(statement, owned):
            if place not in views:
                views[place] = f"isotherm_{mark}_{len(views)}"
                self._spark.view(views[place], self._frames(owned, *place))
        self._check_rows()
        return spoken(statement, owned, views, owned.now)

    def _check_given(self, statement: Statement, owned: Owned) -> None:
        """Check that no name of a WITH is a table's: Spark might take the other one for it."""
        known = {folded(data.dataset.name) for data in self._plan.wholes}
        for name in sorted(given_names(statement)):
            if name in known or owned.has_table(name):
                raise QueryError(
                    f"WITH {name} has the name of a table",
                    hint="Give it another one: Spark may not see which of them is meant.",
                )

    def _check_rows(self) -> None:
        """Have Spark count what it reads: a file that it does not see may be left out silently."""
        wanted = [rows for _, rows in self._recorded]
        left = max(0.0, self._end - time.monotonic())
        found = self._spark.counts([frame for frame, _ in self._recorded], left)
        if found != wanted:
            raise StorageError(
                f"Spark sees {sum(found):,} rows of {sum(wanted):,} in the lake's objects",
                hint="Does it reach every tier's folder, or the bucket? isotherm audit says "
                "whether all objects are there.",
            )

    def _frames(self, owned: Owned, schema: str, name: str) -> list[DataFrame]:
        """Return the rows that a name means, as DuckDB would find them."""
        by_name = {folded(data.dataset.name): data for data in self._plan.wholes}
        schemas = {folded(own): own for own in owned.schemas}
        if name in by_name and schema == HOT and HOT not in schemas:
            return self._hot(by_name[name])
        if name in by_name and not schema:
            return self._whole(by_name[name])
        for own in [schemas[schema]] if schema in schemas else [] if schema else owned.schemas:
            for data in self._plan.wholes:
                table = data.dataset.table
                if (folded(table.schema), folded(table.name)) == (folded(own), name):
                    return self._whole(data)
            for other_schema, other in owned.tables:
                if other_schema == own and folded(other) == name:
                    return self._other(TableName(own, other))
        raise QueryError(f"there is no table {f'{schema}.' if schema else ''}{name}")

    def _whole(self, data: Whole) -> list[DataFrame]:
        return [*self._hot(data), *self._cold(data)]

    def _hot(self, data: Whole) -> list[DataFrame]:
        columns = self._asked(data.columns)
        return self._copied(data.dataset.name, columns, hot_rows(data, columns))

    def _other(self, table: TableName) -> list[DataFrame]:
        """Return the rows of a table of the warehouse that is no dataset."""
        columns = self._asked(self._plan.tx.columns(table))
        source = f"SELECT * FROM {self._plan.tx.relation(table)}"
        return self._copied(str(table), columns, source)

    def _cold(self, data: Whole) -> Iterator[DataFrame]:
        parts = self._plan.needed[data.dataset.name].cold
        if not parts:
            return
        data.check_lost()
        types = checked(data.dataset.name, self._asked(data.columns))
        ids = {field.name: field.id for field in data.fields}
        rows = {self._reader.storage.url(part.readable_location): part.rows for part in parts}
        urls = list(rows)
        objects = self._reader.memory.object_columns(self._plan.tx.session, urls)
        for layout, group in by_layout(urls, objects).items():
            frame = self._read(group, sum(rows[url] for url in group))
            yield frame.selectExpr(*picked(layout, ids, types))

    def _copied(self, what: str, columns: Sequence[Column], source: str) -> list[DataFrame]:
        """Return rows of the warehouse by way of a copy, which is removed after the query."""
        types = checked(what, columns)
        selected = ", ".join(
            f"CAST({quote(column.name)} AS {cold_type(column.type)}) AS {quote(column.name)}"
            for column in columns
        )
        storage = self._reader.storage
        location = Location(
            QUERIES, f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex}.parquet"
        )
        staged = storage.stage(location)
        self._copies.callback(_removed, storage, location)
        written = self._plan.tx.session.execute(
            f"COPY (SELECT {selected} FROM ({source})) TO {text(staged)} "
            "(FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false)"
        )
        storage.publish(location)
        own = [f"CAST({quoted(c)} AS {type_}) AS {quoted(c)}" for c, type_ in types.items()]
        return [self._read([storage.url(location)], written[0][0]).selectExpr(*own)]

    def _read(self, urls: Sequence[str], rows: int) -> DataFrame:
        frame = self._spark.parquet(urls)
        self._recorded.append((frame, rows))
        return frame

    def _asked(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the columns that the query may name; one, where it names none."""
        words = self._words
        found = tuple(c for c in columns if words is None or folded(c.name) in words)
        return found or tuple(c for c in columns if spark_type(c))[:1] or tuple(columns[:1])


def _removed(storage: Storage, location: Location) -> None:
    """Remove a copy; one that cannot be removed now is removed by a later apply."""
    with suppress(IsothermError):
        storage.remove(location)
