"""What every warehouse does. A new backend is one more line in WAREHOUSES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from databases import PostgresServer
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.model.dataset import TableName
from isotherm.model.errors import ConflictError, IsothermError, SchemaError
from isotherm.model.part import Digest
from isotherm.model.schema import Column
from isotherm.warehouse.base import Transaction, Warehouse
from isotherm.warehouse.duckdb import DuckDBWarehouse
from isotherm.warehouse.postgres import PostgresWarehouse

TRIPS = TableName("lake", "trips")


def in_duckdb(request: pytest.FixtureRequest) -> Warehouse:
    folder: Path = request.getfixturevalue("tmp_path")
    return DuckDBWarehouse(folder / "warehouse.duckdb", DuckDBEngine())


def in_postgres(request: pytest.FixtureRequest) -> Warehouse:
    server: PostgresServer = request.getfixturevalue("postgres")
    return PostgresWarehouse(server.database(), DuckDBEngine())


WAREHOUSES: dict[str, Callable[[pytest.FixtureRequest], Warehouse]] = {
    "duckdb": in_duckdb,
    "postgres": in_postgres,
}


@pytest.fixture(params=WAREHOUSES)
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    made = WAREHOUSES[request.param](request)
    with made.transaction() as tx:
        tx.execute("CREATE SCHEMA lake")
    with made.transaction() as tx:
        tx.execute(f"CREATE TABLE {tx.relation(TRIPS)} (pickup TIMESTAMP, id INTEGER)")
        tx.insert(TRIPS, ["pickup", "id"], days(10))
    yield made
    made.close()


def days(count: int) -> str:
    return (
        "SELECT TIMESTAMP '2018-03-01' + INTERVAL (i) DAY, i::INTEGER "
        f"FROM generate_series(0, {count - 1}) t(i)"
    )


def rows(tx: Transaction) -> str:
    return f"SELECT pickup, id FROM {tx.relation(TRIPS)}"


def count(warehouse: Warehouse) -> int:
    with warehouse.snapshot() as tx:
        return int(tx.execute(f"SELECT count(*) FROM {tx.relation(TRIPS)}")[0][0])


def test_a_transaction_commits_at_its_end(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        assert tx.delete(TRIPS, "id < 4") == 4
        assert count(warehouse) == 10
    assert count(warehouse) == 6


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_is_rolled_back_by_any_error(
    warehouse: Warehouse, error: type[BaseException]
) -> None:
    with pytest.raises(error), warehouse.transaction() as tx:
        _fail(error, after=tx.delete(TRIPS, "id < 4"))
    assert count(warehouse) == 10


def _fail(error: type[BaseException], after: int) -> None:
    assert after == 4
    raise error


def test_a_snapshot_sees_nothing_of_what_is_committed_after_it(warehouse: Warehouse) -> None:
    with warehouse.snapshot() as reader:
        before = reader.session.digest(rows(reader))
        with warehouse.transaction() as tx:
            tx.delete(TRIPS, "id < 4")
        assert reader.session.digest(rows(reader)) == before
    with warehouse.snapshot() as reader:
        assert reader.session.digest(rows(reader)).rows == 6


def test_a_snapshot_does_not_write(warehouse: Warehouse) -> None:
    with pytest.raises(IsothermError), warehouse.snapshot() as tx:
        tx.delete(TRIPS, "id < 4")
    assert count(warehouse) == 10


def test_the_columns_of_a_table_are_told_in_order_and_of_none_there_are_none(
    warehouse: Warehouse,
) -> None:
    with warehouse.snapshot() as tx:
        assert tx.columns(TRIPS) == (Column("pickup", "TIMESTAMP"), Column("id", "INTEGER"))
        assert tx.columns(TableName("lake", "nothing")) == ()


def test_values_are_bound(warehouse: Warehouse) -> None:
    with warehouse.snapshot() as tx:
        assert tx.execute("SELECT ?, ?", ["'; DROP TABLE trips", 7]) == [("'; DROP TABLE trips", 7)]


def test_an_insert_says_how_many_rows_it_brought(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        assert tx.insert(TRIPS, ["pickup", "id"], days(3)) == 3
    assert count(warehouse) == 13


def test_who_writes_the_same_row_second_is_told_of_a_conflict(warehouse: Warehouse) -> None:
    with warehouse.transaction() as first:
        first.delete(TRIPS, "id = 1")
        with pytest.raises(ConflictError), warehouse.transaction() as second:
            second.delete(TRIPS, "id = 1 OR id = 2")
    assert count(warehouse) == 9


def test_rows_that_were_changed_since_the_snapshot_are_not_deleted(warehouse: Warehouse) -> None:
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(ConflictError))
        tx = stack.enter_context(warehouse.transaction())
        seen = tx.session.digest(rows(tx))
        with warehouse.transaction() as other:
            _update(other)
        assert tx.session.digest(rows(tx)) == seen
        _delete_what_was(seen, tx)
    assert count(warehouse) == 10


def test_rows_that_came_since_the_snapshot_are_not_deleted(warehouse: Warehouse) -> None:
    with suppress(ConflictError), warehouse.transaction() as tx:
        seen = tx.session.digest(rows(tx))
        with warehouse.transaction() as other:
            other.insert(TRIPS, ["pickup", "id"], days(3))
        _delete_what_was(seen, tx)
    assert count(warehouse) in (3, 13)


def _delete_what_was(seen: Digest, tx: Transaction) -> None:
    if tx.fence(TRIPS, rows(tx)) != seen:
        raise ConflictError("the rows are others now")
    assert tx.delete(TRIPS, "true") == seen.rows


def test_a_fence_of_rows_that_nobody_changed_tells_the_same(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        assert tx.fence(TRIPS, rows(tx)) == tx.session.digest(rows(tx))


@pytest.mark.parametrize("early", [True, False])
def test_behind_a_fence_no_other_writer_changes_the_table_unseen(
    warehouse: Warehouse, early: bool
) -> None:
    """Of a writer who began before the fence or after it: one of the two has to give way."""
    moved = False
    with suppress(ConflictError), ExitStack() as writer, warehouse.transaction() as tx:
        assert tx.session.digest(rows(tx)).rows == 10
        if early:
            _update(writer.enter_context(warehouse.transaction()))
        tx.fence(TRIPS, rows(tx))
        assert tx.delete(TRIPS, "true") == 10
        moved = True
        with pytest.raises(ConflictError):
            _go_on(writer, None if early else warehouse)
    assert moved or early
    assert count(warehouse) == (0 if moved else 10)


def _update(tx: Transaction) -> None:
    tx.execute(f"UPDATE {tx.relation(TRIPS)} SET id = 100 WHERE id = 3")


def _go_on(writer: ExitStack, warehouse: Warehouse | None) -> None:
    """Commit what was written, or write now."""
    if warehouse is None:
        writer.close()
        return
    with warehouse.transaction() as late:
        _update(late)


def test_a_fence_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        columns, seen = tx.columns(TRIPS), tx.session.digest(rows(tx))
        tx.fence(TRIPS, rows(tx))
        assert tx.columns(TRIPS) == columns
        assert tx.session.digest(rows(tx)) == seen
    with warehouse.snapshot() as tx:
        assert tx.columns(TRIPS) == columns
        assert tx.session.digest(rows(tx)) == seen


def test_a_constraint_of_the_table_is_named(warehouse: Warehouse) -> None:
    keyed = TableName("lake", "keyed")
    with warehouse.transaction() as tx:
        tx.execute(f"CREATE TABLE {tx.relation(keyed)} (pickup TIMESTAMP, id INTEGER UNIQUE)")
        tx.insert(keyed, ["pickup", "id"], days(3))
    with (
        pytest.raises(SchemaError, match=r"a constraint of lake\.keyed"),
        warehouse.transaction() as tx,
    ):
        tx.insert(keyed, ["pickup", "id"], days(1))


def test_a_digest_does_not_hang_on_the_order_and_counts_duplicates(warehouse: Warehouse) -> None:
    with warehouse.snapshot() as tx:
        whole = tx.session.digest(rows(tx))
        assert tx.session.digest(f"{rows(tx)} ORDER BY id DESC") == whole
        parts = [tx.session.digest(f"{rows(tx)} WHERE id % 2 = {n}") for n in (0, 1)]
        assert parts[0] + parts[1] == whole
        twice = tx.session.digest(f"{rows(tx)} UNION ALL {rows(tx)}")
        assert twice == whole + whole != whole


def test_a_table_with_rows_takes_bytes(warehouse: Warehouse) -> None:
    with warehouse.snapshot() as tx:
        assert tx.bytes(TRIPS, 6) > 0


def test_compacting_beside_an_open_transaction_does_no_harm(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        tx.delete(TRIPS, "id < 4")
        warehouse.compact()
    warehouse.compact()
    assert count(warehouse) == 6
