"""The generated trips: the same each time, and as dirty as they say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from isotherm.demo.trips import CRLF, MONTHS, PARQUET, write_late, write_trips
from isotherm.model.period import Period

ROWS = 9_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_trips(tmp_path / "files", ROWS)


def all_rows(files: list[Path], sql: str) -> list[tuple[object, ...]]:
    texts = [str(file) for file in files if file.suffix == ".csv"]
    tables = [str(file) for file in files if file.suffix == ".parquet"]
    return duckdb.sql(
        f"WITH trips AS (FROM read_csv({texts}, union_by_name = true, strict_mode = false) "
        f"UNION ALL BY NAME FROM read_parquet({tables})) {sql}"
    ).fetchall()


def test_the_same_call_writes_the_same_bytes(files: list[Path], tmp_path: Path) -> None:
    again = write_trips(tmp_path / "again", ROWS)
    hashes = [[hashlib.sha256(f.read_bytes()).hexdigest() for f in some] for some in (files, again)]
    assert hashes[0] == hashes[1]


def test_there_is_a_file_a_month_with_about_as_many_rows_as_asked(files: list[Path]) -> None:
    assert [file.stem[-7:] for file in files] == [str(month) for month in MONTHS]
    assert sum(file.suffix == ".parquet" for file in files) == len(PARQUET)
    ((rows,),) = all_rows(files, "SELECT count(*) FROM trips")
    assert ROWS * 0.97 < int(str(rows)) < ROWS * 1.03


def test_the_dirt_is_there(files: list[Path]) -> None:
    ancient, no_count = all_rows(
        files,
        "SELECT count(*) FILTER (pickup_datetime < '2010-01-01'), "
        "count(*) FILTER (passenger_count IS NULL) FROM trips",
    )[0]
    assert ancient == 1
    assert int(str(no_count)) > 0
    ((before,),) = all_rows(
        files,
        "SELECT count(*) FROM trips WHERE passenger_count IS NULL "
        "AND pickup_datetime BETWEEN '2010-01-01' AND '2019-02-01'",
    )
    assert before == 0
    november = duckdb.sql(
        f"SELECT count(*) FROM '{files[10]}' WHERE pickup_datetime < '2018-11-01'"
    )
    assert november.fetchall() == [(3,)]


def test_some_fares_are_negative(tmp_path: Path) -> None:
    files = write_trips(tmp_path, 60_000)
    ((negative,),) = all_rows(files, "SELECT count(*) FROM trips WHERE fare_amount < 0")
    assert 0 < int(str(negative)) < 60


def test_a_column_is_born_in_2019(files: list[Path]) -> None:
    heads = {file.stem[-7:]: file.open().readline() for file in files if file.suffix == ".csv"}
    born = {month for month, head in heads.items() if "congestion_surcharge" in head}
    assert born == {"2019-01", "2019-02", "2019-03"}


def test_two_files_end_every_line_but_the_last_with_crlf(files: list[Path]) -> None:
    for file in files:
        if file.suffix == ".csv":
            text = file.read_bytes()
            expected = text.count(b"\n") - 1 if Period.parse(file.stem[-7:]) in CRLF else 0
            assert text.count(b"\r\n") == expected, file


def test_late_trips_are_in_the_months_that_were_asked_for(tmp_path: Path) -> None:
    counts = {Period.parse("2018-09"): 30, Period.parse("2018-02"): 7}
    write_late(tmp_path / "late.csv", counts)
    found = duckdb.sql(
        "SELECT strftime(pickup_datetime, '%Y-%m'), count(*) "
        f"FROM '{tmp_path / 'late.csv'}' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert found == [("2018-02", 7), ("2018-09", 30)]
