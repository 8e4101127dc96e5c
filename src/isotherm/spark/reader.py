"""Run a query on Spark, over the rows of one snapshot of the lake.

Isotherm chooses the rows: the objects by the list that control has of them, the hot rows by a
Parquet copy that is made in the transaction which has read that list. So Spark sees each row once,
whatever moves meanwhile; reading the warehouse beside it, by JDBC, it might see one twice, or not.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from ..cost.prices import PriceBook
from ..engine.duckdb import DuckDBSession
from ..engine.sql import quote, text
from ..model.dataset import Dataset
from ..model.errors import QueryError
from ..model.names import TableName
from ..model.part import Location, Part
from ..model.schema import Column, cold_type
from ..query.columns import mentioned
from ..query.failing import Context
from ..query.guard import Needed
from ..query.layout import ByOrdinal
from ..query.names import Named
from ..query.owned import Owned
from ..query.parse import Statement, one_query
from ..query.place import HOT, Places
from ..query.reader import Planned, Reader
from ..query.whole import Whole, hot_rows
from ..storage.base import Storage
from ..warehouse.attached import AttachedTransaction, AttachedWarehouse
from .connect import SparkConnect, connected, translated
from .dialect import quoted, shared_names, spoken, tables
from .rows import by_layout, checked, picked
from .trust import opaque

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ANSWER = "isotherm_answer"
QUERIES = "queries"
"""Where the copies of hot rows lie on the store while a query runs."""


class SparkReader(Reader):
    """Reads whole datasets on a Spark Connect server.

    Attributes:
        url: Of the server, `sc://host:port`.

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

    def needed(
        self,
        tx: AttachedTransaction,
        places: Places,
        named: Named,
        wholes: Sequence[Whole],
        *,
        provable: bool,
    ) -> Mapping[str, Needed]:
        """Return what a query may need: all there is, where DuckDB is no judge of it.

        Raises:
            QueryError: it names what Spark cannot read.

        """
        if named.views or named.macros:
            raise QueryError(
                "a view or a macro of the warehouse was refused: Spark does not know it",
                hint="Write its query in place of it.",
            )
        text = opaque(one_query(tx.session, named.text))
        if text is None:
            return {
                data.dataset.name: Needed(_all(data.layout.cold), _all(data.layout.archived))
                for data in wholes
            }
        again = self.named(tx, one_query(tx.session, text), allow_files=False)
        asked = replace(named, text=again.text, provable=again.provable, nodes=again.nodes)
        return super().needed(tx, places, asked, wholes, provable=provable)

    def answer(self, plan: Planned, context: Context, cleanup: ExitStack) -> DuckDBSession:
        """Run a query on Spark, and return a session that has the rows of its answer."""
        try:
            with connected(self.url) as spark, ExitStack() as copies:
                rows = _Rows(self, plan, spark, copies)
                answer = spark.run(rows.furnished(), context.timeout)
        except Exception as error:
            raise translated(error, self.url, context.timeout) from error
        session = self.warehouse.engine.session()
        cleanup.callback(session.close)
        session.cursor.register(ANSWER, answer)
        session.cursor.execute(f"SELECT * FROM {ANSWER}")
        return session


class _Rows:
    """Gives the tables of one query their rows on Spark."""

    def __init__(
        self, reader: SparkReader, plan: Planned, spark: SparkConnect, copies: ExitStack
    ) -> None:
        self._reader = reader
        self._plan = plan
        self._spark = spark
        self._copies = copies
        self._words = mentioned(plan.named)

    def furnished(self) -> str:
        """Make a view of each table, and return the query over them."""
        tx, warehouse = self._plan.tx, self._reader.warehouse
        owned = Owned(tx, warehouse.name, warehouse.default_schema)
        statement = one_query(tx.session, self._plan.named.text)
        self._check_shared(statement, owned)
        views: dict[tuple[str, str], str] = {}
        for _, place in tables(statement, owned):
            if place not in views:
                views[place] = f"isotherm_{len(views)}"
                self._spark.view(views[place], self._frames(owned, *place))
        return spoken(statement, owned, views)

    def _check_shared(self, statement: Statement, owned: Owned) -> None:
        """Check that no name of a WITH is a table's: Spark might take one of its own for it."""
        known = {data.dataset.name.casefold() for data in self._plan.wholes}
        for name in sorted(shared_names(statement)):
            if name in known or owned.has_table(name):
                raise QueryError(
                    f"WITH {name} has the name of a table",
                    hint="Give it another one: Spark may not see which of them is meant.",
                )

    def _frames(self, owned: Owned, schema: str, name: str) -> list[DataFrame]:
        for data in self._plan.wholes:
            dataset, table = data.dataset, data.dataset.table
            by_name = name == dataset.name.casefold()
            by_table = name == table.name.casefold() and schema in ("", table.schema.casefold())
            if by_name and schema == HOT:
                return self._hot(data)
            if by_table or (by_name and not schema):
                return [*self._hot(data), *self._cold(data)]
        return self._other(owned, schema, name)

    def _hot(self, data: Whole) -> list[DataFrame]:
        name, columns = data.dataset.name, self._asked(data.columns)
        return self._copied(name, columns, hot_rows(data, columns))

    def _other(self, owned: Owned, schema: str, name: str) -> list[DataFrame]:
        """Return the rows of a table of the warehouse that is no dataset."""
        for own_schema, own in sorted(owned.tables, key=lambda t: t[0] != owned.default):
            if own.casefold() == name and schema in ("", own_schema.casefold()):
                table = TableName(own_schema, own)
                columns = self._asked(self._plan.tx.columns(table))
                source = f"SELECT * FROM {self._plan.tx.relation(table)}"
                return self._copied(str(table), columns, source)
        raise QueryError(f"there is no table {f'{schema}.' if schema else ''}{name}")

    def _cold(self, data: Whole) -> Iterator[DataFrame]:
        parts = self._plan.needed[data.dataset.name].cold
        if not parts:
            return
        data.check_lost()
        types = checked(data.dataset.name, self._asked(data.columns))
        ids = {field.name: field.id for field in data.fields}
        urls = [self._reader.storage.url(part.readable_location) for part in parts]
        objects = self._reader.memory.object_columns(self._plan.tx.session, urls)
        for layout, group in by_layout(urls, objects).items():
            yield self._spark.parquet(group).selectExpr(*picked(layout, ids, types))

    def _copied(self, what: str, columns: Sequence[Column], source: str) -> list[DataFrame]:
        """Return rows of the warehouse by way of a copy, which is removed after the query."""
        types = checked(what, columns)
        selected = ", ".join(
            f"CAST({quote(column.name)} AS {cold_type(column.type)}) AS {quote(column.name)}"
            for column in columns
        )
        storage, location = self._reader.storage, Location(QUERIES, f"{uuid.uuid4().hex}.parquet")
        staged = storage.stage(location)
        self._copies.callback(storage.remove, location)
        self._plan.tx.session.execute(
            f"COPY (SELECT {selected} FROM ({source})) TO {text(staged)} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        storage.publish(location)
        own = [f"CAST({quoted(c)} AS {type_}) AS {quoted(c)}" for c, type_ in types.items()]
        return [self._spark.parquet([storage.url(location)]).selectExpr(*own)]

    def _asked(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the columns that the query may name; one, where it names none."""
        words = self._words
        found = tuple(c for c in columns if words is None or c.name.casefold() in words)
        return found or tuple(columns[:1])


def _all(parts: ByOrdinal) -> tuple[Part, ...]:
    return tuple(part for found in parts.values() for part in found)
