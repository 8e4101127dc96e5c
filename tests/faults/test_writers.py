"""The table's owner writes while its rows are moved: nothing is lost without an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import pytest
import stamina

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from databases import PostgresServer
from isotherm.engine.base import Row
from isotherm.engine.session import DuckDBSession
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, SchemaError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps
from turns import in_turn

CONFIG = policy(STANDARD="6 months")
WHEN = [step for step in steps(Kind.UNLOAD) if step is not Step.INTENT]
MARCH = "pickup >= '2018-03-01' AND pickup < '2018-04-01'"
WRITES = {
    "update": f"UPDATE trips SET fare = fare + 1000 WHERE {MARCH} AND id % 3 = 0",
    "delete": f"DELETE FROM trips WHERE {MARCH} AND id % 3 = 0",
    "insert": "INSERT INTO trips VALUES (TIMESTAMP '2018-03-09', 5000, 7)",
}
ROWS = "select id, fare from trips order by all"
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id, i / 8 AS fare FROM range(120) t(i)"
)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def make(make_lake: MakeLake, table: str = TABLE, warehouse: str = "") -> Lake:
    lake = make_lake(CONFIG, clock=Clock(), warehouse=warehouse)
    run_sql(lake, *table.split("; "))
    return lake


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> str:
    """Return the URL of a warehouse, empty for the default one."""
    if request.param == "duckdb":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


class Writer:
    """A connection of the table's owner, with a transaction that begins and ends when told."""

    def __init__(self, lake: Lake, sql: str) -> None:
        self.session: DuckDBSession = lake.warehouse.session()
        self.sql = sql
        self.said_yes = False
        self.said_no = False

    def begin(self) -> None:
        self.session.execute("BEGIN")
        self.session.execute("SELECT count(*) FROM trips")  # the snapshot is taken now

    def write(self) -> None:
        changed = self._try(self.sql)
        # After the move there is nothing to write to: the writer is told of 0 rows.
        self.said_no = not changed or changed[0][0] == 0

    def commit(self) -> None:
        self.said_yes = not self.said_no and self._try("COMMIT") is not None
        self.said_no = not self.said_yes
        self.session.close()

    def _try(self, sql: str) -> list[Row] | None:
        try:
            return self.session.execute(sql)
        except duckdb.Error:
            return None


def expected(lake: Lake, write: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return the rows without the write and with it, by a copy of the table."""
    before = run_sql(lake, ROWS)
    copy = WRITES[write].replace("trips", "other")
    after = run_sql(lake, "CREATE TABLE other AS FROM trips", copy, ROWS.replace("trips", "other"))
    run_sql(lake, "DROP TABLE other")
    assert before != after
    return before, after


def check(lake: Lake, writer: Writer, rows: tuple[list[object], list[object]]) -> None:
    """Whoever was told yes finds the write; whoever was told no does not."""
    assert writer.said_yes != writer.said_no
    assert lake.sql(ROWS).fetchall() == rows[writer.said_yes]
    age(lake)  # what conflicted is moved now, and a late row follows
    assert lake.sql(ROWS).fetchall() == rows[writer.said_yes]
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert not run_sql(lake, "FROM trips")
    assert not untidy(lake)


def apply(lake: Lake, at: dict[Step, list[object]]) -> None:
    """Move March, and call what is due before each of its steps, in its first attempt."""
    waiting = dict(at)

    def watch(move: Move, step: Step) -> None:
        for call in waiting.pop(step, ()):
            call()  # type: ignore[operator]

    with suppress(MovesFailed):
        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))


CASES = in_turn(
    (
        (warehouse, write, when)
        for warehouse in ("duckdb", "postgres")
        for write in WRITES
        for when in WHEN
    ),
    12,
)
"""Where who writes what, and when."""


@pytest.mark.parametrize(("warehouse", "write", "when"), CASES, indirect=["warehouse"])
def test_a_write_between_two_steps_is_kept_or_refused(
    make_lake: MakeLake, warehouse: str, write: str, when: Step
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    rows = expected(lake, write)
    writer = Writer(lake, WRITES[write])
    apply(lake, {when: [writer.begin, writer.write, writer.commit]})
    check(lake, writer, rows)


@pytest.mark.parametrize(("warehouse", "write", "commits"), CASES, indirect=["warehouse"])
def test_a_write_of_a_transaction_older_than_the_move_is_kept_or_refused(
    make_lake: MakeLake, warehouse: str, write: str, commits: Step
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    rows = expected(lake, write)
    writer = Writer(lake, WRITES[write])
    writer.begin()
    apply(lake, {commits: [writer.write, writer.commit]})
    check(lake, writer, rows)


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_was_made_before_the_move_and_is_committed_after_it_is_kept_or_refused(
    make_lake: MakeLake, warehouse: str, write: str
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    rows = expected(lake, write)
    writer = Writer(lake, WRITES[write])
    writer.begin()
    writer.write()
    apply(lake, {})
    writer.commit()
    check(lake, writer, rows)


def test_an_insert_into_another_month_does_not_disturb_a_move_that_is_copying(
    make_lake: MakeLake, warehouse: str
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    writer = Writer(lake, "INSERT INTO trips VALUES (TIMESTAMP '2019-06-30', 5000, 7)")
    apply(lake, {Step.VERIFY: [writer.begin, writer.write, writer.commit]})
    assert writer.said_yes
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert ids(lake) == [*range(120), 5000]


def test_a_move_that_meets_a_writer_once_is_made_again_whole(
    make_lake: MakeLake, warehouse: str
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    rows = expected(lake, "update")
    writer = Writer(lake, WRITES["update"])
    apply(lake, {Step.REGISTER: [writer.begin, writer.write, writer.commit]})
    assert writer.said_yes
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert lake.sql(ROWS).fetchall() == rows[1]
    assert len(list(lake.storage.list("STANDARD"))) == 1


def test_a_move_that_meets_a_writer_every_time_fails_and_changes_nothing(
    make_lake: MakeLake, warehouse: str
) -> None:
    lake = make(make_lake, warehouse=warehouse)
    attempts = []

    def watch(move: Move, step: Step) -> None:
        if step is Step.FENCE:
            attempts.append(step)
            run_sql(lake, f"UPDATE trips SET fare = fare + 1 WHERE {MARCH}")

    with pytest.raises(
        MovesFailed, match=r"were changed while they were moved|another writer was there first"
    ):
        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))
    assert len(attempts) == 3
    assert tiers_of(lake)["2018-03"] == "hot"
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


KEYED = TABLE.replace(
    "CREATE TABLE trips AS",
    "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER PRIMARY KEY, fare DOUBLE); INSERT INTO trips",
)


@pytest.mark.parametrize("write", in_turn(WRITES, 2))
def test_a_table_with_a_primary_key_is_fenced_like_any_other(
    make_lake: MakeLake, warehouse: str, write: str
) -> None:
    lake = make(make_lake, KEYED, warehouse)
    rows = expected(lake, write)
    writer = Writer(lake, WRITES[write])
    apply(lake, {Step.FENCE: [writer.begin, writer.write, writer.commit]})
    check(lake, writer, rows)


@pytest.mark.parametrize(
    "obstacle",
    [
        "CREATE INDEX by_fare ON trips (fare)",
        "CREATE UNIQUE INDEX by_id ON trips (id)",
    ],
)
def test_a_table_that_cannot_be_fenced_is_moved_only_when_nobody_else_writes(
    make_lake: MakeLake, obstacle: str
) -> None:
    lake = make(make_lake)
    run_sql(lake, obstacle)
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    for error in failed.value.applied.failures.values():
        assert isinstance(error, SchemaError)
        assert "main.trips cannot be fenced" in error.message
        assert "isotherm apply --exclusive" in error.hint
    assert ids(lake) == list(range(120))
    assert set(tiers_of(lake).values()) == {"hot"}
    assert not untidy(lake)
    lake.apply(plan_of(lake), exclusive=True)
    assert ids(lake) == list(range(120))
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert not untidy(lake)


def test_rows_that_another_table_refers_to_stay_and_the_constraint_is_named(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake, KEYED)
    run_sql(
        lake,
        "CREATE TABLE receipts (trip INTEGER REFERENCES trips (id))",
        "INSERT INTO receipts VALUES (5)",
    )
    with pytest.raises(MovesFailed) as failed:
        lake.apply(plan_of(lake), exclusive=True)
    errors = list(failed.value.applied.failures.values())
    assert [type(error) for error in errors] == [SchemaError]
    assert "a constraint of main.trips forbids it" in errors[0].message
    assert ids(lake) == list(range(120))
    assert tiers_of(lake)["2018-03"] == "hot"
    assert not untidy(lake)
