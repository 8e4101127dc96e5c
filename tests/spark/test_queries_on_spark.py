"""Queries on a Spark Connect server: the same rows, the same refusals, clear words."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

import isotherm
from ageing import SOME_MONTHS, Clock, age, policy, tiers_of, untidy
from conftest import MakeLake, lake_at, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import (
    ArchivedError,
    ConfigError,
    QueryError,
    SchemaError,
    StorageError,
)
from isotherm.model.part import QUERIES, Location
from isotherm.spark.connect import SparkConnect
from servers import S3Server
from spark_servers import PROCESSES, no_apache_spark, reaching, running_sail
from turns import in_turn

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # what servers remark is no matter

AGES = policy(STANDARD="3 months", STANDARD_IA="6 months", GLACIER="14 months")
TABLES = (
    f"CREATE TABLE trips AS SELECT i::INTEGER AS id, {SOME_MONTHS}, "
    "((i % 97) * 1.25)::DECIMAL(9,2) AS fare, 'it''s \\' || (i % 5) AS \"the tag\" "
    "FROM range(700) t(i)",
    "CREATE TABLE zones AS SELECT i::INTEGER AS id, 'zone ' || i AS zone FROM range(90) t(i)",
)
SINCE = "pickup >= '2018-09-01'"
SAME = (
    f"SELECT count(*), sum(fare), min(pickup), max(pickup) FROM trips WHERE {SINCE}",
    f"SELECT * FROM trips WHERE {SINCE} ORDER BY id",
    f'SELECT "the tag", count(*) AS "how many" FROM trips WHERE {SINCE} AND "the tag" = '
    "'it''s \\3' GROUP BY 1",
    f"SELECT zone, t.fare FROM main.trips t JOIN zones USING (id) WHERE {SINCE} ORDER BY id",
    f"SELECT month(pickup) AS m, count(*) FROM trips WHERE {SINCE} GROUP BY m ORDER BY m",
    "SELECT count(*) FROM main.trips WHERE main.trips.pickup >= TIMESTAMP '2018-09-01'",
    f"WITH late AS (SELECT * FROM trips WHERE {SINCE}) SELECT count(*) FROM late /* all */",
    "SELECT count(*), max(id) FROM hot.trips",
    "SELECT zone FROM zones -- no dataset at all\n ORDER BY id LIMIT 3",
    f"SELECT count(*) FROM trips a JOIN trips b USING (id) WHERE a.{SINCE} AND b.{SINCE}",
)

ENDLESS = f"SELECT count(*) FROM {', '.join(f'hot.trips t{n}' for n in range(7))} WHERE t1.id > 0"


def made(lake: Lake) -> Lake:
    """Fill a lake, and let it age."""
    run_sql(lake, *TABLES)
    age(lake)
    return lake


def on(lake: Lake, url: str) -> Lake:
    """Return the same lake with another engine."""
    engine = lake.config.engine.model_copy(update={"url": url})
    config = replace(lake.config, engine=engine)
    return Lake(config, lake.warehouse, lake.storage, lambda: lake.catalog, lake.clock)


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    return made(make_lake(AGES, clock=Clock()))


@pytest.mark.skipif(bool(no_apache_spark()), reason=no_apache_spark())
def test_everything_here_is_tried_on_apache_spark_too() -> None:
    assert "spark" in PROCESSES


@pytest.mark.parametrize("where", ["duckdb", "postgres"])
def test_spark_answers_as_duckdb_does(
    request: pytest.FixtureRequest, where: str, engine: str
) -> None:
    lake = made(lake_at(request, where, AGES, clock=Clock()))
    if where == "postgres":
        queries = [query.replace("main.", "public.") for query in SAME]
    else:
        queries = list(SAME)
    for query in queries:
        assert on(lake, engine).sql(query).fetchall() == lake.sql(query).fetchall(), query
    assert not untidy(lake)


def test_spark_reads_objects_in_a_bucket(request: pytest.FixtureRequest, rgw: S3Server) -> None:
    lake = made(lake_at(request, "duckdb on rgw", AGES, clock=Clock()))
    with running_sail(**reaching(rgw)) as url:
        for query in SAME[:4]:
            assert on(lake, url).sql(query).fetchall() == lake.sql(query).fetchall(), query
    assert not untidy(lake)


def test_columns_are_read_by_what_they_are_and_not_by_their_names(
    make_lake: MakeLake, engine: str
) -> None:
    lake = made(make_lake(AGES, clock=Clock()))
    run_sql(
        lake,
        "ALTER TABLE trips RENAME fare TO price",
        "ALTER TABLE trips ADD COLUMN fare BIGINT",
        "ALTER TABLE trips ALTER id TYPE BIGINT",
        "INSERT INTO trips VALUES (9000000000, '2018-12-02', 1.5, 'x', 7)",
    )
    config = AGES.replace('clock = "pickup"', 'clock = "pickup"\nrenamed = { fare = "price" }')
    lake.config.file.write_text(config)
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        query = f"SELECT * FROM trips WHERE {SINCE} ORDER BY id"
        rows = again.sql(query).fetchall()
        assert (9_000_000_000, datetime(2018, 12, 2), 1.5, "x", 7) in rows
        assert on(again, engine).sql(query).fetchall() == rows


def test_what_is_archived_is_refused_where_a_query_reaches_it(lake: Lake, engine: str) -> None:
    spark = on(lake, engine)
    for query in ("SELECT count(*) FROM trips", "SELECT id FROM trips WHERE dayofweek(pickup) = 7"):
        with pytest.raises(ArchivedError, match=r"2018-03\.\.2018-05"):
            spark.sql(query)
    rest = spark.sql("SELECT count(*) FROM trips", archived="skip")
    assert rest.notes == ("left out, archived: trips 2018-03..2018-05",)
    assert rest.fetchall() == [(400,)]


def test_functions_are_sparks_own_and_the_guard_makes_nothing_of_them(
    lake: Lake, engine: str
) -> None:
    """To DuckDB no day of the week is the seventh; Spark counts Saturdays so."""
    query = f"SELECT count(*) FROM trips WHERE {SINCE} AND dayofweek(pickup) = "
    saturdays = lake.sql(query + "6").fetchall()
    assert saturdays[0][0] > 0
    assert lake.sql(query + "7").fetchall() == [(0,)]
    assert on(lake, engine).sql(query + "7").fetchall() == saturdays
    known = f"SELECT percentile_approx(id, 0.5), max(id) FROM trips WHERE {SINCE}"
    ((middle, last),) = on(lake, engine).sql(known).fetchall()
    assert 0 < middle < last


def test_everything_may_be_needed_by_what_duckdb_cannot_plan(lake: Lake, engine: str) -> None:
    query = f"SELECT percentile_approx(id, 0.5), nope FROM trips WHERE {SINCE}"
    with pytest.raises(ArchivedError, match=r"2018-03\.\.2018-05"):
        on(lake, engine).sql(query)
    with pytest.raises(QueryError, match="nope"):
        on(lake, engine).sql(query, archived="skip")


def test_rows_that_move_meanwhile_are_read_once(make_lake: MakeLake, engine: str) -> None:
    clock = Clock(datetime(2018, 6, 1))
    lake = make_lake(policy(STANDARD="3 months", STANDARD_IA="6 months"), clock=clock)
    run_sql(lake, *TABLES)
    found: list[object] = []
    stop, answered = threading.Event(), threading.Condition()

    def ask() -> None:
        while not stop.is_set():
            try:
                rows = on(lake, engine).sql("SELECT count(*), sum(id) FROM trips").fetchall()
            except Exception as error:
                rows = [error]
            with answered:
                found.extend(rows)
                answered.notify()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        while clock.now < datetime(2020, 1, 1):
            age(lake)
            with answered:  # the grace is longer than a query that was begun before the moves
                assert answered.wait(60)
            clock.forward(timedelta(days=61))
    finally:
        stop.set()
        asking.join()
    assert set(tiers_of(lake).values()) == {"STANDARD_IA"}
    assert len(found) > 5
    assert set(found) == {(700, sum(range(700)))}


def test_an_object_that_spark_does_not_see_is_an_error(lake: Lake, engine: str) -> None:
    query = f"SELECT count(*) FROM trips WHERE {SINCE}"
    with lake.warehouse.snapshot() as tx:
        part = next(p for p in parts.of_dataset(tx, "trips") if str(p.period) == "2018-12")
    path = lake.storage.path(part.location)  # type: ignore[attr-defined]
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(StorageError):
        on(lake, engine).sql(query)
    path.unlink()
    with pytest.raises(StorageError):
        on(lake, engine).sql(query)
    path.write_bytes(content)
    warm = on(lake, engine)
    assert warm.sql(query).fetchall() == [(400,)]
    path.unlink()  # what its columns are is known by now
    with pytest.raises(StorageError, match=r"Spark sees 300 rows of 400|Spark at .* cannot read"):
        warm.sql(query)
    path.write_bytes(content)
    assert not untidy(lake)


@pytest.mark.parametrize("table", ["arch.rides", "Arch.Rides"])
def test_a_name_means_what_it_means_to_duckdb(make_lake: MakeLake, engine: str, table: str) -> None:
    config = policy(STANDARD="3 months").replace('table = "trips"', f'table = "{table}"')
    lake = make_lake(config, clock=Clock())
    run_sql(
        lake,
        "CREATE SCHEMA arch",
        TABLES[0].replace("TABLE trips", "TABLE arch.rides"),
        "CREATE TABLE rides AS SELECT 1 AS id",
        "CREATE SCHEMA other",
        "CREATE TABLE other.rides AS SELECT 2 AS id UNION ALL SELECT 3",
    )
    age(lake)
    for name in ("rides", "arch.rides", "trips", "other.rides", "main.rides", "hot.trips"):
        query = f"SELECT count(*) FROM {name}"
        assert on(lake, engine).sql(query).fetchall() == lake.sql(query).fetchall(), name


READ_OTHERWISE = (
    "SELECT count(*) FROM trips WHERE {} -- c\r AND id < 9",
    "WITH a AS (SELECT id FROM trips WHERE {}), b AS (SELECT id FROM a WHERE id < 99) "
    "SELECT count(*) FROM (WITH c AS (SELECT id FROM b) SELECT id FROM c) JOIN b USING (id)",
    "SELECT a.*, b.* FROM trips a JOIN trips b ON a.id = b.id WHERE a.{} AND b.{} ORDER BY a.id",
    "SELECT count(*)\u00a0FROM\u2003trips WHERE {} AND \"the tag\" <> '\u00a0'",
    "SELECT count(*) FROM trips WHERE {} AND pickup < now() AND pickup < current_date",
    r"SELECT id, 'a\nb', '\', '''' FROM trips WHERE {} ORDER BY id LIMIT 2",
)


@pytest.mark.parametrize("query", in_turn(READ_OTHERWISE, 4))
def test_what_is_read_otherwise_is_written_otherwise(lake: Lake, engine: str, query: str) -> None:
    text = query.replace("{}", SINCE)
    assert on(lake, engine).sql(text).fetchall() == lake.sql(text).fetchall()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1 FROM hot.trips /* /* */ WHERE false -- */", "comment in a comment"),
        ("SELECT E'a' FROM hot.trips", "a text after E"),
        ("SELECT X'ab' FROM hot.trips", "a text after X"),
        ("SELECT 2 ^ id FROM hot.trips", "the operator"),
        ("SELECT 1 FROM hot.trips POSITIONAL JOIN zones", "POSITIONAL JOIN"),
        ("WITH secret AS (SELECT * FROM secret) SELECT * FROM secret", "secret"),
        (
            "SELECT secret.* FROM (WITH secret AS (SELECT 1 AS x) SELECT x FROM secret) q, secret",
            "secret",
        ),
        ("SELECT id FROM hot.trips, isotherm_1", "isotherm_1"),
    ],
)
def test_what_spark_would_take_for_something_else_is_refused(
    lake: Lake, engine: str, query: str, words: str
) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        on(lake, engine).sql(query)
    assert "Spark says" not in caught.value.message


def test_copies_that_a_killed_query_has_left_go_with_the_next_apply(lake: Lake) -> None:
    old, new = (
        Location(QUERIES, f"{at:%Y%m%dT%H%M%S}-{at.year}.parquet")
        for at in (datetime(2020, 1, 1), datetime.now())
    )
    for location in (old, new):
        lake.storage.stage(location)
        lake.storage.publish(location)
        lake.storage.stage(Location(QUERIES, f"{location.key}.half"))
    age(lake, "nothing")
    assert list(lake.storage.list(QUERIES)) == [new]
    (left,) = lake.storage.staged()  # type: ignore[attr-defined]
    assert left.name.startswith(new.key)
    left.unlink()
    lake.storage.remove(new)


# -- what cannot be done is said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT nope FROM trips", "nope"),
        ("SELECT 1 FROM nowhere", "there is no table nowhere"),
        ("SELECT no_such_function(id) FROM hot.trips", "Spark says: .*no_such_function"),
        ("DELETE FROM trips", "isotherm sql only reads"),
        ("WITH trips AS (SELECT * FROM hot.trips) SELECT 1 FROM trips", "the name of a table"),
        ("SELECT count(*) FROM seen", "a view or a macro"),
        ("SELECT noon FROM odd", "column noon of main.odd is TIME, which Spark does not have"),
    ],
)
def test_what_spark_cannot_be_asked_is_refused(
    lake: Lake, engine: str, query: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run_sql(
        lake,
        "CREATE OR REPLACE VIEW seen AS SELECT * FROM trips",
        "CREATE OR REPLACE TABLE odd AS SELECT TIME '12:00' AS noon",
    )
    with pytest.raises(SchemaError if "TIME" in words else QueryError, match=words):
        on(lake, engine).sql(query)
    assert not capfd.readouterr().err
    assert not untidy(lake)


def test_an_engine_that_is_not_there_is_said_at_once(lake: Lake) -> None:
    with pytest.raises(StorageError, match=r"the engine at sc://127.0.0.1:1 cannot be reached"):
        on(lake, "sc://127.0.0.1:1/;token=secret").sql("SELECT count(*) FROM hot.trips")


def test_an_engine_that_never_answers_is_given_up(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isotherm.spark.connect.SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"sc://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(StorageError, match="cannot be used: no answer within 1 s"):
            on(lake, url).sql("SELECT count(*) FROM hot.trips")
    assert not untidy(lake)


@pytest.mark.parametrize("server", PROCESSES)
def test_an_engine_that_dies_in_the_middle_is_an_error_and_leaves_nothing(
    lake: Lake, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SparkConnect.run

    def dying(spark: SparkConnect, sql: str, timeout: float) -> pa.Table:
        threading.Timer(0.5, process.kill).start()
        return run(spark, sql, timeout)

    with PROCESSES[server]() as (process, url):
        spark = on(lake, url)
        assert spark.sql("SELECT count(*) FROM hot.trips").fetchall() == [(100,)]
        monkeypatch.setattr(SparkConnect, "run", dying)
        with pytest.raises(StorageError, match="is gone"):
            spark.sql(ENDLESS)
    assert not untidy(lake)


def test_a_query_that_takes_too_long_is_stopped(make_lake: MakeLake, engine: str) -> None:
    lake = made(make_lake(f'settings.query_timeout = "2 s"\n{AGES}', clock=Clock()))
    with pytest.raises(QueryError, match="took longer than 2 s"):
        on(lake, engine).sql(ENDLESS)
    assert not untidy(lake)


@pytest.mark.parametrize(
    "url",
    ["spark://host:7077", "sc://host:abc", "sc://host:99999", "sc://u:p@h", "sc://h/;session_id=1"],
)
def test_an_address_that_is_none_is_refused(make_lake: MakeLake, url: str) -> None:
    with pytest.raises(ConfigError, match=r"engine\.url"):
        make_lake(f'engine.url = "{url}"\n{AGES}')


def test_what_lets_one_in_is_in_no_message(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isotherm.spark.connect.SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"sc://127.0.0.1:{deaf.getsockname()[1]}/;token=c2VjcmV0=="
        with pytest.raises(StorageError) as caught:
            on(lake, url).sql("SELECT count(*) FROM hot.trips")
    assert "c2VjcmV0" not in str(caught.value)
