"""How a query was understood, and its place, serve the next one in the warehouse's same state."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ageing import Clock, age, policy
from conftest import MakeLake, catalogs, make_trips, run_sql
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.session import DuckDBSession
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError
from isotherm.model.period import Duration, between
from isotherm.query import kept, reader
from isotherm.query.kept import AT_MOST, Kept, Understood
from isotherm.query.names import Named, View
from isotherm.query.owned import fleeting_words
from isotherm.query.place import Places
from isotherm.query.reader import Planned, Reader
from isotherm.warehouse.duckdb import DuckDBWarehouse

ROWS = 400
ALL = "SELECT count(*), sum(id) FROM trips"
WHOLE = (ROWS, sum(range(ROWS)))
Statements = list[str]


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    ages = policy(STANDARD="6 months", GLACIER="14 months")
    lake = make_lake(f'settings.cache = "0GB"\n{ages}', clock=Clock())
    run_sql(lake, make_trips(ROWS, "2018-09-01", 1_440))
    age(lake)
    return lake


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """What sessions are asked from now on."""
    seen: Statements = []
    execute = DuckDBSession.execute

    def told(session: DuckDBSession, sql: str, params: Any = ()) -> Any:
        seen.append(sql)
        return execute(session, sql, params)

    monkeypatch.setattr(DuckDBSession, "execute", told)
    return seen


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """The queries that were looked into from now on."""
    seen: Statements = []
    one_query = reader.one_query

    def told(session: DuckDBSession, sql: str) -> Any:
        seen.append(sql)
        return one_query(session, sql)

    monkeypatch.setattr(reader, "one_query", told)
    return seen


def places(lake: Lake) -> set[str]:
    return catalogs(lake, "isotherm_query_")


def test_a_query_that_is_asked_again_and_again_is_looked_into_twice(
    lake: Lake, looks: Statements
) -> None:
    """The first time nobody knows that it will come again."""
    for _ in range(4):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert looks == [ALL, ALL]


def test_other_queries_of_the_same_names_find_their_place_furnished(
    lake: Lake, statements: Statements
) -> None:
    lake.sql(ALL).fetchall()
    statements.clear()
    assert lake.sql("SELECT max(id) FROM trips").fetchall() == [(ROWS - 1,)]
    assert not [sql for sql in statements if sql.startswith(("ATTACH", "CREATE", "DETACH"))]
    assert len(places(lake)) == 1


@pytest.mark.parametrize(
    ("write", "query", "answer"),
    [
        ("INSERT INTO trips SELECT * REPLACE (400 AS id) FROM trips LIMIT 1", ALL, None),
        ("ALTER TABLE trips ADD COLUMN tip INTEGER DEFAULT 7", "SELECT * FROM trips LIMIT 1", None),
        ("CREATE OR REPLACE VIEW mine AS SELECT 2 AS n", "FROM mine", [(2,)]),
    ],
)
def test_what_is_written_is_seen_by_the_very_next_query(
    lake: Lake, write: str, query: str, answer: list[tuple[object, ...]] | None
) -> None:
    run_sql(lake, "CREATE VIEW mine AS SELECT 1 AS n")
    before = lake.sql(query)
    columns, rows = before.columns, before.fetchall()
    for _ in range(3):
        assert lake.sql(query).fetchall() == rows
    run_sql(lake, write)
    after = lake.sql(query)
    assert (after.columns, after.fetchall()) != (columns, rows)
    if answer:
        assert lake.sql(query).fetchall() == answer


def test_an_apply_between_two_queries_changes_where_rows_are_and_nothing_else(lake: Lake) -> None:
    for _ in range(3):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]
    assert age(lake).done
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert len(places(lake)) == 1


def test_a_restore_that_runs_out_is_noticed_by_a_query_that_is_known(lake: Lake) -> None:
    clock = lake.clock
    assert isinstance(clock, Clock)
    clock.now = datetime(2020, 3, 1)
    age(lake)
    with pytest.raises(ArchivedError):
        lake.sql(ALL)
    days = Duration.parse("7 days")
    lake.apply(lake.restore_plan("trips", between("2018-09..2019-01"), days))
    for _ in range(4):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    clock.forward(timedelta(days=8))
    for _ in range(2):
        with pytest.raises(ArchivedError):
            lake.sql(ALL)
    assert lake.sql(ALL, archived="skip").fetchall() != [WHOLE]


def test_a_place_stays_until_who_reads_there_has_read(lake: Lake) -> None:
    result = lake.sql("SELECT id FROM trips ORDER BY id")
    (first,) = places(lake)
    run_sql(lake, "INSERT INTO trips SELECT * REPLACE (1000 AS id) FROM trips LIMIT 1")
    assert lake.sql(ALL).fetchall() != [WHOLE]
    assert first in places(lake)
    assert len(result.fetchall()) == ROWS
    assert first not in places(lake)
    assert len(places(lake)) == 1


def test_a_place_that_was_being_made_when_a_query_began_is_not_its_own(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that has looked into all catalogs sees nothing in that one ever after."""
    inside, go_on = threading.Event(), threading.Event()
    furnished, furnish = Places._furnished, Reader._furnish

    def slowly(self: Places, *rest: Any, **named: Any) -> str:
        if threading.current_thread() is other and not go_on.is_set():
            inside.set()
            assert go_on.wait(30)
        return furnished(self, *rest, **named)

    def after_the_other(self: Reader, plan: Planned, *rest: Any) -> None:
        if threading.current_thread() is not other:
            plan.tx.session.execute("SELECT count(*) FROM duckdb_functions()")
            go_on.set()
            other.join(30)
        furnish(self, plan, *rest)

    monkeypatch.setattr(Places, "_furnished", slowly)
    monkeypatch.setattr(Reader, "_furnish", after_the_other)
    other = threading.Thread(target=lambda: lake.sql(ALL).fetchall())
    other.start()
    assert inside.wait(30)
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert not other.is_alive()


def test_without_a_known_state_nothing_is_kept(lake: Lake, looks: Statements) -> None:
    connection = lake.connection()  # who has it may write at any time
    for _ in range(3):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert looks == [ALL] * 3
    assert not places(lake)
    connection.close()


def named(text: str, *, views: tuple[View, ...] = (), macros: bool = False) -> Named:
    return Named(text, text, (), (), views, macros, ("main",))


@pytest.fixture(scope="module")
def fleeting() -> frozenset[str]:
    """What the engine that is installed says of its functions."""
    warehouse = DuckDBWarehouse(Path(tempfile.mkdtemp()) / "w.duckdb", DuckDBEngine())
    with warehouse.snapshot() as tx:
        found = fleeting_words(tx, frozenset())
    warehouse.close()
    return found


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("SELECT 1 FROM trips WHERE pickup > DATE '2019-01-01'", True),
        ("SELECT average, known, package FROM trips", True),
        ("SELECT 1 FROM trips WHERE pickup > NOW() - INTERVAL 1 DAY", False),
        ("SELECT 1 FROM trips WHERE pickup > current_date", False),
        ("SELECT 1 FROM trips WHERE pickup > get_current_timestamp()", False),
        ("SELECT 1 FROM trips WHERE pickup > localtimestamp", False),
        ("SELECT 1 FROM trips WHERE age(pickup) > INTERVAL 1 DAY", False),
        ("SELECT 1 FROM trips WHERE pickup > today()", False),
        ("SELECT 1 FROM trips WHERE pickup > transaction_timestamp()", False),
    ],
)
def test_what_speaks_of_now_is_not_kept(text: str, lasts: bool, fleeting: frozenset[str]) -> None:
    assert Understood(named(text), (), {}).is_lasting(fleeting) == lasts
    view = View("main", "v", "", text, text)
    assert Understood(named("FROM v", views=(view,)), (), {}).is_lasting(fleeting) == lasts
    assert not Understood(named(text, macros=True), (), {}).is_lasting(fleeting)


def test_every_function_of_the_engine_that_tells_the_time_is_known(
    fleeting: frozenset[str],
) -> None:
    assert {"now", "today", "ago", "age", "localtimestamp", "get_current_time"} <= fleeting
    assert {"txid_current", "random", "pg_conf_load_time"} <= fleeting
    assert not {"date_trunc", "sum", "count", "year", "strftime"} & fleeting


def test_what_a_file_says_is_asked_each_time(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    query = f"SELECT count(*) FROM trips JOIN '{file}' f ON trips.pickup::DATE = f.day"
    for day, many in (("2035-01-01", 0), ("2018-09-01", 1)):
        file.write_text(f"day\n{day}\n", encoding="utf-8")
        for _ in range(3):
            assert lake.sql(query, allow_files=True).fetchall() == [(many,)]


@pytest.mark.parametrize(
    "catalogue", ["information_schema.tables", "duckdb_views()", "pg_catalog.pg_class"]
)
def test_who_asks_for_the_catalogue_sees_no_place_of_another_query(
    lake: Lake, catalogue: str
) -> None:
    query = f"SELECT count(*) FROM {catalogue}"
    before = lake.sql(query).fetchall()
    for month in range(1, 6):
        lake.sql(f"SELECT count(*) FROM trips WHERE pickup > DATE '2019-0{month}-01'").fetchall()
    assert places(lake)
    assert lake.sql(query).fetchall() == before


def test_views_that_speak_of_now_share_a_place(lake: Lake) -> None:
    since = "now()::TIMESTAMP - INTERVAL 90 YEAR"
    run_sql(lake, f"CREATE VIEW late AS SELECT * FROM trips WHERE pickup > {since}")
    for _ in range(5):
        lake.sql("SELECT count(*) FROM late").fetchall()
    assert len(places(lake)) == 1


def test_long_queries_are_not_kept(lake: Lake, looks: Statements) -> None:
    query = f"{ALL} WHERE id NOT IN ({', '.join(map(str, range(1_000, 4_000)))})"
    for _ in range(3):
        assert lake.sql(query).fetchall() == [WHOLE]
    assert looks == [query] * 3


class Made:
    """Places that are numbers."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.kept = Kept(self.there.discard, frozenset)
        self._count = 0

    def make(self, cleanup: ExitStack) -> tuple[str, str]:
        self._count += 1
        name = str(self._count)
        self.there.add(name)
        cleanup.callback(self.there.discard, name)
        return name, f"path {name}"

    def place(self, state: int | None, key: str, cleanup: ExitStack) -> str:
        return self.kept.place(state, key, self.make, cleanup, time.monotonic_ns())


def test_only_so_many_places_are_kept_and_those_in_use_stay() -> None:
    made = Made()
    with ExitStack() as queries:
        used = made.place(1, "used", queries)
        for number in range(AT_MOST * 2):
            with ExitStack() as query:
                made.place(1, str(number), query)
        assert len(made.there) == AT_MOST
        assert made.place(1, "used", queries) == used


def test_where_all_that_are_kept_are_in_use_one_more_is_its_querys_own() -> None:
    made = Made()
    with ExitStack() as queries:
        for number in range(AT_MOST + 1):
            made.place(1, str(number), queries)
        assert len(made.there) == AT_MOST + 1
    assert len(made.there) == AT_MOST


def test_an_older_state_or_none_shares_nothing() -> None:
    made = Made()
    for state in (5, 4):
        with ExitStack() as query:
            made.place(state, "same", query)
    assert made.there == {"1"}
    assert made.kept.query(4, "q") is None
    with ExitStack() as query:  # somebody may write: what was kept is of no use any more
        made.place(None, "same", query)
    assert not made.there


def test_a_place_that_cannot_be_furnished_is_not_there() -> None:
    made = Made()

    def broken(cleanup: ExitStack) -> tuple[str, str]:
        made.make(cleanup)
        raise ValueError("a view that cannot be made")

    with ExitStack() as query, pytest.raises(ValueError, match="cannot be made"):
        made.kept.place(1, "x", broken, query, 0)
    assert not made.there


def test_only_so_many_queries_are_kept() -> None:
    found = Kept(lambda _: None, frozenset)
    for number in range(kept.AT_MOST + 5):
        for _ in range(2):
            found.keep_query(1, number, Understood(named("FROM trips"), (), {}))
    known = [number for number in range(kept.AT_MOST + 5) if found.query(1, number)]
    assert known == list(range(5, kept.AT_MOST + 5))
    assert not found.query(2, 7)


def test_while_a_place_is_made_nobody_waits() -> None:
    made, inside, go_on = Made(), threading.Event(), threading.Event()

    def slow(cleanup: ExitStack) -> tuple[str, str]:
        inside.set()
        assert go_on.wait(30)
        return made.make(cleanup)

    with ExitStack() as query:
        thread = threading.Thread(target=made.kept.place, args=(1, "slow", slow, query, 0))
        thread.start()
        assert inside.wait(30)
        with ExitStack() as other:
            assert made.place(1, "slow", other) == "path 1"
        assert made.kept.query(1, "q") is None
        go_on.set()
        thread.join(30)
        assert made.there == {"1", "2"}
    assert made.there == {"1"}
