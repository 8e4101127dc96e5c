"""A query reads, and nothing else: whatever it is made of, it changes and reaches nothing more."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from aged import Aged
from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.model.errors import ArchivedError, IsothermError, QueryError

FRESH = "pickup >= '2019-01-01'"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("INSERT INTO trips VALUES (1)", "INSERT was refused"),
        ("UPDATE trips SET id = 1", "UPDATE was refused"),
        ("DELETE FROM trips", "DELETE was refused"),
        ("MERGE INTO trips USING dims ON true WHEN MATCHED THEN DELETE", "MERGE was refused"),
        ("TRUNCATE trips", "TRUNCATE was refused"),
        ("DROP TABLE trips", "DROP was refused"),
        ("/* x */ drop table rides", "DROP was refused"),
        ("ALTER TABLE rides ADD COLUMN x INT", "ALTER was refused"),
        ("CREATE TABLE x AS SELECT 1", "CREATE was refused"),
        ("COPY trips TO 'x.csv'", "COPY was refused"),
        ("EXPORT DATABASE 'x'", "EXPORT was refused"),
        ("ATTACH 'x.db'", "ATTACH was refused"),
        ("DETACH memory", "DETACH was refused"),
        ("USE memory", "USE was refused"),
        ("SET threads = 1", "SET was refused"),
        ("RESET threads", "RESET was refused"),
        ("PRAGMA database_size", "PRAGMA was refused"),
        ("CALL pragma_version()", "CALL was refused"),
        ("CHECKPOINT", "CHECKPOINT was refused"),
        ("VACUUM", "VACUUM was refused"),
        ("LOAD icu", "LOAD was refused"),
        ("INSTALL spatial", "INSTALL was refused"),
        ("BEGIN", "BEGIN was refused"),
        ("COMMIT", "COMMIT was refused"),
        ("PREPARE p AS SELECT 1", "PREPARE was refused"),
        ("EXECUTE p", "EXECUTE was refused"),
        ("EXPLAIN SELECT 1", "isotherm sql --explain"),
        ("EXPLAIN SELECT 1; DROP TABLE rides", "2 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT 1; DROP TABLE rides", "2 statements"),
        ("PIVOT trips ON tag USING sum(id)", "Name the values"),
        ("", "no statement"),
        (" ; ", "no statement"),
        ("-- nothing", "no statement"),
        ("SELEC 1", "cannot be parsed"),
        ("WITH x AS (DELETE FROM rides RETURNING *) SELECT * FROM x", "cannot be parsed"),
        ("SELECT * INTO x FROM trips", "cannot be parsed"),
        ("SHOW TABLES", "isotherm status"),
        ("SHOW DATABASES", "isotherm status"),
        ("SELECT nextval('counter')", "only reads"),
        ("SELECT * FROM checkpoint()", "was refused"),
        ("SELECT * FROM force_checkpoint()", "was refused"),
        ("SELECT * FROM enable_logging()", "was refused"),
        ("SELECT * FROM json_execute_serialized_sql('{}')", "was refused"),
        ("SELECT * FROM query('DROP TABLE rides')", "was refused"),
        ("SELECT * FROM query_table('rides')", "was refused"),
        ("SELECT * FROM arrow_scan(1, 2, 3)", "was refused"),
        ("SELECT * FROM duckdb_table_sample('rides')", "was refused"),
        ("SELECT ? + 1", "parameter"),
    ],
)
@pytest.mark.parametrize("allow_files", [False, True])
def test_what_is_not_one_select_is_refused(
    plain_aged: Aged, sql: str, said: str, allow_files: bool
) -> None:
    before = run_sql(plain_aged.lake, "SELECT count(*), bit_xor(hash(r)) FROM rides r")
    with pytest.raises(QueryError) as caught:
        plain_aged.lake.sql(sql, allow_files=allow_files)
    assert said in str(caught.value)
    assert caught.value.exit_code == 6
    assert run_sql(plain_aged.lake, "SELECT count(*), bit_xor(hash(r)) FROM rides r") == before


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder with files that are no dataset."""
    for kind in ("csv", "json", "parquet"):
        duckdb.sql(f"COPY (SELECT 42 AS secret) TO '{tmp_path}/x.{kind}'")
    (tmp_path / "x.txt").write_text("42")
    return tmp_path


FILES = (
    "SELECT * FROM '{0}/x.csv'",
    "SELECT * FROM '{0}/x.parquet'",
    "FROM '{0}/x.json'",
    'SELECT * FROM "{0}/x.csv"',
    "SELECT * FROM read_csv('{0}/x.csv')",
    "SELECT * FROM READ_PARQUET('{0}/x.parquet')",
    "SELECT secret FROM trips, read_json('{0}/x.json') WHERE false",
    "SELECT (SELECT max(secret) FROM read_parquet('{0}/*.parquet'))",
    "WITH a AS (SELECT * FROM '{0}/x.csv') SELECT * FROM a",
    "SELECT 1 WHERE EXISTS (FROM '{0}/x.csv')",
    "SELECT 1 UNION ALL SELECT * FROM '{0}/x.csv'",
    "SELECT * FROM (VALUES (1)) v(i) JOIN LATERAL (SELECT * FROM '{0}/x.csv') ON true",
    "SELECT * FROM glob('{0}/*')",
    "SELECT content FROM read_text('{0}/x.txt')",
    "SELECT * FROM sniff_csv('{0}/x.csv')",
    "SELECT count(*) FROM parquet_metadata('{0}/x.parquet')",
    "DESCRIBE SELECT * FROM '{0}/x.csv'",
    "SUMMARIZE '{0}/x.csv'",
)


@pytest.mark.parametrize("form", FILES)
def test_files_that_are_no_dataset_need_leave(plain_aged: Aged, outside: Path, form: str) -> None:
    query = form.format(outside)
    with pytest.raises(QueryError, match="--allow-files"):
        plain_aged.lake.sql(query)
    assert plain_aged.lake.sql(query, allow_files=True).columns


def test_an_owners_view_and_macro_over_files_need_leave_too(
    make_lake: MakeLake, outside: Path
) -> None:
    lake = make_lake()
    run_sql(
        lake,
        make_trips(10),
        f"CREATE VIEW secrets AS SELECT * FROM '{outside}/x.csv'",
        "CREATE VIEW more AS SELECT * FROM secrets",
        f"CREATE MACRO secret() AS TABLE SELECT * FROM read_json('{outside}/x.json')",
    )
    for name in ("secrets", "more", "secret()"):
        with pytest.raises(QueryError, match="--allow-files"):
            lake.sql(f"SELECT * FROM {name}")
        assert lake.sql(f"SELECT * FROM {name}", allow_files=True).fetchall() == [(42,)]


def test_a_confined_lake_reaches_no_file_outside_its_store(
    make_lake: MakeLake, outside: Path
) -> None:
    lake = make_lake(clock=Clock())
    run_sql(lake, make_trips())
    lake.apply(lake.plan(even_if_uneconomic=True))
    lake.close()
    looking = make_lake(read_only=True, clock=Clock())
    looking.confine()
    query = "SELECT count(*), min(id) FROM trips WHERE pickup >= '2018-05-01'"
    assert looking.sql(query).fetchall() == [(4680, 1320)]
    assert looking.explain_sql(query).files == 9
    for form in (*FILES, "SELECT * FROM read_text('/etc/passwd')"):
        with pytest.raises(QueryError):
            looking.sql(form.format(outside), allow_files=True).fetchall()


def test_python_variables_are_no_tables(plain_aged: Aged) -> None:
    mine = duckdb.sql("SELECT 1 AS x").to_arrow_table()
    assert mine.num_rows == 1
    with pytest.raises(QueryError, match="no dataset or table mine"):
        plain_aged.lake.sql("SELECT * FROM mine")


def test_a_table_whose_name_looks_as_a_files_is_a_table(make_lake: MakeLake) -> None:
    lake = make_lake()
    run_sql(lake, make_trips(10), 'CREATE TABLE "a.csv" AS SELECT 1 AS x')
    assert lake.sql('SELECT x FROM "a.csv"').fetchall() == [(1,)]


def test_the_name_of_a_stand_in_means_nothing_in_a_query(plain_aged: Aged) -> None:
    lake = plain_aged.lake
    assert lake.sql("SELECT x FROM s0").fetchall() == [(1,)]
    query = f"SELECT 'isotherm_stand_ins.s0', id AS s0 FROM trips WHERE {FRESH} AND tag <> 's0'"
    assert len(lake.sql(query).fetchall()) > 100
    query = f"WITH s1 AS (SELECT * FROM trips WHERE {FRESH}) SELECT count(*) FROM s1, s0 AS s2"
    assert lake.sql(query).fetchall() == plain_aged.twin(query, "everything")
    for name in ("isotherm_stand_ins.s0", "isotherm_query_1.isotherm_stand_ins.s0"):
        with pytest.raises(QueryError, match="no database"):
            lake.sql(f"SELECT * FROM {name}")


def test_describe_and_summarize_work(plain_aged: Aged) -> None:
    lake = plain_aged.lake
    described = lake.sql("DESCRIBE trips").fetchall()
    assert described == plain_aged.twin("DESCRIBE everything", "")
    assert [row[1] for row in described][1:5] == ["INTEGER", "DECIMAL(9,2)", "VARCHAR", "SMALLINT"]
    assert lake.sql("SHOW trips").fetchall()[0][0] == "pickup"
    summary = f"SUMMARIZE SELECT id FROM trips WHERE {FRESH}"
    assert (
        lake.sql(summary).fetchall()[0][:4]
        == plain_aged.twin(summary.replace("trips", "everything"), "")[0][:4]
    )
    with pytest.raises(ArchivedError):
        lake.sql("SUMMARIZE trips")


def test_a_lake_that_is_opened_to_look_only_cannot_be_written_by_anybody(
    make_lake: MakeLake,
) -> None:
    lake = make_lake()
    run_sql(lake, make_trips(10))
    lake.close()
    looking = make_lake(read_only=True)
    assert looking.sql("SELECT count(*) FROM trips").fetchall() == [(10,)]
    with pytest.raises(duckdb.Error, match="read-only"):
        run_sql(looking, "DELETE FROM trips")
    with pytest.raises(IsothermError):
        looking.apply()
