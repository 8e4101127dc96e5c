"""The journal: whoever changes, drops, swaps or cuts what was written is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from isotherm.control import journal, migrations
from isotherm.control.journal import GENESIS, Entry, Head
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.model.errors import JournalError
from isotherm.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2019, 7, 1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb", DuckDBEngine())
    with warehouse.transaction() as tx:
        migrations.migrate(tx)
        for number in range(6):
            journal.write(tx, NOW, "trips", f"m{number}", "done", rows=number, note="é'\"")
    with warehouse.transaction() as tx:
        journal.seal(tx)
    yield warehouse
    warehouse.close()


def tamper(warehouse: DuckDBWarehouse, *statements: str) -> None:
    with warehouse.transaction() as tx:
        for statement in statements:
            tx.execute(statement)


def verify(warehouse: DuckDBWarehouse) -> Head:
    with warehouse.snapshot() as tx:
        return journal.verify(tx)


def test_a_whole_chain_is_followed_to_its_head(warehouse: DuckDBWarehouse) -> None:
    with warehouse.snapshot() as tx:
        head = journal.head(tx)
        assert head.seq == 6
        assert journal.verify(tx) == head
        assert [entry.move for entry in journal.entries(tx)] == [f"m{n}" for n in range(6)]
        assert [entry.move for entry in journal.entries(tx, limit=2)] == ["m4", "m5"]
        assert journal.entries(tx, "rides") == []


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"move": "unload trips 2018-01", "why": "late rows"}, "unload trips 2018-01"),
        ({"move": "unload trips 2018-01", "rows": 1}, "unload trips 2018-01; 1 row"),
        ({"file": "a.csv", "rows": 1200}, "a.csv; 1,200 rows"),
        ({"case": "SDNY-17", "scope": "x", "who": "ann", "why": "s"}, "SDNY-17; by ann; s"),
        ({"case": "DSR-1", "who": "ann", "subjects": ["5eed"]}, "DSR-1; by ann"),
        ({"case": "DSR-1", "sha256": "5eed"}, "DSR-1"),
        ({"source": "the backup b", "who": "ann", "made": []}, "the backup b; by ann"),
    ],
)
def test_each_event_says_what_it_was_about(detail: dict[str, object], said: str) -> None:
    assert Entry("1", NOW, "trips", "", "event", detail, None, None).summary == said


def test_an_empty_journal_has_a_head(warehouse: DuckDBWarehouse) -> None:
    tamper(warehouse, "DELETE FROM isotherm.journal")
    assert verify(warehouse) == Head(0, GENESIS)


def test_sealing_again_changes_nothing_and_goes_on_from_the_head(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.transaction() as tx:
        head = journal.head(tx)
        assert journal.seal(tx) == head
        journal.write(tx, NOW, "trips", "m6", "begun")
        assert journal.verify(tx) == head
        assert journal.seal(tx).seq == 7
        assert journal.verify(tx).seq == 7


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE isotherm.journal SET detail = '{}' WHERE seq = 3",
        "UPDATE isotherm.journal SET move = 'other' WHERE seq = 3",
        "UPDATE isotherm.journal SET written_at = written_at + INTERVAL 1 SECOND WHERE seq = 3",
        "UPDATE isotherm.journal SET dataset = 'rides' WHERE seq = 3",
        "UPDATE isotherm.journal SET event = 'begun' WHERE seq = 3",
        "UPDATE isotherm.journal SET hash = repeat('a', 64) WHERE seq = 3",
        "DELETE FROM isotherm.journal WHERE seq = 3",
        "DELETE FROM isotherm.journal WHERE seq = 1",
        "UPDATE isotherm.journal SET seq = 7 - seq WHERE seq IN (3, 4)",
        "INSERT INTO isotherm.journal SELECT 'x', * EXCLUDE (id) FROM isotherm.journal "
        "WHERE seq = 3",
    ],
)
def test_a_row_that_was_changed_dropped_swapped_or_doubled_is_found(
    warehouse: DuckDBWarehouse, statement: str
) -> None:
    tamper(warehouse, statement)
    with pytest.raises(JournalError, match=r"row \d"):
        verify(warehouse)


def test_a_tail_that_was_cut_is_found_by_a_head_that_was_noted(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.snapshot() as tx:
        noted = str(journal.head(tx))
        assert journal.holds(tx, noted)
        assert journal.holds(tx, f"0:{GENESIS}")
    tamper(warehouse, "DELETE FROM isotherm.journal WHERE seq > 4")
    assert verify(warehouse).seq == 4
    with warehouse.snapshot() as tx:
        assert not journal.holds(tx, noted)


def test_a_tail_that_was_written_anew_is_found_by_a_head_that_was_noted(
    warehouse: DuckDBWarehouse,
) -> None:
    with warehouse.snapshot() as tx:
        noted = str(journal.head(tx))
    tamper(
        warehouse,
        "UPDATE isotherm.journal SET seq = NULL, previous = NULL, hash = NULL, move = 'forged' "
        "WHERE seq > 4",
    )
    with warehouse.transaction() as tx:
        assert journal.seal(tx).seq == 6
        assert journal.verify(tx).seq == 6
        assert not journal.holds(tx, noted)
