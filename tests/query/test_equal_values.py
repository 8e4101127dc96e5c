"""What equals a value is found in cold rows, in whatever spelling they have it."""

from __future__ import annotations

import pytest

from aged import same
from ageing import Clock, age, policy, untidy
from conftest import MakeLake, run_sql
from isotherm.engine import filters
from isotherm.lake import Lake

ROWS = """SELECT TIMESTAMP '2018-01-01' + INTERVAL (i % 50) DAY AS pickup, i::INTEGER AS id,
    ['\\x00\\xFF'::BLOB, 'a'::BLOB, unhex(md5('1'))][i % 3 + 1] AS bytes,
    unhex(md5(i::VARCHAR)) AS digest,
    (['0.0', '-0.0', 'nan', '1'][i % 4 + 1])::DOUBLE AS d,
    (['-0.0', '0.0', '1', '-nan', 'nan'][i % 5 + 1])::FLOAT AS f,
    CASE WHEN i % 9 = 0 THEN -0.0 WHEN i % 9 = 1 THEN 0.0 ELSE i / 3 END::DOUBLE AS many
FROM range(20_000) t(i)"""
CONDITIONS = (
    "bytes = '\\x00\\xFF'::BLOB",
    "bytes IN ('\\x00\\xFF'::BLOB, 'b'::BLOB)",
    "bytes = unhex(md5('1'))",
    "bytes <> 'a'::BLOB",
    "digest = unhex(md5('77'))",
    "d = 0",
    "d = -0.0::DOUBLE",
    "d <= 0",
    "d = 'nan'",
    "d = -('nan'::DOUBLE)",
    "d > 0",
    "f = 0",
    "f >= 0 AND f <= 0",
    "f = 'nan'",
    "many = 0",
    "many > 6000",
)
QUERIES = (
    *(f"SELECT count(*), sum(id) FROM {{}} WHERE {where}" for where in CONDITIONS),
    "SELECT name, count(*) FROM {} JOIN called USING (bytes) GROUP BY name",
    "SELECT count(*) FROM {} JOIN (SELECT 0.0::DOUBLE AS d) USING (d)",
    "SELECT count(*) FROM {} JOIN (SELECT 'nan'::DOUBLE AS d) USING (d)",
    "SELECT count(*) FROM {} WHERE f IN (SELECT '-nan'::FLOAT)",
)


def made(make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Make a lake whose rows are cold, in objects of several row groups."""
    monkeypatch.setattr(filters, "GROUP_ROWS", 2048)
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    run_sql(
        lake,
        f"CREATE TABLE trips AS {ROWS}",
        f"CREATE TABLE everything AS {ROWS}",
        "CREATE TABLE called AS SELECT '\\x00\\xFF'::BLOB AS bytes, 'it' AS name",
    )
    age(lake)
    assert not run_sql(lake, "FROM trips")
    return lake


def differing(lake: Lake, queries: tuple[str, ...]) -> list[str]:
    """Return the queries whose answer is not that of a plain table."""
    return [
        query
        for query in queries
        if not same(
            lake.sql(query.format("trips")).fetchall(), run_sql(lake, query.format("everything"))
        )
    ]


def test_bytes_zeros_and_nans_are_found_in_cold_rows(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(make_lake, monkeypatch)
    assert differing(lake, QUERIES) == []
    assert not untidy(lake)
    run_sql(lake, "ALTER TABLE trips RENAME digest TO hashed", "ALTER TABLE trips ADD digest INT")
    lake.close()
    config = lake.config.file
    text = config.read_text().replace("table =", 'renamed = { digest = "hashed" }\ntable =')
    config.write_text(text)
    by_id = tuple(query for query in QUERIES if "digest" not in query)
    assert differing(make_lake(text, clock=Clock()), by_id) == []
