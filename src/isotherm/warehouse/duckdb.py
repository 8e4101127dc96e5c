"""A DuckDB file as the warehouse: one process at a time, many threads in it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import duckdb

from ..engine.duckdb import DuckDBEngine
from ..engine.session import DuckDBSession
from ..engine.sql import quote
from ..model.dataset import TableName
from ..model.errors import SchemaError, StorageError
from ..model.part import Digest
from ..model.schema import Column
from .attached import AttachedTransaction, AttachedWarehouse, conflict
from .states import States

Found = TypeVar("Found")

BLOCK_BYTES = 262_144
LOCAL_ROWS = 36_028_797_018_960_000
"""The row id that DuckDB begins to count at for the rows that a transaction has inserted itself."""


class DuckDBWarehouse(AttachedWarehouse):
    """See `warehouse.base.Warehouse`."""

    default_schema = "main"
    rereads = True

    def __init__(self, path: Path, engine: DuckDBEngine, *, read_only: bool = False) -> None:
        super().__init__(engine, path.stem)
        if "?" in str(path):
            raise StorageError(
                f"the warehouse {path} has a ? in its path, which DuckDB takes for a URL's",
                hint="Choose another file: [warehouse] url in isotherm.toml.",
            )
        engine.attach(path, self.alias, read_only=read_only)
        self.states = States()

    def session(self) -> DuckDBSession:
        """Open a session whose unqualified names are the warehouse's."""
        self.states.begin()  # before it is there; what is never closed may write for ever
        session = super().session()
        session.execute(f"USE {quote(self.alias)}")
        session.when_closed(self.states.end)
        return session

    @contextmanager
    def transaction(
        self, lock: Sequence[TableName] = (), *, control_only: bool = False
    ) -> Iterator[AttachedTransaction]:
        """Open a writing transaction; see `warehouse.base.Warehouse`."""
        with self.states.writing(), super().transaction(lock, control_only=control_only) as tx:
            yield tx

    @contextmanager
    def snapshot(self, *, control_only: bool = False) -> Iterator[AttachedTransaction]:
        """Open a transaction that cannot write; see `warehouse.base.Warehouse`."""
        before = self.states.now
        with self._reading(self.alias, anew=not control_only) as tx:
            # Its snapshot is taken: entering has looked into the warehouse.
            if before == self.states.now:
                tx.state = before
            yield tx

    def compact(self) -> None:
        """Checkpoint: deleted rows' blocks become free; skipped while others are at work.

        Until then their values stand in the way of an ALTER of the column's type, too.
        """
        session = self.session()
        try:
            session.execute(f"CHECKPOINT {quote(self.alias)}")
        except duckdb.Error:
            return  # another transaction is open, or there is no room; the next one does it
        finally:
            session.close()

    def _enter(self, session: DuckDBSession, alias: str, *, anew: bool) -> None:
        _builtins_first(session, alias)

    def _transaction(self, session: DuckDBSession, alias: str) -> DuckDBTransaction:
        return DuckDBTransaction(session, alias, self)


class DuckDBTransaction(AttachedTransaction):
    """See `warehouse.base.Transaction`."""

    def __init__(self, session: DuckDBSession, alias: str, warehouse: DuckDBWarehouse) -> None:
        super().__init__(session, alias)
        self._warehouse = warehouse

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table."""
        return self._kept(table, lambda: self._columns(table))

    def _columns(self, table: TableName) -> tuple[Column, ...]:
        try:  # ten times as fast as duckdb_columns(), which goes through every table there is
            rows = self.session.execute(
                "SELECT name, type FROM pragma_table_info(?)", [self.relation(table)]
            )
        except duckdb.CatalogException:
            return ()
        return tuple(Column(name, type_) for name, type_ in rows)

    def scanned(self, table: TableName) -> str:
        """Return what the engine's plans call the table."""
        return f"{self.alias}.{table.schema}.{table.name}"

    def bytes(self, table: TableName, rows: int) -> int:
        """Count the table's blocks; a value that is not checkpointed yet counts as 8 bytes."""
        blocks, values = self.session.execute(
            "SELECT count(DISTINCT block_id) FILTER (persistent), "
            "coalesce(sum(count) FILTER (NOT persistent AND segment_type <> 'VALIDITY'), 0) "
            "FROM pragma_storage_info(?)",
            [self.relation(table)],
        )[0]
        return int(blocks) * BLOCK_BYTES + int(values) * 8

    def fence(self, table: TableName, select: str) -> Digest:
        """Alter the table so that writers in flight fail, then hash the rows as they are now.

        DuckDB does not notice that a row which this transaction deletes was updated by another
        (duckdb#17223); it does notice that the table was altered.
        """
        scratch = quote(f"isotherm_fence_{uuid.uuid4().hex[:8]}")
        relation = self.relation(table)
        try:
            self.session.execute(f"ALTER TABLE {relation} ADD COLUMN {scratch} BOOLEAN")
            self.session.execute(f"ALTER TABLE {relation} DROP COLUMN {scratch}")
        except duckdb.TransactionException as error:
            raise conflict(error) from error
        except (duckdb.DependencyException, duckdb.CatalogException) as error:
            raise SchemaError(
                f"{table} cannot be fenced against other writers: {error}",
                hint="An index or a foreign key forbids it. Drop it, or move when nobody else "
                "writes, and say so: isotherm apply --exclusive",
            ) from error
        fresh = self._warehouse.session()
        try:
            _builtins_first(fresh, self.alias)
            return fresh.digest(select)
        finally:
            fresh.close()

    def computed(self, table: TableName) -> frozenset[str]:
        """Return the columns that DuckDB computes: by the words of the table's definition."""
        found = self.execute(
            "SELECT sql FROM duckdb_tables() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ?",
            [table.schema, table.name],
        )
        definition = str(found[0][0]) if found else ""
        return frozenset(
            column.name
            for column in self.columns(table)
            if re.search(rf'"?{re.escape(column.name)}"? [\w(), ]+ GENERATED ALWAYS AS', definition)
        )

    def inserted(self, table: TableName, column: str) -> str | None:
        """Return a relation with one column of the rows that this transaction has inserted.

        None if a column of the table has the name that row ids have.
        """
        if any(own.name.lower() == "rowid" for own in self.columns(table)):
            return None
        relation = self.relation(table)
        return f"(SELECT {quote(column)} FROM {relation} WHERE rowid >= {LOCAL_ROWS})"

    def schemas(self) -> tuple[str, ...]:
        """Return the schemas, the default one first."""
        return self._kept("schemas", self._schemas)

    def _schemas(self) -> tuple[str, ...]:
        rows = self.session.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? "
            "AND (NOT internal OR schema_name = 'main') ORDER BY schema_name <> 'main', 1",
            [self.alias],
        )
        return tuple(row[0] for row in rows)

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return the tables, by schema and name."""
        return self._kept("tables", self._tables)

    def _tables(self) -> frozenset[tuple[str, str]]:
        rows = self.session.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?",
            [self.alias],
        )
        return frozenset((schema, name) for schema, name in rows)

    def views(self) -> Mapping[tuple[str, str], str]:
        """Return the SQL of the views, by schema and name."""
        return self._kept("views", self._views)

    def _views(self) -> Mapping[tuple[str, str], str]:
        rows = self.session.execute(
            "SELECT schema_name, view_name, sql FROM duckdb_views() "
            "WHERE database_name = ? AND NOT internal ORDER BY schema_name <> 'main', schema_name",
            [self.alias],
        )
        return {(schema, name): sql for schema, name, sql in rows}

    def macros(self) -> Sequence[tuple[str, str, str]]:
        """Return schema, name and body, as a query, of the macros."""
        return self._kept("macros", self._macros)

    def _macros(self) -> Sequence[tuple[str, str, str]]:
        rows = self.session.execute(
            "SELECT schema_name, function_name, function_type, macro_definition "
            "FROM system.main.duckdb_functions() "
            "WHERE database_name = ? AND NOT internal AND macro_definition IS NOT NULL",
            [self.alias],
        )
        return [
            (schema, name, body if kind == "table_macro" else f"SELECT {body}")
            for schema, name, kind, body in rows
        ]

    def _kept(self, key: object, read: Callable[[], Found]) -> Found:
        return self._warehouse.states.kept(self.state, key, read)


def _builtins_first(session: DuckDBSession, alias: str) -> None:
    """Make names the warehouse's, and the engine's own functions come before macros of their names.

    What Isotherm asks for means what it means, whatever the warehouse's owner has made; the first
    schema is the one whose database is the session's. Queries have a path of their own.
    """
    try:
        session.execute(f"SET search_path = '{alias}.isotherm,system.main,{alias}.main'")
    except duckdb.CatalogException:  # there is no control yet
        session.execute(f"USE {quote(alias)}")
