"""A file with broken rows: nothing of it is loaded, or they are kept apart, each once."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from trip_files import HEADER, Trips, a_csv, trip_lines

from isotherm.lake import Lake
from isotherm.model.errors import LoadError

BROKEN = {
    "2019-01-01 00:00:00,7": "2 values for 4 columns",
    "2019-01-01 00:00:00,7,1.5,x,more": "5 values for 4 columns",
    "2019-01-01 00:00:00,seven,1.5,x": "column id: 'seven' does not fit BIGINT",
    "soon,7,1.5,x": "column pickup: 'soon' does not fit TIMESTAMP",
    '2019-01-01 00:00:00,7,1.5,"x" y': "text follows a closing quote",
    '2019-01-01 00:00:00,7,1.5,"x': "a quote is not closed",
    "2019-01-01 00:00:00,7,a lot,x": "column fare: 'a lot' does not fit DOUBLE",
}


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


def with_broken(good: int, broken: dict[int, str]) -> list[str]:
    """Return lines of good trips, with broken ones put at the given places among them."""
    lines = trip_lines(good)
    for at, line in sorted(broken.items()):
        lines.insert(at, line)
    return lines


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(("line", "reason"), BROKEN.items())
def test_a_broken_row_stops_its_file_and_is_named(
    trips: Trips, line: str, reason: str, newline: str, exists: bool
) -> None:
    if exists:
        trips.load_text(a_csv(*trip_lines(3, 100)), "first.csv")
    path = trips.write(a_csv(*with_broken(30, {20: line}), newline=newline))
    with pytest.raises(LoadError) as caught:
        trips.load(path)
    assert caught.value.message == f"{path} line 22: {reason}"
    assert "--on-error quarantine" in caught.value.hint
    assert trips.count == (3 if exists else -1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_broken_rows_are_kept_apart_each_once_with_their_lines(trips: Trips, newline: str) -> None:
    broken = {5 * n: line for n, line in enumerate(BROKEN)}
    path = trips.write(a_csv(*with_broken(100, broken), newline=newline))
    loaded = trips.load(path, on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (100, len(BROKEN))
    assert trips.rows("id") == [(n,) for n in range(100)]
    assert trips.quarantine == [(at + 2, BROKEN[line], line) for at, line in sorted(broken.items())]
    assert trips.sql("SELECT DISTINCT dataset, file FROM isotherm.quarantine") == [
        ("trips", str(path))
    ]


def test_lines_are_those_of_the_file_where_values_have_several(trips: Trips) -> None:
    lines = trip_lines(9)
    lines.insert(2, '2019-01-01 00:00:00,50,1.5,"two\nlines, ""quoted"""')
    lines.insert(4, "")
    lines.insert(6, "2019-01-01 00:00:00,x,1.5,tag")
    lines.insert(8, '2019-01-01 00:00:00,y,1.5,"also\ntwo"')
    trips.load_text(a_csv(*lines), on_error="quarantine")
    assert [(line, raw) for line, _, raw in trips.quarantine] == [
        (9, "2019-01-01 00:00:00,x,1.5,tag"),
        (11, '2019-01-01 00:00:00,y,1.5,"also\ntwo"'),
    ]
    assert ('two\nlines, "quoted"',) in trips.rows("tag")


def test_a_row_that_is_broken_in_several_ways_is_kept_once(trips: Trips) -> None:
    line = "soon,seven,a lot,x"
    trips.load_text(a_csv(*with_broken(50, {10: line})), on_error="quarantine")
    assert trips.quarantine == [(12, "column pickup: 'soon' does not fit TIMESTAMP", line)]


def test_the_first_broken_row_is_named_and_the_others_counted(trips: Trips) -> None:
    broken = {40: "soon,7,1.5,x", 30: "2019-01-01 00:00:00,x,1.5,x", 60: "1,2"}
    with pytest.raises(LoadError, match=r"line 32: column id: 'x' .* \(2 more rows are"):
        trips.load_text(a_csv(*with_broken(100, broken)))


def test_broken_rows_far_from_the_start_of_a_large_file_are_found(trips: Trips) -> None:
    chosen = random.Random(1)
    places = sorted(chosen.sample(range(60_000), 40))
    kinds = [line for line in BROKEN if '"' not in line]
    broken = {at: kinds[n % len(kinds)] for n, at in enumerate(places)}
    lines = with_broken(60_000, broken)
    loaded = trips.load_text(a_csv(*lines), on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (60_000, 40)
    assert trips.quarantine == [(at + 2, BROKEN[broken[at]], broken[at]) for at in places]


def test_many_broken_rows_are_all_kept(trips: Trips) -> None:
    lines = [*trip_lines(3_000), *["2019-01-01 00:00:00,7"] * 2_345]
    loaded = trips.load_text(a_csv(*lines), on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (3_000, 2_345)
    assert len(trips.quarantine) == 2_345


def test_a_file_of_broken_rows_alone_brings_none(trips: Trips) -> None:
    trips.load_text(a_csv(*trip_lines(3)), "first.csv")
    loaded = trips.load_text(a_csv("1,2", "3"), on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (0, 2)
    assert trips.count == 3


def test_a_file_without_broken_rows_leaves_quarantine_empty(trips: Trips) -> None:
    assert trips.load_text(a_csv(*trip_lines(5)), on_error="quarantine").quarantined == 0
    assert trips.quarantine == []


def test_a_file_whose_broken_rows_are_kept_apart_is_loaded_once(trips: Trips) -> None:
    path = trips.write(a_csv(*with_broken(20, {3: "1,2"})))
    trips.load(path, on_error="quarantine")
    assert trips.load(path, on_error="quarantine").skipped
    assert len(trips.quarantine) == 1
    assert trips.count == 20


def test_text_where_most_values_are_numbers_needs_a_word_of_the_user(trips: Trips) -> None:
    path = trips.write(a_csv(*with_broken(30, {20: "2019-01-01 00:00:00,A-7,1.5,x"})))
    with pytest.raises(LoadError) as caught:
        trips.load(path)
    assert "If such text is right there: --type id=VARCHAR" in caught.value.hint
    trips.load(path, types={"id": "VARCHAR"})
    assert ("A-7",) in trips.rows("id")


def test_a_column_that_mixes_text_and_numbers_is_text(trips: Trips) -> None:
    rows = [f"2019-01-01 00:00:00,{n}{'A' * (n % 3 == 0)},1.5,x" for n in range(30)]
    trips.load_text(a_csv(*rows))
    assert trips.types["id"] == "VARCHAR"


def test_the_names_of_the_columns_must_be_whole(trips: Trips) -> None:
    with pytest.raises(LoadError, match="line 1: a quote is not closed"):
        trips.load_text('pickup,"id\n2019-01-01 00:00:00,1\n')
    with pytest.raises(LoadError, match="two columns id"):
        trips.load_text("pickup,id,ID\n2019-01-01 00:00:00,1,2\n")


def test_a_header_with_quotes_and_spaces_is_read(trips: Trips) -> None:
    trips.load_text('"pickup", id ,"the, fare",\n2019-01-01 00:00:00,7,1.5,2\n')
    assert list(trips.types) == ["pickup", "id", "the, fare", "column3"]


def test_trips_are_loaded_with_the_clock_missing_in_some_rows(trips: Trips) -> None:
    trips.load_text(f"{HEADER}\n,1,1.5,x\n2019-01-01 00:00:00,2,1.5,x\n")
    assert trips.count == 2
    assert trips.lake.inventory("trips").ageless[0].rows == 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_mixed_every_good_row_is_in_and_every_broken_one_kept(
    trips: Trips, seed: int
) -> None:
    chosen = random.Random(seed)
    good = ["x", "", '"q"', '"a ""b"" c"', '"two\nlines"', '"a,b"', 'in"ner', "é", "'"]
    end = chosen.choice(["\n", "\r\n"])
    kinds = [line for line in BROKEN if not line.endswith('"x')]
    line, text, expected, rows = 2, HEADER + end, [], 0
    for number in range(chosen.randrange(200, 3_000)):
        if chosen.random() < 0.01:
            record = chosen.choice(kinds)
            expected.append((line, BROKEN[record], record))
        else:
            tag = chosen.choice(good).replace("\n", end)
            record, rows = f"2019-01-01 00:00:00,{number},{number}.5,{tag}", rows + 1
        text += record + end * (1 + (chosen.random() < 0.02))
        line = text.count("\n") + 1
    loaded = trips.load_text(text, on_error="quarantine")
    assert (loaded.rows, trips.quarantine) == (rows, expected)
    assert trips.rows("count(*), count(DISTINCT id)") == [(rows, rows)]
