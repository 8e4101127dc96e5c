"""One transaction of a PostgreSQL warehouse: what it reads, and what it may change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import cast

import duckdb

from ..engine.session import DuckDBSession
from ..engine.sql import listed, quote, text
from ..model.correction import NewValues
from ..model.dataset import TableName
from ..model.errors import ConflictError, SchemaError, StorageError
from ..model.part import Digest
from ..model.schema import Column
from . import postgres_catalog as catalog
from .attached import AttachedTransaction, assigned, conflict
from .base import Transaction
from .postgres_catalog import name_of
from .postgres_connection import Connection
from .postgres_types import (
    Misread,
    compared_otherwise,
    engine_type,
    misread,
    postgres_type,
    read_as_double,
)
from .server import Server

HELD_ROWS = 5_000_000
"""So many rows of a move are read once and held, in memory or spilled; more are read each time."""


class PostgresTransaction(Connection, AttachedTransaction):
    """See `warehouse.base.Transaction`."""

    def __init__(self, session: DuckDBSession, alias: str, looking: str) -> None:
        AttachedTransaction.__init__(self, session, alias)  # a connection is nothing more
        self._beside = Connection(session, looking)
        self._held: dict[TableName, str] = {}
        self._tests: dict[TableName, tuple[Misread, ...]] = {}
        self._marked = self._only = ""

    def commit(self) -> None:
        """Commit; a transaction that the server has given up is an error here, not a success."""
        self.native("SELECT 1")
        super().commit()

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table.

        A type that the engine does not read exactly keeps PostgreSQL's name, in lower case.
        """
        rows = catalog.columns(self.native, table)
        return tuple(Column(name, engine_type(type_)) for name, type_ in rows)

    def opaque(self, table: TableName) -> frozenset[str]:
        """Return the columns whose values PostgreSQL compares otherwise than the engine."""
        types = catalog.columns(self.native, table, enums=True)
        return frozenset(name for name, type_ in types if compared_otherwise(type_))

    def inexact(self, table: TableName) -> Mapping[str, str]:
        """Return the columns that the engine reads as DOUBLE, and their types."""
        types = catalog.columns(self.native, table)
        return {name: type_ for name, type_ in types if read_as_double(type_)}

    def computed(self, table: TableName) -> frozenset[str]:
        """Return the columns that the server computes itself."""
        return catalog.computed(self.native, table)

    def scanned(self, table: TableName) -> str:
        """Return what the engine's plans call the table."""
        return table.name

    def bytes(self, table: TableName, rows: int) -> int:
        """Estimate how many bytes so many rows take on the server's disk, without indexes."""
        return round(catalog.row_bytes(self.native, table) * rows)

    def lock(self, table: TableName) -> None:
        """Wait for those who write a partition, and keep others away until the commit.

        First of all in the transaction: what they commit is then seen by its snapshot.
        """
        self.run(f"LOCK TABLE {name_of(table)} IN SHARE ROW EXCLUSIVE MODE")

    def check_deletable(self, table: TableName) -> None:
        """Check that with the rows nothing else happens.

        Raises:
            SchemaError: it is no table, others inherit from it, or a foreign key, a trigger or a
                rule would act.

        """
        if found := catalog.obstacle(self.native, table):
            raise SchemaError(found.what, hint=found.hint)

    def take(self, table: TableName, condition: str, rows: int) -> None:
        """Read the rows once, for all that is done with them, where they are not too many.

        Reading is what takes longest. Rows that the engine has misread are not deleted.
        """
        self._tests[table] = tuple(misread(catalog.columns(self.native, table)))
        if rows > HELD_ROWS:
            self._check_read(table)
            return
        held = quote("temp", f"isotherm_held_{secrets.token_hex(4)}")
        rows_of = f"SELECT * FROM {self.relation(table)} WHERE {condition}"
        try:
            self.session.execute(f"CREATE TEMP TABLE {held} AS {rows_of}")
        except duckdb.CatalogException as error:  # what all sessions know is being looked up anew
            raise conflict(error) from error
        self._held[table] = held
        self._check_read(table)
        self._tests[table] = self._suspected(held, self._tests[table])

    def mark(self, table: TableName) -> None:
        """See `warehouse.base.Transaction`: a row has the number of the transaction that wrote it.

        A row that was written before all that were at work when the snapshot was taken (its xmin)
        was there then, and is no other one now. Where that cannot be told (a row that is 2 billion
        transactions old, or newer than somebody who is still at work) it is not deleted.
        """
        kept = catalog.kept(self.native, table)
        self._only = f" AND tableoid IN ({', '.join(kept.relations) or 'NULL'})"
        self._marked = (
            f"{self._only} AND pg_catalog.age(xmin) > pg_catalog.age('{kept.oldest}'::xid)"
            if kept.numbered
            else " AND false"
        )

    def go_on_from(self, earlier: Transaction) -> None:
        """See `warehouse.base.Transaction`.

        A server that has failed since, or another one in its place, may lack the last commits, and
        give their numbers again: the earlier snapshot would be gone as well.
        """
        before = cast("PostgresTransaction", earlier)
        try:
            same = before.native(catalog.INCARNATION) == self.native(catalog.INCARNATION)
            for table in before._tests:
                before._check_read(table)
        except StorageError as error:
            raise ConflictError("the server has ended the snapshot of the copy") from error
        if not same:
            raise ConflictError("the server is another one than that of the copy")
        self._tests, self._only = before._tests, before._marked

    def scattered(self, table: TableName, condition: str, column: str) -> bool:
        """See `warehouse.base.Transaction`; of rows that are not held it cannot be told."""
        return table in self._held and super().scattered(table, condition, column)

    def relation(self, table: TableName) -> str:
        """Return the table's name as SQL of the session, or that of the rows that are held."""
        return self._held.get(table) or super().relation(table)

    def fence(self, table: TableName, select: str) -> Digest:
        """Hash the rows as this snapshot has them: who changed one since fails the deletion.

        Under REPEATABLE READ the server refuses to delete a row that was changed after the
        snapshot, and a row that came after it is not deleted.
        """
        return self.session.digest(select)

    def delete(self, table: TableName, condition: str) -> int:
        """Delete the rows on the server; through the engine it takes five times as long."""
        self.run(f"LOCK TABLE {name_of(table)} IN ROW EXCLUSIVE MODE")
        self._check_changed(table)
        there = "".join(f" AND ({test.is_it}) IS NOT TRUE" for test in self._tests.get(table, ()))
        condition = f"({condition}){self._only}{there}"
        return self._counted(table, f"DELETE FROM {name_of(table)} WHERE {condition}")

    def _check_changed(self, table: TableName) -> None:
        """Check that nobody has changed the table itself since the snapshot; nobody can any more.

        This transaction's snapshot would not tell: another one is asked.
        """
        now = self._beside.native
        if found := catalog.obstacle(now, table):
            raise SchemaError(found.what, hint=found.hint)
        if catalog.columns(now, table) != catalog.columns(self.native, table):
            raise ConflictError(f"the columns of {table} have just changed")

    def update(self, table: TableName, changes: NewValues, condition: str) -> int:
        """Give rows new values on the server, which knows its own types best."""
        return self._counted(
            table, f"UPDATE {name_of(table)} SET {assigned(changes)} WHERE {condition}"
        )

    def _counted(self, table: TableName, statement: str) -> int:
        """Run a statement on the server, and return how many rows it has changed."""
        many = f"isotherm_{secrets.token_hex(8)}"  # no column is called that
        block = (
            f"DECLARE {many} bigint; BEGIN {statement}; GET DIAGNOSTICS {many} = ROW_COUNT; "
            f"PERFORM set_config('isotherm.changed', {many}::text, true); END"
        )
        tagged = f"DO ${many}$ {block} ${many}$"
        self.change(table, f"CALL postgres_execute({text(self.alias)}, {text(tagged)})")
        return int(self.native("SELECT current_setting('isotherm.changed')")[0][0])

    def check_left(self, table: TableName, condition: str) -> None:
        """Check on the server that no row was left because the engine has misread it.

        Raises:
            SchemaError: some were; their column and value are named.

        """
        tests = self._tests.get(table, ())
        if not tests:
            return
        counts = ", ".join(
            f"count(*) FILTER (WHERE {test.is_it}) AS test_{number}"
            for number, test in enumerate(tests)
        )
        found = self.native(f"SELECT {counts} FROM {name_of(table)} WHERE {condition}")[0]
        for test, count in zip(tests, found, strict=True):
            if count:
                raise SchemaError(
                    f"{count} rows of {table} cannot be moved: {test.what}",
                    hint="Nothing was moved. Mend the values, then run the same command again.",
                )

    def _check_read(self, table: TableName) -> None:
        """Check that the engine reads the columns of this snapshot.

        What it knows of tables, all sessions share: another one may have looked before a change.
        """
        read = self.session.execute(f"DESCRIBE {self.relation(table)}")
        expected = {column.name: column.type for column in self.columns(table)}
        found = {name: type_ for name, type_, *_ in read}
        odd = [
            name
            for name, type_ in found.items()
            if expected.get(name) != type_ and not type_.startswith("ENUM")
        ]
        if odd or found.keys() != expected.keys():
            raise ConflictError(f"the columns of {table} have just changed")

    def _suspected(self, held: str, tests: Sequence[Misread]) -> tuple[Misread, ...]:
        """Return the tests of those columns in which the engine has read what it would."""
        if not tests:
            return ()
        looks = ", ".join(f"bool_or({test.looks_like})" for test in tests)
        (found,) = self.session.execute(f"SELECT {looks} FROM {held}")
        return tuple(test for test, seen in zip(tests, found, strict=True) if seen)

    def insert(self, table: TableName, columns: Sequence[str], select: str) -> int:
        """Insert rows; columns that the server computes itself are left to it."""
        computed = catalog.computed(self.native, table)
        if computed:
            columns = [name for name in columns if name not in computed]
            select = f"SELECT {listed(columns)} FROM ({select}) AS given"
        return super().insert(table, columns, select)

    def inserted(self, table: TableName, column: str) -> str | None:
        """Return a relation with one column of the rows that this transaction has inserted."""
        own = (
            f"SELECT {quote(column)} FROM {name_of(table)} "
            "WHERE xmin::text = pg_current_xact_id()::xid::text"
        )
        return f"postgres_query({text(self.alias)}, {text(own)})"

    def add_column(self, table: TableName, column: Column) -> None:
        """Add a column at the table's end, on the server."""
        self._alter(table, f"ADD COLUMN {quote(column.name)} {postgres_type(column.type)}")

    def widen(self, table: TableName, column: Column) -> None:
        """Give a column another type that holds its values, on the server."""
        type_ = postgres_type(column.type)
        self._alter(table, f"ALTER COLUMN {quote(column.name)} TYPE {type_}")

    def _alter(self, table: TableName, change: str) -> None:
        self.run(f"ALTER TABLE {name_of(table)} {change}")
        self.session.execute("CALL pg_clear_cache()")

    def make_table(self, table: TableName, columns: Sequence[Column]) -> None:
        """Create a table; its schema has to be there.

        Raises:
            SchemaError: it is not.

        """
        if table.schema not in self.schemas():
            raise SchemaError(
                f"there is no schema {table.schema} for the table {table}",
                hint=f"Make it: CREATE SCHEMA {quote(table.schema)}",
            )
        super().make_table(table, columns)

    def server(self) -> Server:
        """Return what can be asked of the server."""
        return Server(self.native)

    # -- what the warehouse's owner has made

    def schemas(self) -> tuple[str, ...]:
        """Return the schemas, the default one first."""
        return catalog.schemas(self.native)

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return the tables and what else can be read like one, by schema and name."""
        return catalog.tables(self.native)

    def partial(self) -> Mapping[tuple[str, str], Sequence[TableName]]:
        """Return what shows rows of a table, of which the server knows those that it has."""
        return catalog.partial(self.native)
