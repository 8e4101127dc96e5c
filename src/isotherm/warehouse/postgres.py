"""A PostgreSQL database as the warehouse: many processes at a time.

Rows are read by DuckDB's postgres extension at one snapshot (REPEATABLE READ). What changes many
rows runs on the server itself, and deletes none that was not read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from ..engine.connecting import connecting
from ..engine.duckdb import DuckDBEngine
from ..engine.session import DuckDBSession
from ..model.dataset import TableName
from ..model.period import Period
from . import partitions
from .attached import AttachedWarehouse
from .lease import application, held
from .postgres_catalog import name_of, regclass
from .postgres_connection import LOCK_TIMEOUT, Connection, prepared, waits_for_ever
from .postgres_transaction import PostgresTransaction

_NULLS_FIRST = re.compile(r"nulls.*first", re.IGNORECASE | re.DOTALL)
DROP_TIMEOUT = "1s"
"""How long the drop of an empty partition waits; others wait behind it meanwhile."""


class PostgresWarehouse(AttachedWarehouse):
    """See `warehouse.base.Warehouse`.

    The database is attached twice: what only looks does so through an attachment that cannot
    write, whatever the SQL calls.
    """

    default_schema = "public"
    rereads = False  # its own rules find rows that were changed since they were read

    def __init__(
        self,
        url: str,
        engine: DuckDBEngine,
        *,
        read_only: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(engine, "")
        server = connecting(url, application(self.holder))
        self.name = server.database
        self._wait = wait
        self._looking_up = threading.Lock()
        engine.attach_postgres(server, self.looking, read_only=True)
        session = engine.session()
        try:
            asked = Connection(session, self.looking)
            self._first = tuple(prepared(asked, server.where))
            for_ever = waits_for_ever(asked)
        finally:
            session.close()
        if for_ever:  # a query is read by several connections: each of them has to know
            server = server.set(f"lock_timeout={LOCK_TIMEOUT}")
            engine.detach(self.looking)
            engine.attach_postgres(server, self.looking, read_only=True)
            # A pooler may keep such options from the server.
            self._first = (*self._first, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        if not read_only:
            self.alias = f"{self.looking}_writing"
            engine.attach_postgres(server, self.alias, read_only=False)

    @contextmanager
    def transaction(
        self, lock: Sequence[TableName] = (), *, control_only: bool = False
    ) -> Iterator[PostgresTransaction]:
        """Open a writing transaction; see `warehouse.base.Warehouse`."""
        with super().transaction(lock, control_only=control_only) as tx:
            assert isinstance(tx, PostgresTransaction)
            yield tx

    @contextmanager
    def snapshot(self, *, control_only: bool = False) -> Iterator[PostgresTransaction]:
        """Open a transaction that cannot write; see `warehouse.base.Warehouse`."""
        alias = self.alias if control_only else self.looking  # what writes is known there already
        with self._reading(alias, anew=not control_only) as tx:
            assert isinstance(tx, PostgresTransaction)
            yield tx

    def prepare(self, query: str) -> None:
        """Where a query may put NULLs first, have the engine sort all there is.

        It would ask the server for the NULLs alone, once it has some other rows
        (duckdb-postgres#564).
        """
        if _NULLS_FIRST.search(query):
            self.engine.sort_whole()

    def compact(self) -> None:
        """Do nothing: the server's own vacuum gives space back."""

    def partitions(
        self, table: TableName, clock: str, periods: Iterable[Period], *, own: bool = False
    ) -> tuple[TableName, ...]:
        """Return the native partitions of a table that hold one of some periods each."""
        may = "pg_has_role(c.relowner, 'USAGE')" if own else "has_table_privilege(c.oid, 'DELETE')"
        with self.snapshot(control_only=True) as tx:
            return partitions.find(tx.native, regclass(table), clock, periods, may)

    def drop_if_empty(self, partition: TableName) -> bool:
        """Drop a native partition after a recount behind a lock; False if it has rows."""
        with self.transaction(control_only=True) as tx:
            tx.run(f"SET LOCAL lock_timeout = '{DROP_TIMEOUT}'")
            tx.run(f"LOCK TABLE {name_of(partition)} IN ACCESS EXCLUSIVE MODE")
            if tx.native(f"SELECT 1 FROM {name_of(partition)} LIMIT 1"):
                return False
            tx.run(f"DROP TABLE {name_of(partition)}")
        return True

    @contextmanager
    def lease(self) -> Iterator[Callable[[], None]]:
        """Be the only one who applies, among all processes."""
        server = Connection(self.session(), self.alias)
        try:
            with held(server, self.holder, self._wait) as check:
                yield check
        finally:
            server.session.close()

    def _enter(self, session: DuckDBSession, alias: str, *, anew: bool) -> None:
        with self._looking_up:  # between the two, nobody else's clearing
            if anew:  # all that there is comes over again with the next name: 15 ms
                session.execute("CALL pg_clear_cache()")
            super()._enter(session, alias, anew=anew)

    def _transaction(self, session: DuckDBSession, alias: str) -> PostgresTransaction:
        transaction = PostgresTransaction(session, alias, self.looking)
        if alias == self.alias:
            for statement in self._first:
                transaction.run(statement)
        return transaction
