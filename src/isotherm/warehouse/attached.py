"""A warehouse that is attached to the engine: what each of them does, whatever it is."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from ..engine.base import Row
from ..engine.duckdb import DuckDBEngine
from ..engine.failures import Failure, failure, words
from ..engine.filters import GROUP_ROWS
from ..engine.session import DuckDBSession
from ..engine.sql import listed, quote, text
from ..model.clock import INTEGER_TYPES
from ..model.correction import NewValues
from ..model.dataset import TableName
from ..model.errors import ConflictError, IsothermError, SchemaError, StorageError
from ..model.part import Digest
from ..model.period import Period
from ..model.schema import Column
from .base import Transaction
from .lease import always
from .server import Server

SCATTERED = 3
"""So many row groups hold rows of one time, on average, where rows are scattered; ..."""
SCATTERED_PART = 4
"""... and more than one in so many: several threads that load, or loads, may overlap."""
ONE_IN = 64
"""Of so many rows one is looked at, to tell whether they are scattered."""


class AttachedTransaction(ABC):
    """See `warehouse.base.Transaction`.

    Attributes:
        alias: What the warehouse is called in `session`.
        state: What the warehouse was at this snapshot, where that is known: two snapshots of the
            same state see the same in everything.
        begun_at: When it began, as `time.monotonic_ns` counts. Of another catalog of the engine it
            sees what was there when it first looked into it, and whoever lists functions or tables
            looks into all: of one that is made meanwhile it may see a part.

    """

    state: int | None = None

    def __init__(self, session: DuckDBSession, alias: str) -> None:
        self.begun_at = time.monotonic_ns()
        self.session = session
        self.alias = alias

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement on the warehouse, values bound to `?`, and return its rows."""
        with translated():
            return self.session.execute(sql, params)

    def commit(self) -> None:
        """Commit; a conflict that is found only now is a `ConflictError` too."""
        with translated():
            self.session.execute("COMMIT")

    @abstractmethod
    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table."""

    def relation(self, table: TableName) -> str:
        """Return the table's name as SQL of `session`."""
        return quote(self.alias, table.schema, table.name)

    @abstractmethod
    def scanned(self, table: TableName) -> str:
        """Return what the engine's plans call the table."""

    @abstractmethod
    def bytes(self, table: TableName, rows: int) -> int:
        """Estimate how many bytes so many rows take: those that the table has."""

    def lock(self, table: TableName) -> None:
        """Keep other writers away from a partition; first of all in the transaction."""
        raise NotImplementedError(f"{table} is no partition")

    def check_deletable(self, table: TableName) -> None:  # noqa: B027
        """See `warehouse.base.Transaction`: the engine itself deletes nothing else."""

    def take(self, table: TableName, condition: str, rows: int) -> None:  # noqa: B027
        """See `warehouse.base.Transaction`: what the engine has itself needs no copy."""

    def mark(self, table: TableName) -> None:  # noqa: B027
        """See `warehouse.base.Transaction`: what the fence reads again needs no mark."""

    def go_on_from(self, earlier: Transaction) -> None:  # noqa: B027
        """See `warehouse.base.Transaction`: the fence will tell."""

    def scattered(self, table: TableName, condition: str, column: str) -> bool:
        """See `warehouse.base.Transaction`; rows in order fill the whole stretch once."""
        types = {found.name: found.type for found in self.columns(table)}
        if any(name.lower() == "rowid" for name in types):
            return False  # the table's own hides where a row lies
        name, number = quote(column), "" if types[column] in INTEGER_TYPES else "epoch"
        rows = self.session.execute(
            f"SELECT sum({number}(b) - {number}(a)) > ({number}(max(b)) - {number}(min(a))) "
            f"* greatest({SCATTERED}, count(*) / {SCATTERED_PART}) FROM "
            f"(SELECT min({name}) AS a, max({name}) AS b FROM {self.relation(table)} "
            f"WHERE ({condition}) AND rowid & {ONE_IN - 1} = 0 GROUP BY rowid // {GROUP_ROWS})"
        )
        return bool(rows[0][0])

    @abstractmethod
    def fence(self, table: TableName, select: str) -> Digest:
        """Keep other writers away; see `warehouse.base.Transaction`."""

    def delete(self, table: TableName, condition: str) -> int:
        """Delete the rows that meet `condition` and return how many there were."""
        return self.change(table, f"DELETE FROM {self.relation(table)} WHERE {condition}")

    def check_left(self, table: TableName, condition: str) -> None:  # noqa: B027
        """See `warehouse.base.Transaction`: the engine reads its own values as they are."""

    def update(self, table: TableName, changes: NewValues, condition: str) -> int:
        """Give the rows that meet `condition` new values and return how many there were."""
        sets = assigned(changes)
        return self.change(table, f"UPDATE {self.relation(table)} SET {sets} WHERE {condition}")

    def insert(self, table: TableName, columns: Sequence[str], select: str) -> int:
        """Insert the rows of `select` and return how many there were."""
        names = listed(columns)
        return self.change(table, f"INSERT INTO {self.relation(table)} ({names}) {select}")

    def change(self, table: TableName, sql: str) -> int:
        """Run a statement that changes rows of a table, and return their number."""
        try:
            rows = self.session.execute(sql)
            return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0
        except Exception as error:
            match failure(error):
                case Failure.CONSTRAINT:
                    raise SchemaError(
                        f"a constraint of {table} forbids it: {words(error)}",
                        hint="Nothing was changed. Drop the constraint, or mend the rows it "
                        "speaks of.",
                    ) from error
                case Failure.CONFLICT:
                    raise conflict(error) from error
            raise

    def make_table(self, table: TableName, columns: Sequence[Column]) -> None:
        """Create a table, and its schema where there is none."""
        defined = ", ".join(f"{quote(column.name)} {column.type}" for column in columns)
        self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.alias, table.schema)}")
        self.session.execute(f"CREATE TABLE {self.relation(table)} ({defined})")

    def add_column(self, table: TableName, column: Column) -> None:
        """Add a column at the table's end."""
        self.session.execute(
            f"ALTER TABLE {self.relation(table)} ADD COLUMN {quote(column.name)} {column.type}"
        )

    def widen(self, table: TableName, column: Column) -> None:
        """Give a column another type that holds its values."""
        self.session.execute(
            f"ALTER TABLE {self.relation(table)} "
            f"ALTER COLUMN {quote(column.name)} TYPE {column.type}"
        )

    @abstractmethod
    def inserted(self, table: TableName, column: str) -> str | None:
        """See `warehouse.base.Transaction`."""

    def server(self) -> Server | None:
        """See `warehouse.base.Transaction`: there is none."""
        return None

    # -- what the warehouse's owner has made

    @abstractmethod
    def schemas(self) -> tuple[str, ...]:
        """Return the schemas, the default one first."""

    @abstractmethod
    def tables(self) -> frozenset[tuple[str, str]]:
        """Return the tables, by schema and name."""

    def views(self) -> Mapping[tuple[str, str], str]:
        """Return the SQL of the views that the engine knows, by schema and name."""
        return {}

    def macros(self) -> Sequence[tuple[str, str, str]]:
        """Return schema, name and body, as a query, of the macros that the engine knows."""
        return ()

    @abstractmethod
    def computed(self, table: TableName) -> frozenset[str]:
        """Return the columns that the warehouse computes from others."""

    def opaque(self, table: TableName) -> frozenset[str]:
        """Return the columns whose values the warehouse compares otherwise than the engine.

        What a query asks of them is never left to the warehouse.
        """
        return frozenset()

    def inexact(self, table: TableName) -> Mapping[str, str]:
        """Return the columns of which a query sees rounded values, and their types."""
        return {}

    def partial(self) -> Mapping[tuple[str, str], Sequence[TableName]]:
        """Return the relations that show rows of tables without the engine's knowing.

        By schema and name; the tables are what they stand on.
        """
        return {}


class AttachedWarehouse(ABC):
    """See `warehouse.base.Warehouse`.

    It is attached under a name that nobody can guess, so that no SQL of a user reaches the hot
    table past the view that stands for the whole dataset.

    Attributes:
        name: What its users call it as a database.
        alias: What it is called in the engine.
        looking: What it is called there by who only looks.
        holder: Who uses it, in intents and leases; another one each time.

    """

    default_schema: str
    rereads: bool

    def __init__(self, engine: DuckDBEngine, name: str) -> None:
        self.engine = engine
        self.name = name
        self.holder = uuid.uuid4().hex
        self.alias = self.looking = f"isotherm_warehouse_{uuid.uuid4().hex[:12]}"

    def session(self) -> DuckDBSession:
        """Open a session whose unqualified names are the warehouse's."""
        with translated():
            session = self.engine.session()
            self._enter(session, self.alias, anew=True)
        return session

    @contextmanager
    def transaction(
        self, lock: Sequence[TableName] = (), *, control_only: bool = False
    ) -> Iterator[AttachedTransaction]:
        """Open a writing transaction; see `warehouse.base.Warehouse`."""
        session = self.engine.session()
        try:
            with translated():
                session.execute("BEGIN TRANSACTION")
                transaction = self._transaction(session, self.alias)
                for table in lock:  # before the warehouse is looked at
                    transaction.lock(table)
                self._enter(session, self.alias, anew=not control_only)
                yield transaction
                transaction.commit()
        finally:
            _give_up(session)

    @abstractmethod
    def snapshot(
        self, *, control_only: bool = False
    ) -> AbstractContextManager[AttachedTransaction]:
        """Open a transaction that cannot write; see `warehouse.base.Warehouse`."""

    def partitions(
        self, table: TableName, clock: str, periods: Iterable[Period], *, own: bool = False
    ) -> tuple[TableName, ...]:
        """See `warehouse.base.Warehouse`: there are none."""
        return ()

    def drop_if_empty(self, partition: TableName) -> bool:
        """See `warehouse.base.Warehouse`: there are none."""
        raise NotImplementedError(f"{partition} is no partition")

    @contextmanager
    def lease(self) -> Iterator[Callable[[], None]]:
        """See `warehouse.base.Warehouse`: where one process at a time writes, it holds it."""
        yield always

    def prepare(self, query: str) -> None:  # noqa: B027
        """Make the engine ready to run a query of the user's rightly."""

    @abstractmethod
    def compact(self) -> None:
        """Give freed space back to the table, where the warehouse needs to be told."""

    def close(self) -> None:
        """Give up the warehouse."""
        self.engine.close()

    def _enter(self, session: DuckDBSession, alias: str, *, anew: bool) -> None:
        """Make a session's unqualified names the warehouse's.

        Args:
            anew: What others have made of its tables meanwhile is looked up.

        """
        session.execute(f"USE {quote(alias)}")

    @abstractmethod
    def _transaction(self, session: DuckDBSession, alias: str) -> AttachedTransaction: ...

    @contextmanager
    def _reading(self, alias: str, *, anew: bool) -> Iterator[AttachedTransaction]:
        session = self.engine.session()
        try:
            with translated():
                session.execute("BEGIN TRANSACTION READ ONLY")
                transaction = self._transaction(session, alias)
                self._enter(session, alias, anew=anew)
                yield transaction
        finally:
            _give_up(session)


def _give_up(session: DuckDBSession) -> None:
    """Stop what is still being read, roll back what is open, and close.

    Closing alone would do; but where the warehouse is a server that is gone, the engine ends the
    process when it finds that out while closing.
    """
    with suppress(Exception):
        session.interrupt()
        session.execute("ROLLBACK")
    session.close()


def assigned(changes: NewValues) -> str:
    """Return the SET clause of new values; the column's own type decides what they are."""
    return ", ".join(
        f"{quote(name)} = {'NULL' if value is None else text(value)}" for name, value in changes
    )


def conflict(error: BaseException) -> ConflictError:
    """Say that another writer was first."""
    return ConflictError(
        f"another writer was there first: {words(error)}", hint="Run the same command again."
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the engine's errors into Isotherm's."""
    try:
        yield
    except IsothermError:
        raise
    except Exception as error:
        match failure(error):
            case None:
                raise
            case Failure.CONFLICT | Failure.CONSTRAINT:
                raise conflict(error) from error
            case Failure.UNREADABLE:
                raise StorageError(
                    f"the warehouse or the store cannot be used: {words(error)}"
                ) from error
            case Failure.FORBIDDEN:
                raise StorageError(
                    f"the warehouse's role may not do that: {words(error)}",
                    hint="Nothing was changed. What it needs is printed by: isotherm grants",
                ) from error
            case Failure.NO_MEMORY:
                raise IsothermError(
                    f"there is not enough memory: {error}", hint="Raise [settings] memory."
                ) from error
            case Failure.FATAL:
                raise IsothermError(
                    f"the warehouse failed, and has to be opened again: {error}",
                    hint="Mend the cause, then run the same command again.",
                ) from error
            case Failure.STOPPED if isinstance(error, RuntimeError):  # DuckDB's word for Ctrl-C
                raise KeyboardInterrupt from error
        raise IsothermError(f"the warehouse refused a statement: {words(error)}") from error
