"""Rows that queries read again and again are in memory: the same rows, and never for too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_equal_values import CONDITIONS, ROWS

import isotherm
from ageing import Clock, age, policy
from conftest import MakeLake, catalogs, make_trips, run_sql
from isotherm.engine.duckdb import TABLE_BYTES
from isotherm.engine.session import DuckDBSession
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, BusyError, QueryError, StorageError
from isotherm.model.part import Part
from isotherm.model.period import Duration, between
from isotherm.model.person import DataSubject
from isotherm.query import cache, cached, reader
from riders import riding

MANY = 400
ALL = "SELECT count(*), sum(id) FROM trips"
WHOLE = (MANY, sum(range(MANY)))
TIERS = policy(STANDARD="6 months", GLACIER="14 months")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are taken by the first query that reads them."""
    monkeypatch.setattr(cache, "VALUE_SECONDS", 0.0)
    monkeypatch.setattr(cache, "PART_SECONDS", 0.0)


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    lake = make_lake(TIERS, clock=Clock())
    run_sql(lake, make_trips(MANY, "2018-09-01", 1_440))
    age(lake)
    return lake


def tables(lake: Lake) -> set[str]:
    """Return the catalogs of rows that are in the engine's memory."""
    return catalogs(lake, "isotherm_cache_")


def objects(lake: Lake) -> list[Path]:
    return [Path(lake.storage.url(p.location)[7:]) for p in lake.inventory("trips").parts]


def test_rows_are_in_memory_once_queries_have_taken_as_long_as_taking_them(lake: Lake) -> None:
    asked = 0
    while not tables(lake):
        assert lake.sql(ALL).fetchall() == [WHOLE]
        asked += 1
        assert asked < 500
    assert asked > 1
    for file in objects(lake):
        file.unlink()
    for _ in range(3):
        assert lake.sql(ALL).fetchall() == [WHOLE]


def test_one_query_alone_takes_nothing(lake: Lake) -> None:
    lake.sql(ALL).fetchall()
    assert not tables(lake)


def test_a_cache_of_no_size_keeps_nothing(make_lake: MakeLake, eager: None) -> None:
    lake = make_lake(f'settings.cache = "0GB"\n{TIERS}', clock=Clock())
    run_sql(lake, make_trips(MANY, "2018-09-01", 1_440))
    age(lake)
    for _ in range(3):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert not tables(lake)


def test_values_in_memory_are_those_of_the_objects(make_lake: MakeLake, eager: None) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    run_sql(lake, f"CREATE TABLE trips AS {ROWS}", f"CREATE TABLE everything AS {ROWS}")
    age(lake)
    for where in ("true", *CONDITIONS):
        query = f"SELECT count(*), sum(id), bit_xor(hash(COLUMNS(*))) FROM {{}} WHERE {where}"
        assert repr(lake.sql(query.format("trips")).fetchall()) == repr(
            run_sql(lake, query.format("everything"))
        )
    assert len(tables(lake)) == 1


@pytest.mark.parametrize(
    ("change", "query"),
    [
        ("ADD COLUMN tip INTEGER", "count(*), count(tip)"),
        ("ALTER COLUMN id TYPE BIGINT", "sum(id), typeof(any_value(id))"),
    ],
)
def test_a_table_that_changes_is_read_as_it_is_now(
    lake: Lake, eager: None, change: str, query: str
) -> None:
    lake.sql(ALL).fetchall()
    (before,) = tables(lake)
    run_sql(lake, f"ALTER TABLE trips {change}")
    answer = (MANY, 0) if "tip" in query else (WHOLE[1], "BIGINT")
    assert lake.sql(f"SELECT {query} FROM trips").fetchall() == [answer]
    assert (before in tables(lake)) == ("tip" in query)  # what is cold has no new column


def test_parts_that_come_are_read_from_objects_until_they_are_paid_for(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sql(ALL).fetchall()
    before = tables(lake)
    monkeypatch.setattr(cache, "PART_SECONDS", 1e6)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]
    assert age(lake).done
    for _ in range(3):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert tables(lake) == before
    monkeypatch.setattr(cache, "PART_SECONDS", 0.0)
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert before < tables(lake)
    for file in objects(lake):
        file.unlink()
    assert lake.sql(ALL).fetchall() == [WHOLE]


def test_a_query_of_a_few_months_sees_no_others(lake: Lake, eager: None) -> None:
    lake.sql(ALL).fetchall()
    for first, last in (("2018-09", "2018-10"), ("2018-11", "2018-12"), ("2018-12", "2019-01")):
        query = (
            "SELECT count(*), min(pickup), max(pickup) FROM {} "
            f"WHERE strftime(pickup, '%Y-%m') IN ('{first}', '{last}')"
        )
        days = f"SELECT TIMESTAMP '2018-09-01' + INTERVAL (i) DAY AS pickup FROM range({MANY}) t(i)"
        assert lake.sql(query.format("trips")).fetchall() == run_sql(
            lake, query.format(f"({days})")
        )


def test_the_archive_stays_closed_whatever_is_in_memory(lake: Lake, eager: None) -> None:
    clock = lake.clock
    assert isinstance(clock, Clock)
    lake.sql(ALL).fetchall()
    assert tables(lake)
    clock.now = datetime(2020, 3, 1)
    age(lake)
    with pytest.raises(ArchivedError):
        lake.sql(ALL)
    lake.apply(lake.restore_plan("trips", between("2018-09..2019-01"), Duration.parse("7 days")))
    assert lake.sql(ALL).fetchall() == [WHOLE]
    clock.forward(timedelta(days=8))
    with pytest.raises(ArchivedError):
        lake.sql(ALL)
    assert lake.sql(ALL, archived="skip").fetchall() != [WHOLE]


@pytest.fixture(params=["duckdb"])
def about_people(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


def test_rows_of_who_was_forgotten_are_in_no_memory(about_people: Lake, eager: None) -> None:
    lake, query = about_people, "SELECT count(*) FROM trips WHERE rider_id = 7"
    assert lake.sql(query, archived="skip").fetchall() != [(0,)]
    before = tables(lake)
    assert before
    lake.erasing.ask("trips", [DataSubject((("rider_id", "7"),))], "DSR")
    lake.erasing.run("DSR")
    assert not tables(lake)
    assert lake.sql(query, archived="skip").fetchall() == [(0,)]
    assert not before & tables(lake)


def test_who_asks_for_the_catalogue_sees_no_table_of_ours(lake: Lake, eager: None) -> None:
    query = "SELECT count(*) FROM duckdb_tables()"
    before = lake.sql(query).fetchall()
    lake.sql(ALL).fetchall()
    (name,) = tables(lake)
    assert lake.sql(query).fetchall() == before
    lake.sql(ALL).fetchall()
    for table in (f"{name}.main.rows", f"{name}.rows"):
        with pytest.raises(QueryError, match="there is no database"):
            lake.sql(f"SELECT count(*) FROM {table}")
        with pytest.raises(QueryError, match="pragma_storage_info was refused"):
            lake.sql(f"SELECT stats FROM pragma_storage_info('{table}')")
    with pytest.raises(QueryError, match="json_serialize_plan was refused"):
        lake.sql("SELECT json_serialize_plan('SELECT max(id) FROM trips', optimize := true)")


def test_a_name_that_sounds_like_the_catalogues_empties_nothing(lake: Lake, eager: None) -> None:
    run_sql(lake, "CREATE MACRO twice(x) AS 2 * x")
    lake.sql(ALL).fetchall()
    before = tables(lake)
    for query in ("SELECT twice(sum(id)) AS pg_id FROM trips", "SELECT 'pg_class, we show it'"):
        lake.sql(query).fetchall()
        assert tables(lake) == before
    run_sql(lake, "CREATE MACRO listed() AS (SELECT count(*) FROM duckdb_tables())")
    lake.sql("SELECT listed()").fetchall()
    assert not tables(lake)


def test_a_damaged_object_is_said_and_not_kept(lake: Lake, eager: None) -> None:
    damaged = objects(lake)[1]
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(StorageError, match="cannot be read"):
        lake.sql(ALL).fetchall()
    assert not tables(lake)
    damaged.write_bytes(content)
    for _ in range(2):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert len(tables(lake)) == 1


def test_what_is_being_read_stays_until_it_has_been(lake: Lake, eager: None) -> None:
    lake.sql(ALL).fetchall()
    result = lake.sql("SELECT id FROM trips ORDER BY id")
    (first,) = tables(lake)
    run_sql(lake, "ALTER TABLE trips ALTER COLUMN id TYPE BIGINT")
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert len(tables(lake)) == 2
    assert len(result.fetchall()) == MANY
    assert first not in tables(lake)


def waits(*given: Any) -> bool:
    """Fill a table as if that took very long."""
    return cached.fill(*given) and not given[-1].wait(60)


def test_the_time_of_a_query_is_over_while_it_takes(
    make_lake: MakeLake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(f'settings.query_timeout = "1 second"\n{TIERS}', clock=Clock())
    run_sql(lake, make_trips(MANY, "2018-09-01", 1_440))
    age(lake)
    monkeypatch.setattr(cache, "fill", waits)
    with pytest.raises(QueryError, match="took longer than 1 s"):
        lake.sql(ALL)
    assert not lake._reader.cache._tables
    assert not tables(lake)
    assert not kept_bytes(lake)


@pytest.fixture
def answers_signals() -> Iterator[None]:
    """Ctrl-C is ignored where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_answered_while_a_query_takes_and_no_memory_is_lost(
    lake: Lake, eager: None, answers_signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any) -> bool:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
        return waits(*given)

    monkeypatch.setattr(cache, "fill", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            lake.sql(ALL)
        assert not tables(lake)
        assert not kept_bytes(lake)
    monkeypatch.setattr(cache, "fill", cached.fill)
    for _ in range(2):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert len(tables(lake)) == 1


@pytest.mark.parametrize("error", [OSError("no such device"), MemoryError()])
def test_what_goes_wrong_with_taking_is_no_error_of_the_query(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_given: object) -> bool:
        raise error

    monkeypatch.setattr(cache, "fill", fails)
    for _ in range(2):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert not tables(lake)


def test_what_leaves_its_dataset_while_it_is_taken_is_not_kept(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given: Any) -> bool:
        done = cached.fill(*given)
        lake._reader.tidy()
        return done

    monkeypatch.setattr(cache, "fill", slow)
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert not tables(lake)


def test_a_query_that_began_before_its_parts_left_keeps_none_of_them(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish = reader.Reader._furnish

    def later(self: reader.Reader, *given: Any) -> None:
        self.tidy()
        furnish(self, *given)

    monkeypatch.setattr(reader.Reader, "_furnish", later)
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert not tables(lake)
    monkeypatch.setattr(reader.Reader, "_furnish", furnish)
    assert lake.sql(ALL).fetchall() == [WHOLE]
    assert tables(lake)


def test_a_table_that_cannot_be_dropped_now_is_dropped_later(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sql(ALL).fetchall()
    kept, before = lake._reader.cache, tables(lake)

    def fails(_catalog: str) -> None:
        raise RuntimeError("not now")

    with monkeypatch.context() as now:
        now.setattr(kept, "_drop", fails)
        with pytest.raises(RuntimeError, match="not now"):
            kept.clear()
    assert tables(lake) == before
    kept.clear()
    assert not tables(lake)


def test_where_old_and_new_find_no_room_together_the_new_is_taken_alone(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "TABLES_AT_MOST", 1)
    lake.sql("SELECT count(*) FROM trips WHERE pickup < '2018-10-01'").fetchall()
    kept, before = lake._reader.cache, tables(lake)
    monkeypatch.setattr(kept, "_has_room", lambda _size: False)
    monkeypatch.setattr(kept, "_make_room", lambda _size: True)
    for _ in range(2):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert before < tables(lake)


def test_what_makes_room_while_a_table_is_filled_is_counted(
    make_lake: MakeLake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(TWO, clock=Clock())
    run_sql(lake, make_trips(200_000, "2018-09-01", 1), "CREATE TABLE rides AS FROM trips")
    age(lake)
    monkeypatch.setattr(cached, "COMPRESSED", 1)
    kept = lake._reader.cache
    lake.sql("SELECT count(*) FROM trips").fetchall()
    one = kept.bytes
    assert one == kept_bytes(lake) > 0
    kept._bytes_at_most = round(1.5 * one)
    for name in ("rides", "trips", "rides"):
        for _ in range(2):
            lake.sql(f"SELECT count(*) FROM {name}").fetchall()
        assert kept_bytes(lake) <= kept.bytes <= 1.5 * one
        assert len(tables(lake)) == 1


def test_what_a_killed_engine_has_swapped_to_disk_is_removed(lake: Lake) -> None:
    folder = lake.config.folder / "warehouse.duckdb.tmp"
    folder.mkdir()
    swapped = folder / "duckdb_temp_storage_DEFAULT-0.tmp"
    swapped.write_bytes(b"rows of somebody")
    config = lake.config.file
    with pytest.raises(BusyError):
        isotherm.open(config)
    lake.close()
    assert swapped.exists()
    isotherm.open(config).close()
    assert not swapped.exists()


def test_of_two_tables_with_the_same_part_one_is_read(lake: Lake, eager: None) -> None:
    lake.sql(ALL).fetchall()
    kept = lake._reader.cache
    kept._tables += [replace(table) for table in kept._tables]
    assert lake.sql(ALL).fetchall() == [WHOLE]
    kept._tables = kept._tables[:1]


def test_after_so_many_takes_all_is_taken_as_one_but_what_is_archived(
    lake: Lake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = lake.clock
    assert isinstance(clock, Clock)
    taken: list[list[str]] = []

    def told(table: cached.Table, session: DuckDBSession, parts: list[Part], *rest: Any) -> bool:
        taken.append([str(part.period) for part in parts])
        return cached.fill(table, session, parts, *rest)

    monkeypatch.setattr(cache, "fill", told)
    monkeypatch.setattr(cache, "TABLES_AT_MOST", 2)
    for month in ("2018-09", "2018-11", "2018-12"):
        if month == "2018-12":
            clock.now = datetime(2019, 12, 1)  # 2018-09 is archived
            age(lake)
        start = f"TIMESTAMP '{month}-01'"
        query = f"pickup >= {start} AND pickup < {start} + INTERVAL 1 MONTH"
        for _ in range(2):
            assert lake.sql(f"SELECT count(*) FROM trips WHERE {query}").fetchall() == [
                (31 if month == "2018-12" else 30,)
            ]
    assert taken == [["2018-09"], ["2018-11"], ["2018-11", "2018-12"]]
    assert len(tables(lake)) == 1


def test_a_query_of_many_months_apart_finds_their_rows_alone(
    make_lake: MakeLake, eager: None
) -> None:
    lake = make_lake(policy(STANDARD="1 month"), clock=Clock())
    run_sql(lake, make_trips(1_000, "2013-06-01", 1_440))
    age(lake)
    lake.sql(ALL).fetchall()
    months = [datetime(year, month, 1) for year in range(2013, 2016) for month in (6, 8, 10)]
    where = " OR ".join(
        f"(pickup >= '{month:%F}' AND pickup < TIMESTAMP '{month:%F}' + INTERVAL 1 MONTH)"
        for month in months
    )
    query = f"SELECT count(*), min(pickup), max(pickup) FROM {{}} WHERE {where}"
    days = "(SELECT TIMESTAMP '2013-06-01' + INTERVAL (i) DAY AS pickup FROM range(1_000) t(i))"
    assert lake.sql(query.format("trips")).fetchall() == run_sql(lake, query.format(days))


def kept_bytes(lake: Lake) -> int:
    """Return what all tables take that lie in the engine's memory."""
    session = lake.warehouse.engine.session()
    found = session.execute(TABLE_BYTES)[0][0]
    session.close()
    return int(found)


TWO = (
    policy(STANDARD="6 months")
    + """
[datasets.rides]
table = "rides"
clock = "pickup"
[datasets.rides.policy]
STANDARD = "6 months"
"""
)


def test_what_was_not_used_for_longest_makes_room(
    make_lake: MakeLake, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(TWO, clock=Clock())
    run_sql(
        lake,
        make_trips(60_000, "2018-09-01", 2),
        "CREATE TABLE rides AS FROM trips",
    )
    age(lake)
    kept = lake._reader.cache
    lake.sql("SELECT count(*) FROM trips").fetchall()
    one = kept.bytes
    assert one > 0
    monkeypatch.setattr(kept, "_bytes_at_most", round(1.5 * one))
    for name in ("rides", "trips", "trips", "rides"):
        query = f"SELECT count(*), sum(id) FROM {name}"
        assert lake.sql(query).fetchall() == [(60_000, sum(range(60_000)))]
        assert len(tables(lake)) == 1
        assert kept.bytes <= 1.5 * one
    monkeypatch.setattr(kept, "_bytes_at_most", round(0.2 * one))
    kept.clear()
    for _ in range(2):
        lake.sql("SELECT count(*) FROM trips").fetchall()
        assert not tables(lake)


LATER = """SELECT TIMESTAMP '2018-11-01' + INTERVAL (i * 10) SECOND AS pickup, i::INTEGER AS id,
    (i % 97)::DECIMAL(9,2) AS fare, 'x' || (i % 50) AS tag FROM range(200_000) t(i)"""


def test_a_small_part_that_is_taken_first_keeps_no_large_one_out(
    make_lake: MakeLake, eager: None
) -> None:
    lake = make_lake(f'settings.cache = "10MB"\n{TIERS}', clock=Clock())
    run_sql(lake, make_trips(20, "2018-09-01", 1_440), f"INSERT INTO trips {LATER}")
    age(lake)
    first = "SELECT count(*) FROM trips WHERE pickup < '2018-10-01'"
    assert lake.sql(first).fetchall() == [(20,)]
    one = tables(lake)
    for _ in range(2):
        assert lake.sql("SELECT count(*) FROM trips").fetchall() == [(200_020,)]
    assert one < tables(lake)
    assert 0 < lake._reader.cache.bytes < 10_000_000


def test_what_finds_no_room_leaves_what_is_there(lake: Lake, eager: None) -> None:
    lake.sql("SELECT count(*) FROM trips WHERE pickup < '2018-10-01'").fetchall()
    before = tables(lake)
    assert before
    kept = lake._reader.cache
    kept._bytes_at_most = kept.bytes
    for _ in range(2):
        assert lake.sql(ALL).fetchall() == [WHOLE]
    assert tables(lake) == before


def test_rows_in_memory_take_no_room_from_moves(lake: Lake, eager: None) -> None:
    engine = lake.warehouse.engine
    session = engine.session()

    def limit() -> str:
        return str(session.execute("SELECT current_setting('memory_limit')")[0][0])

    with engine.bounded(64 * 2**20):
        assert limit() == "64.0 MiB"
    lake.sql(ALL).fetchall()
    with engine.bounded(64 * 2**20):
        assert limit() != "64.0 MiB"
        assert float(limit().split()[0]) == pytest.approx(64 + kept_bytes(lake) / 2**20, abs=0.2)
        before = tables(lake)
        lake._reader.cache.clear()
        assert lake.sql(ALL).fetchall() == [WHOLE]
        assert before
        assert not tables(lake)  # nothing is taken while moves need the memory
    session.close()


def test_threads_beside_moves_see_every_row_once(lake: Lake, eager: None) -> None:
    over = threading.Event()

    def ask(query: str, answer: Callable[[], list[tuple[object, ...]]]) -> int:
        count = 0
        while not over.is_set() or count < 20:
            assert lake.sql(query).fetchall() == answer()
            count += 1
            if count % 5 == 0:
                lake._reader.cache.clear()
        return count

    some = "SELECT count(*) FROM trips WHERE pickup < '2018-11-01'"
    with ThreadPoolExecutor(4) as pool:
        asking = [
            pool.submit(ask, query, lambda answer=answer: [answer])
            for query, answer in ((ALL, WHOLE), (some, (61,)), (ALL, WHOLE), (some, (61,)))
        ]
        try:
            for month in (8, 9, 10):
                lake.clock.now = datetime(2019, month, 1)  # type: ignore[attr-defined]
                assert age(lake).done
        finally:
            over.set()
        assert all(each.result() >= 20 for each in asking)
