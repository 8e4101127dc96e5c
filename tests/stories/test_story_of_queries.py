"""What an analyst does: one SQL over all tiers, in the format that is wanted."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from command_line import CommandLine, owner, words

ARCHIVED = 5
FRESH = "pickup >= '2018-05-01'"


def expected(condition: str = FRESH) -> list[tuple[object, ...]]:
    """Compute the answer from the recipe of the trips, without a lake."""
    return duckdb.sql(
        "SELECT count(*), sum(id)::BIGINT FROM (SELECT TIMESTAMP '2018-01-01' + "
        f"INTERVAL (i * 131) MINUTE AS pickup, i AS id FROM range(6_000) t(i)) WHERE {condition}"
    ).fetchall()


def test_the_tables_own_name_means_all_rows_and_hot_means_the_hot_ones(cold: CommandLine) -> None:
    for name in ("trips", "main.trips", '"trips"', "warehouse.main.trips", "MAIN.TRIPS"):
        rows = cold.rows(f"select count(*), sum(id)::bigint from {name} where {FRESH}")
        assert rows == expected(), name
    hot = cold.rows(f"select count(*), sum(id)::bigint from hot.trips where {FRESH}")
    assert hot == expected("pickup >= '2019-02-01'")


def test_the_owners_own_views_see_all_rows(cold: CommandLine) -> None:
    owner("CREATE VIEW fares AS SELECT pickup, fare * 2 AS twice FROM trips")
    (count,) = cold.rows(f"select count(*) from fares where {FRESH}")
    assert count[0] == expected()[0][0]
    words(cold("sql", "select count(*) from fares", code=ARCHIVED).err, ["2018-01..2018-04"])


def test_a_query_is_written_as_a_table_csv_json_or_parquet(cold: CommandLine) -> None:
    query = f"select id, fare, tag, null as nothing from trips where {FRESH} order by id limit 3"
    table = cold("sql", query).out
    words(table, ["id", "fare", "tag", "NULL"])
    rows = cold("sql", query, "--format", "json").json
    text = cold("sql", query, "--format", "csv").out
    read = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["id"]) for row in read] == [row["id"] for row in rows]
    assert [row["nothing"] for row in read] == ["", "", ""]
    cold("sql", query, "--format", "parquet", "--out", "some.parquet")
    assert [row[0] for row in duckdb.sql("SELECT id FROM 'some.parquet'").fetchall()] == [
        row["id"] for row in rows
    ]
    cold("sql", query, "--format", "csv", "--out", "some.csv")
    assert Path("some.csv").read_text().splitlines() == text.splitlines()


def test_what_was_left_out_is_said_beside_the_answer_not_in_it(cold: CommandLine) -> None:
    ran = cold("sql", "select count(*) as n from trips", "--archived", "skip", "--format", "csv")
    assert ran.out.split() == ["n", str(expected()[0][0])]
    words(ran.err, ["left out", "archived", "trips 2018-01..2018-04"])


def test_a_refusal_names_the_partitions_the_price_and_the_way_out(cold: CommandLine) -> None:
    ran = cold("sql", "select avg(fare) from trips where tag = 'x7'", code=ARCHIVED)
    words(
        ran.err,
        [
            "trips 2018-01..2018-04",
            "$",
            "isotherm restore trips 2018-01..2018-04 --for 7d",
            "--archived skip",
        ],
    )
    assert not ran.out


def test_explain_shows_tiers_files_bytes_and_what_it_would_cost(cold: CommandLine) -> None:
    query = "select sum(fare) from trips where pickup >= '2018-05-01' and pickup < '2018-10-01'"
    ran = cold("sql", query, "--explain")
    words(ran.out, ["STANDARD", "STANDARD_IA", "$"])
    assert "GLACIER" not in ran.out
    assert cold("sql", query, "--explain", "--format", "json").json["version"] == 1
    words(
        cold("sql", "select sum(fare) from trips", "--explain").flat,
        ["GLACIER", "restoring costs", "Spectrum"],
    )


def test_rows_of_another_table_can_be_joined(cold: CommandLine) -> None:
    owner("CREATE TABLE tags AS SELECT 'x' || i AS tag, i AS number FROM range(50) t(i)")
    rows = cold.rows(
        "select count(*), sum(id)::bigint from trips join tags using (tag) "
        f"where {FRESH} and number < 50"
    )
    assert rows == expected()
