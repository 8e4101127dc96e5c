"""A DuckDB file as the warehouse: one process at a time, many threads in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ..engine.base import Row
from ..engine.duckdb import DuckDBEngine, DuckDBSession
from ..engine.sql import listed, quote
from ..model.dataset import TableName
from ..model.errors import ConflictError, IsothermError, SchemaError, StorageError
from ..model.part import Digest
from ..model.schema import Column

BLOCK_BYTES = 262_144


class DuckDBWarehouse:
    """See `warehouse.base.Warehouse`.

    The file is attached under a name that nobody can guess, so that no SQL of a user reaches the
    hot table past the view that stands for the whole dataset.
    """

    default_schema = "main"

    def __init__(self, path: Path, engine: DuckDBEngine, *, read_only: bool = False) -> None:
        self.path = path
        self.engine = engine
        self.read_only = read_only
        self.alias = f"warehouse_{uuid.uuid4().hex[:12]}"
        if "?" in str(path):
            raise StorageError(
                f"the warehouse {path} has a ? in its path, which DuckDB takes for a URL's",
                hint="Choose another file: [warehouse] url in isotherm.toml.",
            )
        engine.attach(path, self.alias, read_only=read_only)

    def session(self) -> DuckDBSession:
        """Open a session whose unqualified names are the warehouse's."""
        session = self.engine.session()
        session.execute(f"USE {quote(self.alias)}")
        return session

    @contextmanager
    def transaction(self) -> Iterator[DuckDBTransaction]:
        """Open a writing transaction: it commits at the end, and rolls back on an error."""
        session = self.session()
        try:
            with _translated():
                session.execute("BEGIN TRANSACTION")
                transaction = DuckDBTransaction(self, session)
                yield transaction
                transaction.commit()
        finally:
            session.close()

    @contextmanager
    def snapshot(self) -> Iterator[DuckDBTransaction]:
        """Open a transaction that cannot write."""
        session = self.session()
        try:
            with _translated():
                session.execute("BEGIN TRANSACTION READ ONLY")
                yield DuckDBTransaction(self, session)
        finally:
            session.close()

    def compact(self) -> None:
        """Checkpoint: deleted rows' blocks become free; skipped while others are at work."""
        session = self.session()
        try:
            session.execute(f"CHECKPOINT {quote(self.alias)}")
        except duckdb.Error:
            return  # another transaction is open, or there is no room; the next one does it
        finally:
            session.close()

    def schemas(self) -> tuple[str, ...]:
        """Return the warehouse's schemas, the default one first."""
        session = self.session()
        try:
            rows = session.execute(
                "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? "
                "AND NOT internal ORDER BY schema_name <> 'main', schema_name",
                [self.alias],
            )
        finally:
            session.close()
        return tuple(row[0] for row in rows)

    def views(self) -> list[tuple[str, str, str]]:
        """Return `(sql, schema, name)` of the views that users have made in the warehouse."""
        session = self.session()
        try:
            rows = session.execute(
                "SELECT sql, schema_name, view_name FROM duckdb_views() "
                "WHERE database_name = ? AND NOT internal ORDER BY view_name",
                [self.alias],
            )
        finally:
            session.close()
        return [(row[0], row[1], row[2]) for row in rows]

    def close(self) -> None:
        """Detach the file: DuckDB checkpoints it and gives up its lock."""
        self.engine.close()


class DuckDBTransaction:
    """See `warehouse.base.Transaction`."""

    def __init__(self, warehouse: DuckDBWarehouse, session: DuckDBSession) -> None:
        self.warehouse = warehouse
        self.session = session

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement on the warehouse, values bound to `?`, and return its rows."""
        with _translated():
            return self.session.execute(sql, params)

    def commit(self) -> None:
        """Commit; a conflict that DuckDB finds only now is a `ConflictError` too."""
        with _translated():
            self.session.execute("COMMIT")

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Return the table's columns in order; none if there is no such table."""
        try:  # ten times as fast as duckdb_columns(), which goes through every table there is
            rows = self.session.execute(
                "SELECT name, type FROM pragma_table_info(?)", [self.relation(table)]
            )
        except duckdb.CatalogException:
            return ()
        return tuple(Column(name, type_) for name, type_ in rows)

    def relation(self, table: TableName) -> str:
        """Return the table's name as SQL of `session`."""
        return quote(self.warehouse.alias, table.schema, table.name)

    def bytes(self, table: TableName) -> int:
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
            raise _conflict(error) from error
        except (duckdb.DependencyException, duckdb.CatalogException) as error:
            raise SchemaError(
                f"{table} cannot be fenced against other writers: {error}",
                hint="An index or a foreign key forbids it. Drop it, or move when nobody else "
                "writes, and say so: isotherm apply --exclusive",
            ) from error
        fresh = self.warehouse.session()
        try:
            return fresh.digest(select)
        finally:
            fresh.close()

    def delete(self, table: TableName, condition: str) -> int:
        """Delete the rows that meet `condition` and return how many there were."""
        return self._change(table, f"DELETE FROM {self.relation(table)} WHERE {condition}")

    def insert(self, table: TableName, columns: Sequence[str], select: str) -> int:
        """Insert the rows of `select` and return how many there were."""
        names = listed(columns)
        return self._change(table, f"INSERT INTO {self.relation(table)} ({names}) {select}")

    def _change(self, table: TableName, sql: str) -> int:
        try:
            return int(self.session.execute(sql)[0][0])
        except duckdb.ConstraintException as error:
            raise SchemaError(
                f"a constraint of {table} forbids it: {error}",
                hint="Nothing was changed. Drop the constraint, or mend the rows it speaks of.",
            ) from error
        except duckdb.TransactionException as error:
            raise _conflict(error) from error


def _conflict(error: duckdb.Error) -> ConflictError:
    return ConflictError(
        f"another writer was there first: {error}", hint="Run the same command again."
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn DuckDB's errors into Isotherm's."""
    try:
        yield
    except (duckdb.TransactionException, duckdb.ConstraintException) as error:
        raise _conflict(error) from error
    except duckdb.IOException as error:
        raise StorageError(f"the warehouse or the store cannot be used: {error}") from error
    except duckdb.OutOfMemoryException as error:
        raise IsothermError(
            f"there is not enough memory: {error}", hint="Raise [settings] memory."
        ) from error
    except duckdb.FatalException as error:
        raise IsothermError(
            f"the warehouse failed, and has to be opened again: {error}",
            hint="Mend the cause, then run the same command again.",
        ) from error
    except duckdb.Error as error:
        raise IsothermError(f"the warehouse refused a statement: {error}") from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from error
        raise
