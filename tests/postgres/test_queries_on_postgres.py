"""One statement over a table on PostgreSQL and its cold rows; it reads, and nothing else."""

from __future__ import annotations

import pytest

from ageing import Clock, age, policy, tiers_of
from conftest import MakeLake, run_sql
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.dataset import TableName
from isotherm.model.errors import IsothermError, QueryError
from turns import in_turn

BIG = TableName("public", "big")
CONFIG = policy(STANDARD="6 months")
TABLE = """
CREATE TABLE trips (pickup timestamp NOT NULL, id int PRIMARY KEY, fare numeric(9,2));
INSERT INTO trips SELECT (array['2018-01-01', '2018-12-01', '2019-05-01'])[i % 3 + 1]::timestamp
    + i * interval '7 minutes', i, (i % 97) * 1.25
FROM generate_series(0, 5999) i;
CREATE TABLE zones (id int, name text);
INSERT INTO zones SELECT i, 'z' || i FROM generate_series(0, 99) i;
CREATE VIEW dear AS SELECT * FROM trips WHERE fare > 100;
CREATE VIEW dearer AS SELECT * FROM dear WHERE fare > 110;
CREATE MATERIALIZED VIEW monthly AS
    SELECT date_trunc('month', pickup) AS month, count(*) FROM trips GROUP BY 1;
CREATE VIEW names AS SELECT name FROM zones;
CREATE FUNCTION add_row() RETURNS int LANGUAGE sql AS
    'INSERT INTO zones VALUES (-1, ''written'') RETURNING id';
CREATE VIEW writes AS SELECT add_row() AS id;
"""


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
def lake(make_lake: MakeLake, postgres: PostgresServer, url: str) -> Lake:
    made = make_lake(CONFIG, warehouse=url, clock=Clock())
    with postgres.connect(url) as connection:
        connection.execute(TABLE)
    age(made)
    return made


def test_one_statement_sees_hot_and_cold_rows_and_other_tables(lake: Lake) -> None:
    assert tiers_of(lake)["2018-01"] == "STANDARD"
    assert lake.sql("select count(*), sum(fare) from trips").fetchall() == [
        (6000, sum((i % 97) * 1.25 for i in range(6000)))
    ]
    for name in ("trips", "public.trips"):
        joined = f"select count(*) from {name} t join zones z on t.id = z.id"
        assert lake.sql(joined).fetchall() == [(100,)]
    hot = lake.sql("select count(*) from hot.trips").fetchall()[0][0]
    assert 0 < hot < 6000
    assert lake.sql("select count(*) from names").fetchall() == [(100,)]


@pytest.mark.parametrize("name", ["dear", "public.dear", "dearer", "monthly"])
def test_what_would_show_the_hot_rows_alone_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(QueryError, match="would show the hot rows of trips alone") as refused:
        lake.sql(f"select * from {name}")
    assert "hot.trips" in refused.value.hint


@pytest.mark.parametrize(
    "sql",
    in_turn(
        [
            "select * from postgres_query('{alias}', 'delete from zones returning 1')",
            "select * from postgres_execute('{alias}', 'delete from zones')",
            "select * from postgres_scan('{url}', 'public', 'zones')",
            "select * from postgres_attach('{url}')",
            "call postgres_execute('{alias}', 'delete from zones')",
            "insert into zones values (1, 'x')",
            "delete from zones",
        ],
        3,
    ),
)
def test_no_query_writes(lake: Lake, postgres: PostgresServer, url: str, sql: str) -> None:
    for alias in (lake.warehouse.alias, lake.warehouse.looking):
        with pytest.raises(IsothermError):
            lake.sql(sql.format(alias=alias, url=url))
    with postgres.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM zones").fetchall() == [(100,)]


def test_a_function_of_the_server_that_writes_fails(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    with pytest.raises(IsothermError, match="read-only"):
        lake.sql("select * from writes")
    with postgres.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM zones").fetchall() == [(100,)]


def test_what_only_looks_cannot_write_whatever_it_calls(lake: Lake) -> None:
    """The second wall, should a query get past the first."""
    for call in ("SELECT * FROM postgres_query(?, ?)", "CALL postgres_execute(?, ?)"):
        with pytest.raises(IsothermError), lake.warehouse.snapshot() as tx:
            tx.execute(call, [lake.warehouse.looking, "DELETE FROM zones"])
    assert lake.sql("select count(*) from zones").fetchall() == [(100,)]


def test_a_table_that_was_altered_by_others_is_seen_as_it_is_now(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    assert lake.sql("select count(*) from trips").fetchall() == [(6000,)]
    with postgres.connect(url) as connection:
        connection.execute("ALTER TABLE trips ADD COLUMN tip numeric(9,2) DEFAULT 1")
        connection.execute("CREATE TABLE fresh AS SELECT 7 AS x")
    assert lake.sql("select x from fresh").fetchall() == [(7,)]
    hot = lake.sql("select count(*) from hot.trips").fetchall()
    assert lake.sql("select count(tip) from trips").fetchall() == hot


def test_a_scan_by_many_connections_is_of_one_snapshot(
    lake: Lake, postgres: PostgresServer, url: str
) -> None:
    """Rows that are written while the transaction is open are seen by none of its scans."""
    with postgres.connect(url) as connection:
        connection.execute("CREATE TABLE big AS SELECT generate_series(1, 600000) AS id")
        connection.execute("ANALYZE big")
    for opened in (lake.warehouse.transaction, lake.warehouse.snapshot):
        with opened() as tx:
            big = f"FROM {tx.relation(BIG)}"
            before = tx.execute(f"SELECT count(*), sum(id) {big}")
            with postgres.connect(url) as connection:
                connection.execute("INSERT INTO big SELECT generate_series(1, 300000)")
                connection.execute("UPDATE big SET id = id + 1 WHERE id % 7 = 0")
            assert tx.execute(f"SELECT count(*), sum(id) {big}") == before
            assert tx.session.digest(f"SELECT id {big}").rows == before[0][0]


@pytest.mark.parametrize(
    "order", ["id desc nulls first", "note nulls first, id", "1 NULLS  FIRST, 2"]
)
def test_no_hot_row_is_missing_where_nulls_come_first(lake: Lake, order: str) -> None:
    run_sql(lake, "ALTER TABLE trips ADD COLUMN note INTEGER")
    query = f"select id, pickup, note from trips order by {order}"
    assert lake.sql(f"{query} limit 3").fetchall() == lake.sql(query).fetchall()[:3]
    assert len(lake.sql("select id from hot.trips order by 1 nulls first limit 5").fetchall()) == 5


def test_hot_and_cold_rows_are_compared_alike(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make_lake(CONFIG, warehouse=url, clock=Clock())
    row = "'ab', '{\"a\": 1}', '{\"a\":  1}', 'low'"
    with postgres.connect(url) as connection:
        connection.execute("CREATE TYPE level AS ENUM ('low', 'high')")
        connection.execute(
            "CREATE TABLE trips (pickup timestamp NOT NULL, c char(5), b jsonb, j json, l level)"
        )
        connection.execute(f"INSERT INTO trips VALUES ('2018-03-01', {row}), ('2019-06-01', {row})")  # type: ignore[arg-type]
    age(lake)
    for condition in (
        "c = 'ab'",
        "c = 'ab   '",
        "c < 'ab '",
        "c in ('ab', 'x')",
        "b = '{\"a\":1}'",
        "b = '{\"a\": 1}'",
        "j = '{\"a\":  1}'",
        "l > 'high'",
        "l < 'x'",
        "l = 'low'",
    ):
        found = lake.sql(f"select pickup from trips where {condition}").fetchall()
        assert len(found) in (0, 2), condition


def test_a_number_that_is_rounded_is_said_to_be(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make_lake(CONFIG, warehouse=url, clock=Clock())
    with postgres.connect(url) as connection:
        connection.execute("CREATE TABLE trips (pickup timestamp NOT NULL, amount numeric)")
    noted = lake.sql("select sum(amount) from trips")
    assert noted.notes == (
        "amount of public.trips is numeric, which is read as DOUBLE: values are rounded",
    )
    assert lake.sql("select min(pickup) from trips").notes == ()


PARENTS = """
CREATE TABLE every (pickup timestamp NOT NULL, id int, kind text) PARTITION BY LIST (kind);
CREATE TABLE trips PARTITION OF every FOR VALUES IN ('trip');
CREATE TABLE rides PARTITION OF every FOR VALUES IN ('ride');
CREATE VIEW seen AS SELECT id FROM every;
INSERT INTO every VALUES ('2018-03-01', 1, 'trip'), ('2018-03-01', 2, 'ride');
"""


def test_a_table_that_the_datasets_is_a_part_of_is_refused_and_its_neighbours_are_not(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    lake = make_lake(CONFIG, warehouse=url, clock=Clock())
    with postgres.connect(url) as connection:
        connection.execute(PARENTS)
    age(lake)
    for name in ("every", "seen"):
        with pytest.raises(QueryError, match="would show the hot rows of trips alone"):
            lake.sql(f"select count(*) from {name}")
    assert lake.sql("select id from rides").fetchall() == [(2,)]
    assert lake.sql("select id from trips").fetchall() == [(1,)]


def test_no_query_reaches_the_attachments_or_a_password(
    make_lake: MakeLake, postgres: PostgresServer, url: str
) -> None:
    secret = url.replace("postgres@", "postgres:S3cret@")
    lake = make_lake(CONFIG, warehouse=secret, clock=Clock())
    with postgres.connect(url) as connection:
        connection.execute(TABLE)
    shown = lake.sql("select * from duckdb_databases()").fetchall()
    assert "S3cret" not in str(shown)
    age(lake)
    writing, looking = lake.warehouse.alias, lake.warehouse.looking
    for name in ("trips", "public.trips", "writes"):
        with pytest.raises(QueryError):
            lake.sql(f"select * from {writing}.{name}", allow_files=True)
    for name in (f"{looking}.trips", f"{looking}.public.trips"):  # it is the warehouse's name, too
        assert lake.sql(f"select count(*) from {name}").fetchall() == [(6000,)]
    with pytest.raises(QueryError, match="read-only"):
        lake.sql(f"select * from {looking}.writes", allow_files=True)
