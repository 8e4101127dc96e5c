"""Moves overlap on PostgreSQL: rows are copied before the transaction that deletes them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import psycopg
import pytest
import stamina

import isotherm
from ageing import age, ids, tiers_of, untidy
from conftest import MakeLake, run_sql
from databases import PostgresServer, running
from isotherm.lake import Lake
from isotherm.model.dataset import TableName
from isotherm.model.errors import ConflictError, MovesFailed, SchemaError
from isotherm.model.schema import Column
from isotherm.moves.runner import Runner
from isotherm.plan.plan import Kind
from isotherm.plan.steps import Step, steps
from isotherm.warehouse import postgres as warehouse
from overlapping import (
    EARLY,
    MONTHS,
    SECONDS,
    Seen,
    apply,
    held_back,
    make,
    nothing_is_left_behind,
)
from turns import in_turn

TRIPS = TableName("public", "trips")
Connection = psycopg.Connection[tuple[object, ...]]


def run_sql_of(url: str, *statements: str) -> None:
    """Run statements on a server, as somebody else."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """Start a server on which nobody is at work but the test, in none of its databases."""
    with running() as server:
        yield server


@pytest.fixture
def url(own: PostgresServer) -> str:
    return own.database()


@pytest.fixture
def lake(make_lake: MakeLake, url: str) -> Lake:
    return make(make_lake, warehouse=url)


@pytest.fixture
def other(own: PostgresServer, url: str) -> Iterator[Connection]:
    """Somebody else at the same database."""
    with own.connect(url) as connection:
        yield connection


def once(at: tuple[str, Step], act: Callable[[], object]) -> Callable[[str, Step], None]:
    """Return who does something the first time that a step comes."""
    waiting = [act]

    def watch(span: str, step: Step) -> None:
        if (span, step) == at and waiting:
            waiting.pop()()

    return watch


def copies(seen: Seen, span: str = MONTHS[1]) -> int:
    return seen.count((span, Step.COPY))


def test_the_next_month_is_copied_while_one_is_committed(lake: Lake) -> None:
    """Rows that leave, and objects that change their tier: either would wait for ever if not."""
    for now in (EARLY, datetime(2019, 9, 1)):
        lake.clock.now = now  # type: ignore[attr-defined]
        late, early = (MONTHS[0], Step.COMMIT), (MONTHS[1], Step.VERIFY)
        seen = apply(lake, held_back(late, early))
        assert [span for span, step in seen if step is Step.COMMIT] == list(MONTHS)
        nothing_is_left_behind(lake)


@pytest.mark.parametrize(
    ("held", "step"), in_turn(itertools.product((True, False), (Step.BEGIN, Step.DELETE)), 2)
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
    lake: Lake,
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
        monkeypatch.setattr(warehouse, "HELD_ROWS", 0)
    seen = apply(lake, once((MONTHS[1], step), lambda: other.execute(write)))
    assert copies(seen) == attempts
    assert ids(lake) == rows
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    age(lake)  # what came late follows
    assert ids(lake) == rows
    assert not run_sql(lake, "FROM trips")
    assert not untidy(lake)


@pytest.mark.parametrize("commits", [Step.BEGIN, Step.DELETE])
@pytest.mark.parametrize("nested", [False, True])
def test_who_is_still_writing_when_rows_are_copied_loses_nothing(
    lake: Lake,
    other: Connection,
    own: PostgresServer,
    url: str,
    commits: Step,
    nested: bool,
) -> None:
    """What is written behind a savepoint has a number that no snapshot tells of."""
    with own.connect(url) as writer:
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

        apply(lake, once((MONTHS[1], commits), as_many_as_before))
    rows = [*range(40), *range(41, 120), 1000]
    assert ids(lake) == rows
    age(lake)
    assert ids(lake) == rows
    assert not run_sql(lake, "FROM trips")
    assert not untidy(lake)


def test_rows_that_cannot_be_told_from_newer_ones_are_copied_in_their_turn(
    lake: Lake, own: PostgresServer, url: str
) -> None:
    """Somebody is at work since before they were written: that costs one more copy, once."""
    with own.connect(url) as oldest:
        oldest.autocommit = False
        oldest.execute("SELECT pg_current_xact_id()")
        run_sql(lake, "UPDATE trips SET id = id")
        seen = apply(lake)
    assert copies(seen, MONTHS[0]) == 2
    assert [step for span, step in seen if span == MONTHS[-1]] == list(
        steps(Kind.UNLOAD, ahead=False)
    )
    nothing_is_left_behind(lake)


def test_frozen_rows_are_old_ones(lake: Lake, other: Connection) -> None:
    other.execute("VACUUM (FREEZE) trips")
    seen = apply(lake)
    assert [copies(seen, month) for month in MONTHS] == [1] * len(MONTHS)
    nothing_is_left_behind(lake)


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE trips ALTER id TYPE bigint", "TRUNCATE trips", "VACUUM FULL trips"],
)
def test_who_waits_for_the_table_while_it_is_read_gets_it_when_it_is_read(
    lake: Lake, own: PostgresServer, url: str, change: str
) -> None:
    """Who waits for a reader keeps later writers waiting: were we both, nobody would go on."""
    came = threading.Event()

    def wait_for_the_table() -> None:
        with own.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            came.set()
            connection.execute(change)  # type: ignore[arg-type]

    waiting = threading.Thread(target=wait_for_the_table)

    def begin() -> None:
        waiting.start()
        assert came.wait(SECONDS)

    with suppress(MovesFailed):  # where a move had to wait for who waited
        apply(lake, once((MONTHS[1], Step.VERIFY), begin))
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    age(lake)
    left = ids(lake)
    if change.startswith("TRUNCATE"):  # only months that had left before are still there
        assert left in ([], list(range(31)))
    else:
        assert left == list(range(120))
    assert not untidy(lake)


@pytest.mark.parametrize("step", [Step.BEGIN, Step.DELETE])
@pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "in its turn"])
@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER noting BEFORE DELETE ON trips FOR EACH ROW EXECUTE FUNCTION noted()",
        "ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES trips ON DELETE CASCADE",
    ],
    ids=["trigger", "foreign key"],
)
def test_what_would_happen_with_the_rows_may_come_after_the_copy(
    lake: Lake,
    other: Connection,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    ahead: bool,
    step: Step,
) -> None:
    """It forbids the move all the same, though the transaction's snapshot knows nothing of it."""
    if not ahead:
        monkeypatch.setattr(Runner, "order", lambda _, move: steps(move.kind, ahead=False))
    other.execute(
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
    )
    other.execute("ALTER TABLE trips ADD PRIMARY KEY (id)")
    other.execute("CREATE TABLE child AS SELECT id FROM trips WHERE id BETWEEN 31 AND 60")
    with pytest.raises(MovesFailed) as failed:
        apply(lake, once((MONTHS[1], step), lambda: other.execute(change)))  # type: ignore[arg-type]
    assert all(isinstance(e, SchemaError) for e in failed.value.applied.failures.values())
    assert other.execute("SELECT count(*) FROM child").fetchall() == [(30,)]
    assert ids(lake) == list(range(120))


def test_a_column_that_comes_with_values_before_the_rows_are_deleted_is_moved_too(
    make_lake: MakeLake, own: PostgresServer, url: str
) -> None:
    """Who waits for the copy's snapshot gets the table before the rows are deleted."""
    lake = make(make_lake, warehouse=url, at_once=1)

    def add() -> None:
        with own.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            connection.execute("ALTER TABLE trips ADD COLUMN tip integer DEFAULT 7")

    adding = threading.Thread(target=add)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.VERIFY) and not adding.ident:
            adding.start()
            adding.join(0.3)
        if (span, step) == (MONTHS[1], Step.DELETE):
            adding.join(SECONDS)

    seen = apply(lake, watch)
    assert copies(seen) == 2
    april = "SELECT count(*) FROM trips WHERE tip = 7 AND pickup >= '2018-04-01'"
    assert lake.sql(april).fetchall() == [(89,)]
    nothing_is_left_behind(lake)


@pytest.mark.parametrize("step", [Step.VERIFY, Step.BEGIN, Step.DELETE])
def test_another_table_of_the_same_name_keeps_its_rows(
    make_lake: MakeLake, own: PostgresServer, url: str, other: Connection, step: Step
) -> None:
    """It is older than the copy, and has as many rows."""
    lake = make(make_lake, warehouse=url, at_once=1)
    other.execute("CREATE TABLE trips_new AS SELECT pickup, id + 1000 AS id FROM trips")

    def swap() -> None:
        with own.connect(url) as connection:
            connection.execute("SET lock_timeout = 0")
            connection.execute(
                "BEGIN; ALTER TABLE trips RENAME TO trips_old; "
                "ALTER TABLE trips_new RENAME TO trips; COMMIT"
            )

    swapping = threading.Thread(target=swap)

    def begin() -> None:
        swapping.start()
        swapping.join(0.3)

    with suppress(MovesFailed):
        apply(lake, once((MONTHS[1], step), begin))
    swapping.join(SECONDS)
    age(lake)
    march, others = list(range(31)), list(range(1000, 1120))
    assert ids(lake) in (others, [*march, *others])  # where it had left before
    assert not untidy(lake)


def test_a_partition_that_comes_with_old_rows_keeps_them(make_lake: MakeLake, url: str) -> None:
    lake = make(make_lake, warehouse=url, table=False)
    run_sql_of(
        url,
        "CREATE TABLE trips (pickup timestamp, id int) PARTITION BY RANGE (pickup)",
        "CREATE TABLE p1 PARTITION OF trips FOR VALUES FROM ('2018-01-01') TO ('2018-04-30')",
        "CREATE TABLE p3 PARTITION OF trips FOR VALUES FROM ('2018-05-01') TO ('2019-04-30')",
        "INSERT INTO trips SELECT TIMESTAMP '2018-03-01' + i * INTERVAL '1 day', i "
        "FROM generate_series(0, 119) t(i) WHERE i <> 60",
        "CREATE TABLE p2 (pickup timestamp, id int)",
        "INSERT INTO p2 VALUES ('2018-04-30', 60)",
    )

    def attach() -> None:
        run_sql_of(
            url,
            "DELETE FROM trips WHERE id = 40",
            "ALTER TABLE trips ATTACH PARTITION p2 "
            "FOR VALUES FROM ('2018-04-30') TO ('2018-05-01')",
        )

    apply(lake, once((MONTHS[1], Step.BEGIN), attach))
    age(lake)
    assert ids(lake) == [*range(40), *range(41, 120)]
    assert not untidy(lake)


def test_rows_of_another_server_are_not_told_apart_by_their_numbers(
    make_lake: MakeLake, own: PostgresServer, url: str
) -> None:
    far = own.database()
    lake = make(make_lake, warehouse=url, table=False)
    run_sql_of(
        far,
        "CREATE TABLE far AS SELECT TIMESTAMP '2018-03-01' + i * INTERVAL '1 day' AS pickup, "
        "i AS id FROM generate_series(0, 119) t(i)",
    )
    run_sql_of(
        url,
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
        f"(host '127.0.0.1', port '{own.port}', dbname '{far.rpartition('/')[2]}')",
        "CREATE USER MAPPING FOR postgres SERVER far "
        "OPTIONS (user 'postgres', password_required 'false')",
        "CREATE TABLE trips (pickup timestamp, id int) PARTITION BY RANGE (pickup)",
        "CREATE FOREIGN TABLE p1 PARTITION OF trips "
        "FOR VALUES FROM ('2018-01-01') TO ('2019-04-30') SERVER far OPTIONS (table_name 'far')",
    )
    seen = apply(lake)
    last = [step for span, step in seen if span == MONTHS[-1]]
    assert last == list(steps(Kind.UNLOAD, ahead=False))
    assert ids(lake) == list(range(120))


def test_who_waits_for_one_snapshot_does_not_keep_the_others_for_ever(
    lake: Lake, own: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that has read its rows holds a lock, for which another one's reading may wait."""
    monkeypatch.setattr(warehouse, "LOCK_TIMEOUT", "500ms")
    run_sql_of(url, f"ALTER DATABASE {url.rpartition('/')[2]} RESET lock_timeout")
    came = threading.Event()

    def alter() -> None:
        with own.connect(url) as connection:
            connection.execute("ALTER TABLE trips ADD COLUMN extra integer")

    waiting = threading.Thread(target=alter)

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[0], Step.COPY) and not came.is_set():
            assert came.wait(SECONDS)
        if (span, step) == (MONTHS[1], Step.VERIFY) and not came.is_set():
            waiting.start()
            waiting.join(0.3)
            came.set()

    with isotherm.open(lake.config.file, clock=lake.clock) as again, suppress(MovesFailed):
        apply(again, watch)
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    age(lake)
    nothing_is_left_behind(lake)


def test_columns_that_the_engine_remembers_otherwise_are_not_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake.warehouse.snapshot() as tx:
        changed = (Column("pickup", "TIMESTAMP"), Column("id", "DOUBLE"))
        monkeypatch.setattr(type(tx), "columns", lambda *_: changed)
        with pytest.raises(ConflictError, match="have just changed"):
            tx.take(TRIPS, "true", 120)


def test_what_was_read_on_a_snapshot_that_is_gone_is_read_again(
    lake: Lake, other: Connection
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

    seen = apply(lake, watch)
    assert ended
    assert copies(seen, MONTHS[-1]) == 2
    nothing_is_left_behind(lake)


def test_the_number_of_a_snapshot_is_of_what_it_reads(lake: Lake, other: Connection) -> None:
    """What a snapshot is asked natively, and what the engine reads, is of the same moment."""
    number = "SELECT pg_current_snapshot()::text"
    with lake.warehouse.snapshot() as tx:
        before = tx.native(number)  # type: ignore[attr-defined]
        other.execute("INSERT INTO trips VALUES ('2018-04-10', 1000)")
        count = tx.session.execute(f"SELECT count(*) FROM {tx.relation(TRIPS)}")
        assert count == [(120,)]
        assert tx.native(number) == before  # type: ignore[attr-defined]
    with lake.warehouse.snapshot() as tx:
        assert tx.native(number) != before  # type: ignore[attr-defined]
