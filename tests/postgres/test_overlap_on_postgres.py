"""Moves overlap on PostgreSQL: rows are copied before the transaction that deletes them."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from datetime import datetime

import pytest

import isotherm
from ageing import age, ids, tiers_of, untidy
from conftest import run_sql
from databases import Connection, PostgresServer, run_sql_of
from isotherm.lake import Lake
from isotherm.model.dataset import TableName
from isotherm.model.errors import ConflictError, MovesFailed
from isotherm.model.schema import Column
from isotherm.plan.plan import Kind
from isotherm.plan.steps import Step, steps
from overlapping import (
    EARLY,
    MONTHS,
    SECONDS,
    apply,
    copies,
    held_back,
    nothing_is_left_behind,
    once,
)
from turns import in_turn

TRIPS = TableName("public", "trips")


pytestmark = pytest.mark.usefixtures("no_waiting")


def test_the_next_month_is_copied_while_one_is_committed(on_postgres: Lake) -> None:
    """Rows that leave, and objects that change their tier: either would wait for ever if not."""
    for now in (EARLY, datetime(2019, 9, 1)):
        on_postgres.clock.now = now  # type: ignore[attr-defined]
        late, early = (MONTHS[0], Step.COMMIT), (MONTHS[1], Step.VERIFY)
        seen = apply(on_postgres, held_back(late, early))
        assert [span for span, step in seen if step is Step.COMMIT] == list(MONTHS)
        nothing_is_left_behind(on_postgres)


@pytest.mark.parametrize(
    ("held", "step"), in_turn(itertools.product((True, False), (Step.BEGIN, Step.DELETE)), 4)
)
@pytest.mark.parametrize(
    ("write", "rows", "attempts"),
    [
        ("UPDATE trips SET id = 1000 WHERE id = 40", [*range(40), *range(41, 120), 1000], 2),
        ("DELETE FROM trips WHERE id = 40", [*range(40), *range(41, 120)], 2),
        (
            "DELETE FROM trips WHERE id = 40; INSERT INTO trips VALUES ('2018-04-10', 1000)",
            [*range(40), *range(41, 120), 1000],
            2,
        ),
        ("UPDATE trips SET id = id WHERE id = 40", [*range(120)], 2),
        ("INSERT INTO trips VALUES ('2018-04-10', 1000)", [*range(120), 1000], 1),
    ],
    ids=["changed", "gone", "another in its place", "written anew", "more"],
)
def test_what_is_written_after_the_copy_is_never_deleted(
    on_postgres: Lake,
    other: Connection,
    monkeypatch: pytest.MonkeyPatch,
    write: str,
    rows: list[int],
    attempts: int,
    step: Step,
    held: bool,
) -> None:
    """As many rows may be there as before, and even the same ones."""
    if not held:
        monkeypatch.setattr("isotherm.warehouse.postgres_transaction.HELD_ROWS", 0)
    seen = apply(on_postgres, once((MONTHS[1], step), lambda: other.execute(write)))
    assert copies(seen) == attempts
    assert ids(on_postgres) == rows
    assert set(tiers_of(on_postgres).values()) == {"STANDARD"}
    age(on_postgres)  # what came late follows
    assert ids(on_postgres) == rows
    assert not run_sql(on_postgres, "FROM trips")
    assert not untidy(on_postgres)


@pytest.mark.parametrize("commits", [Step.BEGIN, Step.DELETE])
@pytest.mark.parametrize("nested", in_turn([False, True], 2))
def test_who_is_still_writing_when_rows_are_copied_loses_nothing(
    on_postgres: Lake,
    other: Connection,
    quiet: PostgresServer,
    url: str,
    commits: Step,
    nested: bool,
) -> None:
    """What is written behind a savepoint has a number that no snapshot tells of."""
    with quiet.connect(url) as writer:
        writer.autocommit = False
        writer.execute("SELECT pg_current_xact_id()")
        other.execute("UPDATE trips SET id = id WHERE id = 119")
        if nested:
            writer.execute("SAVEPOINT inner_one")
        writer.execute("INSERT INTO trips VALUES ('2018-04-10', 1000)")
        other.execute("UPDATE trips SET id = id WHERE id = 119")

        def as_many_as_before() -> None:
            other.execute("DELETE FROM trips WHERE id = 40")
            writer.commit()

        apply(on_postgres, once((MONTHS[1], commits), as_many_as_before))
    rows = [*range(40), *range(41, 120), 1000]
    assert ids(on_postgres) == rows
    age(on_postgres)
    assert ids(on_postgres) == rows
    assert not run_sql(on_postgres, "FROM trips")
    assert not untidy(on_postgres)


def test_rows_that_cannot_be_told_from_newer_ones_are_copied_in_their_turn(
    on_postgres: Lake, quiet: PostgresServer, url: str
) -> None:
    """Somebody is at work since before they were written: that costs one more copy, once."""
    with quiet.connect(url) as oldest:
        oldest.autocommit = False
        oldest.execute("SELECT pg_current_xact_id()")
        run_sql(on_postgres, "UPDATE trips SET id = id")
        seen = apply(on_postgres)
    assert copies(seen, MONTHS[0]) == 2
    assert [step for span, step in seen if span == MONTHS[-1]] == list(
        steps(Kind.UNLOAD, ahead=False)
    )
    nothing_is_left_behind(on_postgres)


def test_frozen_rows_are_old_ones(on_postgres: Lake, other: Connection) -> None:
    other.execute("VACUUM (FREEZE) trips")
    seen = apply(on_postgres)
    assert [copies(seen, month) for month in MONTHS] == [1] * len(MONTHS)
    nothing_is_left_behind(on_postgres)


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE trips ALTER id TYPE bigint", "TRUNCATE trips", "VACUUM FULL trips"],
)
def test_who_waits_for_the_table_while_it_is_read_gets_it_when_it_is_read(
    on_postgres: Lake, quiet: PostgresServer, url: str, change: str
) -> None:
    """Who waits for a reader keeps later writers waiting: were we both, nobody would go on."""
    came = threading.Event()

    def wait_for_the_table() -> None:
        with quiet.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            came.set()
            connection.execute(change)  # type: ignore[arg-type]

    waiting = threading.Thread(target=wait_for_the_table)

    def begin() -> None:
        waiting.start()
        assert came.wait(SECONDS)

    with suppress(MovesFailed):  # where a move had to wait for who waited
        apply(on_postgres, once((MONTHS[1], Step.VERIFY), begin))
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    age(on_postgres)
    left = ids(on_postgres)
    if change.startswith("TRUNCATE"):  # only months that had left before are still there
        assert left in ([], list(range(31)))
    else:
        assert left == list(range(120))
    assert not untidy(on_postgres)


def test_who_waits_for_one_snapshot_does_not_keep_the_others_for_ever(
    on_postgres: Lake, quiet: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that has read its rows holds a lock, for which another one's reading may wait."""
    monkeypatch.setattr("isotherm.warehouse.postgres.LOCK_TIMEOUT", "500ms")
    run_sql_of(url, f"ALTER DATABASE {url.rpartition('/')[2]} RESET lock_timeout")
    came = threading.Event()

    def alter() -> None:
        with quiet.connect(url) as connection:
            connection.execute("ALTER TABLE trips ADD COLUMN extra integer")

    waiting = threading.Thread(target=alter)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[0], Step.COPY) and not came.is_set():
            assert came.wait(SECONDS)
        if (span, step) == (MONTHS[1], Step.VERIFY) and not came.is_set():
            waiting.start()
            waiting.join(0.3)
            came.set()

    with (
        isotherm.open(on_postgres.config.file, clock=on_postgres.clock) as again,
        suppress(MovesFailed),
    ):
        apply(again, watch)
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    age(on_postgres)
    nothing_is_left_behind(on_postgres)


def test_columns_that_the_engine_remembers_otherwise_are_not_read(
    on_postgres: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_postgres.warehouse.snapshot() as tx:
        changed = (Column("pickup", "TIMESTAMP"), Column("id", "DOUBLE"))
        monkeypatch.setattr(type(tx), "columns", lambda *_: changed)
        with pytest.raises(ConflictError, match="have just changed"):
            tx.take(TRIPS, "true", 120)


def test_what_was_read_on_a_snapshot_that_is_gone_is_read_again(
    on_postgres: Lake, other: Connection
) -> None:
    """The server may have been another one meanwhile, with other transactions of these numbers."""
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    ended: list[object] = []

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[-1], Step.BEGIN) and not ended:
            ended.extend(other.execute(end).fetchall())

    seen = apply(on_postgres, watch)
    assert ended
    assert copies(seen, MONTHS[-1]) == 2
    nothing_is_left_behind(on_postgres)


def test_the_number_of_a_snapshot_is_of_what_it_reads(on_postgres: Lake, other: Connection) -> None:
    """What a snapshot is asked natively, and what the engine reads, is of the same moment."""
    number = "SELECT pg_current_snapshot()::text"
    with on_postgres.warehouse.snapshot() as tx:
        before = tx.native(number)  # type: ignore[attr-defined]
        other.execute("INSERT INTO trips VALUES ('2018-04-10', 1000)")
        count = tx.session.execute(f"SELECT count(*) FROM {tx.relation(TRIPS)}")
        assert count == [(120,)]
        assert tx.native(number) == before  # type: ignore[attr-defined]
    with on_postgres.warehouse.snapshot() as tx:
        assert tx.native(number) != before  # type: ignore[attr-defined]
