"""A PostgreSQL database as the warehouse: many processes at a time.

Rows are read by DuckDB's postgres extension, on the snapshot of the transaction (REPEATABLE READ)
that deletes them. What changes many rows runs on the server itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote as escaped
from urllib.parse import unquote, urlsplit

from ..engine.base import Row
from ..engine.duckdb import DuckDBEngine, DuckDBSession
from ..engine.sql import quote, text
from ..model.dataset import TableName
from ..model.errors import SchemaError
from ..model.part import Digest
from ..model.period import Period
from ..model.schema import Column
from . import partitions
from .attached import AttachedTransaction, AttachedWarehouse, translated
from .lease import application, held
from .postgres_types import engine_type, misread, postgres_type

LOCK_TIMEOUT = "30s"
"""How long a move waits for another's locks, where the role or the database does not say."""
_LOCK_TIMEOUT_OF = "SELECT * FROM postgres_query(?, 'SELECT current_setting(''lock_timeout'')')"
HELD_ROWS = 5_000_000
"""So many rows of a move are read once and held, in memory or spilled; more are read each time."""
DROP_TIMEOUT = "1s"
"""How long the drop of an empty partition waits; others wait behind it meanwhile."""
_HIDDEN = "'pg_catalog', 'information_schema', 'pg_toast'"


class PostgresWarehouse(AttachedWarehouse):
    """See `warehouse.base.Warehouse`.

    The database is attached twice: what only looks does so through an attachment that cannot
    write, whatever the SQL calls.
    """

    default_schema = "public"

    def __init__(
        self,
        url: str,
        engine: DuckDBEngine,
        *,
        read_only: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(engine, database_of(url))
        self._wait = wait
        url = _named(url, application(self.holder))
        engine.attach_postgres(url, self.looking, read_only=True)
        if not read_only:
            self.alias = f"writing_{self.looking}"
            engine.attach_postgres(url, self.alias, read_only=False)
        session = engine.session()
        self._has_timeout = session.execute(_LOCK_TIMEOUT_OF, [self.looking])[0][0] != "0"
        session.close()

    @contextmanager
    def transaction(self, lock: Sequence[TableName] = ()) -> Iterator[PostgresTransaction]:
        """Open a writing transaction: it commits at the end, and rolls back on an error."""
        with super().transaction(lock) as tx:
            assert isinstance(tx, PostgresTransaction)
            yield tx

    @contextmanager
    def snapshot(self) -> Iterator[PostgresTransaction]:
        """Open a transaction that cannot write."""
        with self._reading(self.looking) as tx:
            assert isinstance(tx, PostgresTransaction)
            yield tx

    def compact(self) -> None:
        """Do nothing: the server's own vacuum gives space back."""

    def partitions(
        self, table: TableName, clock: str, periods: Iterable[Period], *, own: bool = False
    ) -> tuple[TableName, ...]:
        """Return the native partitions of a table that hold one of some periods each."""
        may = "pg_has_role(c.relowner, 'USAGE')" if own else "has_table_privilege(c.oid, 'DELETE')"
        with self.snapshot() as tx:
            return partitions.find(tx.native, _regclass(table), clock, periods, may)

    def drop_if_empty(self, partition: TableName) -> bool:
        """Drop a native partition after a recount behind a lock; False if it has rows."""
        with self.transaction() as tx:
            tx.run(f"SET LOCAL lock_timeout = '{DROP_TIMEOUT}'")
            tx.run(f"LOCK TABLE {_name(partition)} IN ACCESS EXCLUSIVE MODE")
            if tx.native(f"SELECT 1 FROM {_name(partition)} LIMIT 1"):
                return False
            tx.run(f"DROP TABLE {_name(partition)}")
        return True

    @contextmanager
    def lease(self) -> Iterator[Callable[[], None]]:
        """Be the only one who applies, among all processes."""
        server = _Connection(self.session(), self.alias)
        try:
            with held(server, self.holder, self._wait) as check:
                yield check
        finally:
            server.session.close()

    def _session(self, alias: str) -> DuckDBSession:
        session = super()._session(alias)
        session.execute("CALL pg_clear_cache()")  # others may have altered tables since
        return session

    def _transaction(self, session: DuckDBSession, alias: str) -> PostgresTransaction:
        transaction = PostgresTransaction(session, alias)
        if alias == self.alias and not self._has_timeout:
            transaction.run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        return transaction


class _Connection:
    """A session's connection to the server."""

    def __init__(self, session: DuckDBSession, alias: str) -> None:
        self.session = session
        self.alias = alias

    def native(self, sql: str) -> list[Row]:
        """Run a query on the server, in the session's transaction."""
        with translated():
            return self.session.execute(
                f"SELECT * FROM postgres_query({text(self.alias)}, {text(sql)})"
            )

    def run(self, sql: str) -> None:
        """Run a statement on the server, in the session's transaction."""
        with translated():
            self.session.execute(f"CALL postgres_execute({text(self.alias)}, {text(sql)})")


class PostgresTransaction(_Connection, AttachedTransaction):
    """See `warehouse.base.Transaction`."""

    def __init__(self, session: DuckDBSession, alias: str) -> None:
        super().__init__(session, alias)
        self._held: dict[TableName, str] = {}
        self._taken: set[TableName] = set()

    def commit(self) -> None:
        """Commit; a transaction that the server has given up is an error here, not a success."""
        self.native("SELECT 1")
        super().commit()

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table.

        A type that the engine does not read exactly keeps PostgreSQL's name, in lower case.
        """
        rows = self.native(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = {_regclass(table)} AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum"
        )
        return tuple(Column(name, engine_type(type_)) for name, type_ in rows)

    def scanned(self, table: TableName) -> str:
        """Return what the engine's plans call the table."""
        return table.name

    def bytes(self, table: TableName) -> int:
        """Return what the table and its partitions take on the server's disk, without indexes."""
        rows = self.native(
            "WITH RECURSIVE family AS ("
            f"SELECT {_regclass(table)} AS oid UNION ALL "
            "SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = family.oid) "
            "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM family"
        )
        return int(rows[0][0])

    def lock(self, table: TableName) -> None:
        """Wait for those who write a partition, and keep others away until the commit.

        First of all in the transaction: what they commit is then seen by its snapshot.
        """
        self.run(f"LOCK TABLE {_name(table)} IN SHARE ROW EXCLUSIVE MODE")

    def check_deletable(self, table: TableName) -> None:
        """Check that no row drags rows of other tables along.

        Raises:
            SchemaError: a foreign key would.

        """
        rows = self.native(
            "SELECT conname::text, conrelid::regclass::text FROM pg_constraint "
            f"WHERE contype = 'f' AND confrelid = {_regclass(table)} "
            "AND confdeltype IN ('c', 'n', 'd')"
        )
        if rows:
            raise SchemaError(
                f"rows of {table} cannot be moved: with them the foreign key {rows[0][0]} would "
                f"delete or change rows of {rows[0][1]}",
                hint="Nothing was moved. Make it ON DELETE RESTRICT, or drop it.",
            )

    def take(self, table: TableName, condition: str) -> None:
        """Read the rows once, for all that is done with them, where they are not too many.

        Values that the engine has misread are found when they are deleted.
        """
        self._taken.add(table)
        found = self.native(
            f"SELECT count(*) FROM (SELECT FROM {_name(table)} WHERE {condition} "
            f"LIMIT {HELD_ROWS + 1}) t"
        )
        if found[0][0] <= HELD_ROWS:
            self._hold(table, condition)

    def _hold(self, table: TableName, condition: str) -> None:
        """Read the rows once, for all that is done with them: reading is what takes longest."""
        held = quote("temp", f"isotherm_held_{secrets.token_hex(4)}")
        self.session.execute(
            f"CREATE TEMP TABLE {held} AS SELECT * FROM {self.relation(table)} WHERE {condition}"
        )
        self._held[table] = held

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
        """Delete the rows on the server; through the engine it takes five times as long.

        Raises:
            SchemaError: a constraint of the table forbids it, or a row that was taken has a value
                that the engine has read as another one.

        """
        if table in self._taken:
            self._check_values(table, condition)
        tag = f"$isotherm_{secrets.token_hex(8)}$"
        block = (
            f"DO {tag} DECLARE gone bigint; BEGIN DELETE FROM {_name(table)} WHERE {condition}; "
            "GET DIAGNOSTICS gone = ROW_COUNT; "
            f"PERFORM set_config('isotherm.deleted', gone::text, true); END {tag}"
        )
        self.change(table, f"CALL postgres_execute({text(self.alias)}, {text(block)})")
        return int(self.native("SELECT current_setting('isotherm.deleted')")[0][0])

    def _check_values(self, table: TableName, condition: str) -> None:
        """Check on the server that the engine has read these rows as they are."""
        tests = misread(self._types(table))
        if not tests:
            return
        counts = ", ".join(
            f"count(*) FILTER (WHERE {test}) AS test_{number}"
            for number, test in enumerate(tests.values())
        )
        found = self.native(f"SELECT {counts} FROM {_name(table)} WHERE {condition}")[0]
        for what, count in zip(tests, found, strict=True):
            if count:
                raise SchemaError(
                    f"{count} rows of {table} cannot be moved: {what}",
                    hint="Nothing was moved. Mend the values, then run the same command again.",
                )

    def inserted(self, table: TableName, column: str) -> str | None:
        """Return a relation with one column of the rows that this transaction has inserted."""
        own = (
            f"SELECT {quote(column)} FROM {_name(table)} "
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
        self.run(f"ALTER TABLE {_name(table)} {change}")
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

    # -- what the warehouse's owner has made

    def schemas(self) -> tuple[str, ...]:
        """Return the schemas, the default one first."""
        rows = self.native(
            "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' "
            "AND nspname <> 'information_schema' ORDER BY nspname <> 'public', 1"
        )
        return tuple(row[0] for row in rows)

    def tables(self) -> frozenset[tuple[str, str]]:
        """Return the tables and what else can be read like one, by schema and name."""
        rows = self.native(
            "SELECT nspname::text, relname::text FROM pg_class "
            "JOIN pg_namespace n ON n.oid = relnamespace "
            f"WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT IN ({_HIDDEN})"
        )
        return frozenset((schema, name) for schema, name in rows)

    def partial(self) -> Mapping[tuple[str, str], Sequence[TableName]]:
        """Return the views over a table, and its partitions: the server knows its rows alone."""
        rows = self.native(
            "WITH RECURSIVE stands AS ("
            "SELECT r.ev_class AS upper, d.refobjid AS lower FROM pg_rewrite r "
            "JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass "
            "AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class "
            "UNION SELECT inhrelid, inhparent FROM pg_inherits), "
            "reach AS (SELECT upper, lower FROM stands "
            "UNION SELECT reach.upper, stands.lower FROM reach JOIN stands "
            "ON reach.lower = stands.upper) "
            "SELECT un.nspname::text AS upper_schema, u.relname::text AS upper_name, "
            "ln.nspname::text AS lower_schema, l.relname::text AS lower_name FROM reach "
            "JOIN pg_class u ON u.oid = upper JOIN pg_namespace un ON un.oid = u.relnamespace "
            "JOIN pg_class l ON l.oid = lower JOIN pg_namespace ln ON ln.oid = l.relnamespace "
            f"WHERE un.nspname NOT IN ({_HIDDEN}) AND ln.nspname NOT IN ({_HIDDEN})"
        )
        found: dict[tuple[str, str], list[TableName]] = {}
        for schema, name, below_schema, below in rows:
            found.setdefault((schema, name), []).append(TableName(below_schema, below))
        return found

    def _types(self, table: TableName) -> list[Row]:
        return self.native(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = {_regclass(table)} AND attnum > 0 AND NOT attisdropped"
        )


def database_of(url: str) -> str:
    """Return the database that a URL names; PostgreSQL takes the user's name if it has none."""
    parts = urlsplit(url)
    return unquote(parts.path.strip("/")) or unquote(parts.username or "") or "postgres"


def _named(url: str, name: str) -> str:
    """Return the URL by which the server knows the connection's application by name."""
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}application_name={escaped(name)}"


def _name(table: TableName) -> str:
    return quote(table.schema, table.name)


def _regclass(table: TableName) -> str:
    return f"to_regclass({text(_name(table))})::oid"
