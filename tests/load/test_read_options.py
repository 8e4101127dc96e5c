"""What the user says of a file, and files that are not what they seem."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from trip_files import Trips, a_csv, trip_lines

from isotherm.lake import Lake
from isotherm.load.options import ReadOptions
from isotherm.model.errors import LoadError

ZONED = "TIMESTAMP WITH TIME ZONE"


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


# -- how it is written


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_usual_delimiters_are_found_by_the_header(trips: Trips, delimiter: str) -> None:
    trips.load_text(a_csv(*trip_lines(5)).replace(",", delimiter))
    assert trips.types == {
        "pickup": "TIMESTAMP",
        "id": "BIGINT",
        "fare": "DOUBLE",
        "tag": "VARCHAR",
    }


@pytest.mark.parametrize(("delimiter", "said"), [("~", "~"), ("\t", "\\t"), (" ", " ")])
def test_any_other_delimiter_is_said(trips: Trips, delimiter: str, said: str) -> None:
    text = "pickup,id\n2019-01-01,1\n2019-01-02,2\n".replace(",", delimiter)
    assert trips.load_text(text, delimiter=said).rows == 2


def test_a_delimiter_within_the_values_does_not_mislead(trips: Trips) -> None:
    trips.load_text('id;pickup;"a,b,c,d"\n1;2019-01-01 00:00:00;"x;y"\n')
    assert trips.rows('"a,b,c,d"') == [("x;y",)]


@pytest.mark.parametrize("text", ["", "::", '"', "\n", "é"])
def test_what_is_no_delimiter_is_refused(text: str) -> None:
    with pytest.raises(LoadError, match="the delimiter"):
        ReadOptions(delimiter=text)


def test_without_a_header_columns_go_by_the_tables_order(trips: Trips) -> None:
    trips.load_text(a_csv(*trip_lines(3)), "first.csv")
    trips.load_text("\n".join(trip_lines(3, 10)), "second.csv", header=False)
    assert trips.rows("id") == [(n,) for n in (0, 1, 2, 10, 11, 12)]
    with pytest.raises(LoadError, match="no header and 2 columns, the table has 4"):
        trips.load_text("1,2\n", "third.csv", header=False)


def test_without_a_header_and_a_table_there_are_no_names(trips: Trips) -> None:
    with pytest.raises(LoadError, match="its columns have no names"):
        trips.load_text("\n".join(trip_lines(3)), header=False)


def test_a_first_line_that_is_no_header_is_not_taken_for_one(trips: Trips) -> None:
    with pytest.raises(LoadError, match="no column pickup, the clock of trips") as caught:
        trips.load_text("\n".join(trip_lines(3)))
    assert "--no-header" in caught.value.hint


def test_what_stands_for_null_is_said(trips: Trips) -> None:
    trips.load_text("pickup,fare\n2019-01-01 00:00:00,N/A\n2019-01-01 00:00:00,1.5\n", null="N/A")
    assert trips.types["fare"] == "DOUBLE"
    assert trips.rows("fare") == [(1.5,), (None,)]


def test_dates_and_times_are_read_as_the_user_says(trips: Trips) -> None:
    text = "pickup,day\n31/12/2019 23:59,05.06.2019\n01/12/2019 00:01,06.06.2019\n"
    trips.load_text(text, timestamp_format="%d/%m/%Y %H:%M", date_format="%d.%m.%Y")
    assert trips.types == {"pickup": "TIMESTAMP", "day": "DATE"}
    assert trips.rows() == [
        (dt.datetime(2019, 12, 1, 0, 1), dt.date(2019, 6, 6)),
        (dt.datetime(2019, 12, 31, 23, 59), dt.date(2019, 6, 5)),
    ]


def test_a_format_reads_into_columns_that_are_there(trips: Trips) -> None:
    trips.sql(f"CREATE TABLE main.trips (pickup {ZONED}, day DATE, seen TIMESTAMP)")
    text = "pickup,day,seen\n01/02/2019 10:00,02/02/2019 00:00,2019-01-01 12:00:00\n"
    trips.load_text(text, timestamp_format="%d/%m/%Y %H:%M")
    assert trips.rows("epoch(pickup), day, seen") == [
        (1549015200.0, dt.date(2019, 2, 2), dt.datetime(2019, 1, 1, 12))
    ]


@pytest.mark.parametrize("option", ["timestamp_format", "date_format"])
def test_a_column_is_not_read_in_two_ways_at_once(trips: Trips, option: str) -> None:
    text = "pickup,id\n2025-11-06 10:00:00,1\n2025-11-25 10:00:00,2\n"
    with pytest.raises(LoadError, match="line 3: column pickup: '2025-11-25 10:00:00' does not"):
        trips.load_text(text, **{option: "%Y-%d-%m %H:%M:%S"})
    days = text.replace(" 10:00:00", "")
    with pytest.raises(LoadError, match="line 3: column pickup: '2025-11-25' does not fit"):
        trips.load_text(days, **{option: "%Y-%d-%m"})
    trips.sql("CREATE TABLE main.trips (pickup DATE, id INTEGER)")
    with pytest.raises(LoadError, match="line 3: column pickup: '2025-11-25' does not fit"):
        trips.load_text(days, **{option: "%Y-%d-%m"})


def test_what_a_short_year_does_not_fit_is_not_read_as_a_year_of_old(trips: Trips) -> None:
    text = "pickup,id\n06-11-25,1\n31-11-25,2\n"
    with pytest.raises(LoadError, match="line 3: column pickup: '31-11-25' does not fit"):
        trips.load_text(text, date_format="%d-%m-%y")


@pytest.mark.parametrize("pattern", ["", "foo", "100%%", "%Q", "%d.%m.%"])
@pytest.mark.parametrize("option", ["timestamp_format", "date_format"])
def test_what_is_no_format_is_refused(option: str, pattern: str) -> None:
    with pytest.raises(LoadError, match="says nothing of a time"):
        ReadOptions(**{option: pattern})


def test_a_clock_in_a_strange_form_is_refused_with_the_forms_that_fit(trips: Trips) -> None:
    rows = ["12/31/2019 11:59:00 PM,1", "01/02/2019 01:00:00 AM,2"]
    for options in ({}, {"on_error": "quarantine"}):
        with pytest.raises(
            LoadError, match="the clock of trips, is no time: '01/02/2019"
        ) as caught:
            trips.load_text("\n".join(["pickup,id", *rows]), **options)
        assert "--timestamp-format '%m/%d/%Y %I:%M:%S %p'" in caught.value.hint
    trips.load_text("\n".join(["pickup,id", *rows]), timestamp_format="%m/%d/%Y %I:%M:%S %p")
    assert trips.rows("max(pickup)") == [(dt.datetime(2019, 12, 31, 23, 59),)]


@pytest.mark.parametrize("time", ["2025-02-30 10:00:00", "2025-02-30", "2025-02-28T25:00"])
def test_a_day_or_an_hour_that_there_is_not_is_no_strange_form(trips: Trips, time: str) -> None:
    text = f"pickup,id\n{time},1\n"
    for options in ({}, {"on_error": "quarantine"}):
        with pytest.raises(LoadError, match=f"no time that there is: '{time}'") as caught:
            trips.load_text(text, **options)
        assert "no such day" in caught.value.hint
    with pytest.raises(LoadError, match=f"line 3: column pickup: '{time}' does not fit TIMESTAMP"):
        trips.load_text(text.replace("\n", "\n2025-01-01 10:00:00,0\n", 1))


def test_a_day_and_a_month_that_cannot_be_told_apart_are_not_guessed(trips: Trips) -> None:
    with pytest.raises(LoadError) as caught:
        trips.load_text("pickup,id\n01/02/2019,1\n")
    assert "'%m/%d/%Y' or --timestamp-format '%d/%m/%Y'" in caught.value.hint


def test_a_clock_without_values_needs_a_type(trips: Trips) -> None:
    with pytest.raises(LoadError, match="has no values, so that its type is not known"):
        trips.load_text("pickup,id\n,1\n")
    trips.load_text("pickup,id\n,1\n", types={"pickup": "TIMESTAMP"})
    assert trips.types["pickup"] == "TIMESTAMP"


def test_a_type_is_said(trips: Trips) -> None:
    text = "pickup,id,fare,zip\n2019-01-01 00:00:00,1,1.50,12345\n"
    trips.load_text(text, types={"FARE": "numeric(9,2)", "zip": "text", "id": "int"})
    assert trips.types == {
        "pickup": "TIMESTAMP",
        "id": "INTEGER",
        "fare": "DECIMAL(9,2)",
        "zip": "VARCHAR",
    }


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"fair": "DOUBLE"}, "no column fair"),
        ({"fare": "FLAOT64"}, "no type FLAOT64"),
        ({"fare": "INT); DROP TABLE x; --"}, "is no type"),
    ],
)
def test_a_type_that_cannot_be_is_refused(
    trips: Trips, types: dict[str, str], message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        trips.load_text(a_csv(*trip_lines(3)), types=types)


# -- encodings


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
def test_a_file_of_another_encoding_is_read_as_the_user_says(trips: Trips, encoding: str) -> None:
    text = a_csv("2019-01-01 00:00:00,1,1.5,café", '2019-01-01 00:00:00,2,1.5,"ü\nß"')
    trips.load_text(text.encode(encoding), encoding=encoding)
    assert trips.rows("tag") == [("café",), ("ü\nß",)]


def test_a_file_that_is_not_utf_8_is_refused_with_the_way_out(trips: Trips) -> None:
    content = a_csv(*trip_lines(5), "2019-01-01 00:00:00,7,1.5,café").encode("latin-1")
    with pytest.raises(LoadError, match="line 7: it is not UTF-8") as caught:
        trips.load_text(content)
    assert "--encoding latin-1" in caught.value.hint
    loaded = trips.load_text(content, on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (5, 1)
    assert trips.quarantine[0][2] == r"2019-01-01 00:00:00,7,1.5,caf\xe9"


@pytest.mark.parametrize("blank", [0, 2])
def test_names_of_columns_that_are_not_utf_8_are_refused(trips: Trips, blank: int) -> None:
    text = "\n" * blank + "pickup,café\n2019-01-01 00:00:00,1\n"
    with pytest.raises(LoadError, match=f"line {blank + 1}: it is not UTF-8") as caught:
        trips.load_text(text.encode("latin-1"))
    assert "--encoding latin-1" in caught.value.hint
    trips.load_text(text.encode("latin-1"), encoding="latin-1")
    assert trips.rows('"café"') == [(1,)]
    trips.load_text("pickup,\ufffd\n2019-01-01 00:00:00,1\n".encode())
    assert "\ufffd" in trips.types  # who wrote that has lost it before


def test_a_file_that_is_not_utf_16_is_refused(trips: Trips) -> None:
    content = a_csv(*trip_lines(5)).encode("utf-16") + b"x"
    with pytest.raises(LoadError, match="is of another encoding"):
        trips.load_text(content, encoding="utf-16")


def test_an_unknown_encoding_is_refused() -> None:
    for name in ("latin-99", "base64"):
        with pytest.raises(LoadError, match="is not known"):
            ReadOptions(encoding=name)


@pytest.mark.parametrize("crlf_first", [True, False])
def test_a_file_that_mixes_line_ends_is_loaded_whole(trips: Trips, crlf_first: bool) -> None:
    ends = ["\r\n", "\n"] if crlf_first else ["\n", "\r\n"]
    lines = ["pickup,id,fare,tag", *trip_lines(50)]
    text = "".join(line + ends[n > 20] for n, line in enumerate(lines))
    assert trips.load_text(text).rows == 50
    assert trips.rows("DISTINCT length(tag)") == [(2,)]
    assert trips.quarantine == []


def test_carriage_returns_alone_end_lines_too(trips: Trips) -> None:
    assert trips.load_text(a_csv(*trip_lines(5), newline="\r")).rows == 5


def test_long_values_are_read_in_both_ways(trips: Trips) -> None:
    long = '"' + "é" * 400_000 + '""' * 500_000 + '"'
    row = f"2019-01-01 00:00:00,1,1.5,{long}"
    assert trips.load_text(a_csv(row), "a.csv").rows == 1
    loaded = trips.load_text(a_csv(row, "1,2"), "b.csv", on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (1, 1)
    assert trips.rows("DISTINCT length(tag)") == [(900_000,)]


# -- what it is


def test_gzipped_csv_and_json_are_read(trips: Trips) -> None:
    content = gzip.compress(a_csv(*trip_lines(10)).encode())
    assert trips.load_text(content, "a.csv.gz").rows == 10
    other = gzip.compress(a_csv(*trip_lines(10, 10)).encode())
    assert trips.load_text(other, "not-called-gz.csv").rows == 10
    one = gzip.compress(b'{"pickup": "2019-01-01 00:00:00", "id": 50}\n')
    assert trips.load_text(one, "a.json.gz").rows == 1
    broken = gzip.compress(a_csv(*trip_lines(3, 30), "1,2").encode())
    assert trips.load_text(broken, "b.csv.gz", on_error="quarantine").quarantined == 1
    assert trips.count == 24


def test_a_gzip_file_that_was_cut_off_is_refused(trips: Trips) -> None:
    content = gzip.compress(a_csv(*trip_lines(30_000)).encode())
    packer = zlib.compressobj(wbits=31)
    whole_rows = packer.compress(a_csv(*trip_lines(5)).encode()) + packer.flush(zlib.Z_FULL_FLUSH)
    for cut in (content[: len(content) // 2], content[:-4], whole_rows):
        for mode in ("stop", "quarantine"):
            with pytest.raises(LoadError):
                trips.load_text(cut, "a.csv.gz", on_error=mode)
    assert trips.count == -1


def test_what_is_no_file_is_refused(trips: Trips) -> None:
    with pytest.raises(LoadError, match="is a directory"):
        trips.load(trips.write("x").parent)
    with pytest.raises(LoadError, match="No such file"):
        trips.load(trips.folder / "nothing.csv")
    os.mkfifo(trips.folder / "pipe.csv")
    with pytest.raises(LoadError, match="no regular file"):
        trips.load(trips.folder / "pipe.csv")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   \r\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet"])
def test_an_empty_file_is_refused(trips: Trips, content: bytes, name: str) -> None:
    with pytest.raises(LoadError, match="is empty"):
        trips.load_text(content, name)
    with pytest.raises(LoadError, match="is empty"):
        trips.load_text(gzip.compress(content), "b.csv.gz")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_header_alone_brings_no_rows(trips: Trips, end: str) -> None:
    loaded = trips.load_text("pickup,id" + end)
    assert (loaded.rows, loaded.skipped) == (0, False)
    assert trips.count == -1
    trips.load_text(a_csv(*trip_lines(3)), "b.csv")
    assert trips.load_text("pickup,tag" + end, "c.csv").rows == 0
    assert trips.count == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK\x03\x04....", "a ZIP archive or a spreadsheet"),
        ("a.csv.zst", b"(\xb5/\xfd....", "compressed by zstd"),
        ("a.db", b"SQLite format 3", "its name does not tell what it is"),
        ("a", b"pickup,id\n", "its name does not tell what it is"),
        ("a.parquet", b"pickup,id\n", "is no Parquet file by its content"),
        ("a.csv", b"PAR1....PAR1", "is a Parquet file by its content"),
        ("a.json", b"pickup,id\n", "is no JSON: it begins with 'pickup,id'"),
        ("a.csv", b"x" * 100_000, "its first line is longer"),
        ("a.csv", b'{"pickup": 1}\n', "no column pickup"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    trips: Trips, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(LoadError, match=message):
        trips.load_text(content, name)


def test_the_format_is_said_where_the_name_does_not_tell(trips: Trips) -> None:
    assert trips.load_text(a_csv(*trip_lines(3)), "trips.dat", format="csv").rows == 3
    with pytest.raises(LoadError, match="--input-format avro is not known"):
        ReadOptions(format="avro")


@pytest.mark.parametrize("name", ["a[1].csv", "a*.csv", "what?.csv", "it's.csv", "y=1/a.csv"])
def test_a_name_is_never_a_pattern(trips: Trips, name: str) -> None:
    trips.write(a_csv(*trip_lines(5)), "a1.csv")  # what DuckDB would take a[1].csv for
    trips.load_text(a_csv("2019-01-01 00:00:00,77,1.5,x"), name)
    assert trips.rows("id") == [(77,)]
    assert list(trips.types) == ["pickup", "id", "fare", "tag"]


def test_the_progress_of_a_load_rises_to_its_end(trips: Trips) -> None:
    seen = []
    path = trips.write(a_csv(*trip_lines(200_000)))
    trips.load(path, observe=seen.append)
    assert [p.fraction for p in seen] == sorted(p.fraction for p in seen)
    assert (seen[-1].fraction, seen[-1].rows) == (1.0, 200_000)
    assert seen[-1].rate > 0
