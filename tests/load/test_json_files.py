"""JSON: newline-delimited and in an array, whole and broken."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trip_files import Trips

from isotherm.lake import Lake
from isotherm.model.errors import LoadError, SchemaError

DAY = "2019-01-01 10:00:00"


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


def by_line(*objects: dict[str, Any] | str, newline: str = "\n") -> str:
    """Return newline-delimited JSON; a string is a line as it is."""
    lines = [o if isinstance(o, str) else json.dumps(o) for o in objects]
    return newline.join([*lines, ""])


def trip(number: int, **more: Any) -> dict[str, Any]:
    return {"pickup": DAY, "id": number, "fare": number + 0.5, "tag": f"x{number}", **more}


@pytest.mark.parametrize("form", ["lines", "crlf", "array", "pretty", "objects"])
def test_json_is_read_in_every_form(trips: Trips, form: str) -> None:
    objects = [trip(n) for n in range(5)]
    content = {
        "lines": by_line(*objects),
        "crlf": by_line(*objects, newline="\r\n"),
        "array": json.dumps(objects),
        "pretty": json.dumps(objects, indent=2),
        "objects": "\n".join(json.dumps(o, indent=2) for o in objects),
    }[form]
    assert trips.load_text(content, "trips.json").rows == 5
    assert trips.types == {
        "pickup": "TIMESTAMP",
        "id": "BIGINT",
        "fare": "DOUBLE",
        "tag": "VARCHAR",
    }
    assert trips.rows("sum(id), sum(fare)") == [(10, 12.5)]


def test_keys_that_come_late_are_not_left_out(trips: Trips) -> None:
    objects = [trip(n) for n in range(21_000)]
    content = by_line(*objects, trip(1, tip=2.5))
    loaded = trips.load_text(content, "trips.jsonl")
    assert [c.name for c in loaded.added][-1] == "tip"
    assert trips.rows("sum(tip)") == [(2.5,)]


def test_a_key_without_values_makes_no_column(trips: Trips) -> None:
    trips.load_text(by_line(trip(1, tip=None), trip(2)), "a.ndjson")
    assert "tip" not in trips.types
    trips.load_text(by_line(trip(3, tip=0.5), trip(4)), "b.ndjson")
    trips.load_text(by_line(trip(5, tip=None)), "c.ndjson")
    assert trips.rows("tip")[:2] == [(0.5,), (None,)]


def test_values_that_nest_keep_their_shape(trips: Trips) -> None:
    trips.load_text(by_line(trip(1, at={"x": 1, "y": [1, 2]})), "a.json")
    assert trips.types["at"] == "STRUCT(x BIGINT, y BIGINT[])"
    trips.load_text(by_line(trip(2, at={"x": 3, "y": []})), "b.json")
    assert trips.rows("trips.at.x") == [(1,), (3,)]


def test_strings_of_digits_stay_text_and_times_with_zones_are_times(trips: Trips) -> None:
    trips.load_text(
        by_line(
            trip(1, zip="00501", seen="2019-01-01T10:00:00+02:00"),
            trip(2, zip="10001", seen="2019-01-01T10:00:00Z"),
        ),
        "a.json",
    )
    assert (trips.types["zip"], trips.types["seen"]) == ("VARCHAR", "TIMESTAMP WITH TIME ZONE")
    assert trips.rows("zip, epoch(seen)") == [("00501", 1546329600.0), ("10001", 1546336800.0)]


def test_text_goes_into_a_text_column_as_it_is_written(trips: Trips) -> None:
    trips.sql("CREATE TABLE main.trips (pickup TIMESTAMP, note VARCHAR)")
    objects = [{"pickup": DAY, "note": note} for note in ("2019-01-01", 7, True, None, {"a": 1})]
    trips.load_text(by_line(*objects), "a.json")
    assert trips.rows("note") == [("2019-01-01",), ("7",), ("true",), ('{"a":1}',), (None,)]


def test_a_number_that_drifts_widens_or_fits_its_column(trips: Trips) -> None:
    trips.sql("CREATE TABLE main.trips (pickup TIMESTAMP, id INTEGER, fare BIGINT)")
    trips.load_text(by_line({"pickup": DAY, "id": 1, "fare": 2.0}), "a.json")
    assert trips.types["fare"] == "BIGINT"
    trips.load_text(by_line({"pickup": DAY, "id": 3_000_000_000, "fare": 2.5}), "b.json")
    assert (trips.types["id"], trips.types["fare"]) == ("BIGINT", "DOUBLE")
    assert trips.rows("id, fare") == [(1, 2.0), (3_000_000_000, 2.5)]


def test_times_are_read_as_the_user_says(trips: Trips) -> None:
    content = by_line({"pickup": "31.12.2019 23:59", "id": 1})
    with pytest.raises(LoadError, match=r"is no time: '31.12.2019 23:59'"):
        trips.load_text(content, "a.json")
    trips.load_text(content, "a.json", timestamp_format="%d.%m.%Y %H:%M")
    assert trips.rows("pickup") == [(dt.datetime(2019, 12, 31, 23, 59),)]


BROKEN = {
    '{"pickup": "2019-01-01 10:00:00", "id": ': "it is no JSON",
    "not json": "it is no JSON",
    "5": "it is no JSON object",
    '{"pickup": "2019-01-01 10:00:00", "id": 1, "id": 2}': "a key is there twice",
    '{"pickup": "soon", "id": 1}': "column pickup: 'soon' does not fit TIMESTAMP",
    '{"pickup": "2019-01-01 10:00:00", "id": "seven"}': "column id: 'seven' does not fit BIGINT",
    '{"pickup": "2019-01-01 10:00:00", "fare": [1]}': "column fare: '[1]' does not fit DOUBLE",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(("line", "reason"), BROKEN.items())
def test_a_broken_line_stops_its_file_and_is_named(
    trips: Trips, line: str, reason: str, newline: str, exists: bool
) -> None:
    if exists:
        trips.load_text(by_line(trip(100)), "first.json")
    objects: list[Any] = [trip(n) for n in range(30)]
    path = trips.write(by_line(*objects[:20], "", line, *objects[20:], newline=newline), "a.json")
    with pytest.raises(LoadError) as caught:
        trips.load(path)
    assert caught.value.message == f"{path} line 22: {reason}"
    assert trips.count == (1 if exists else -1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_broken_lines_are_kept_apart_each_once(trips: Trips, newline: str) -> None:
    lines: list[Any] = [trip(n) for n in range(60)]
    for number, line in enumerate(BROKEN):
        lines.insert(7 * number, line)
    loaded = trips.load_text(by_line(*lines, newline=newline), "a.ndjson", on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (60, len(BROKEN))
    assert trips.quarantine == [
        (7 * number + 1, reason, line) for number, (line, reason) in enumerate(BROKEN.items())
    ]
    assert trips.rows("id, fare, tag") == [(n, n + 0.5, f"x{n}") for n in range(60)]
    assert trips.types["tag"] == "VARCHAR"


def test_nested_values_and_text_survive_the_search_for_broken_lines(trips: Trips) -> None:
    trips.load_text(by_line(trip(1, at={"x": 1}, zip="007")), "first.json")
    good = [trip(n, at={"x": n}, zip="008", **{"odd/key~": n}) for n in range(2, 9)]
    loaded = trips.load_text(by_line(*good, "oops"), "a.json", on_error="quarantine")
    assert (loaded.rows, loaded.quarantined) == (7, 1)
    assert trips.rows("trips.at.x, zip")[-1] == (8, "008")
    assert trips.rows('max("odd/key~")') == [(8,)]


def test_lines_of_another_encoding_are_read_or_kept_apart(trips: Trips) -> None:
    text = '{"pickup": "2019-01-01 10:00:00", "tag": "café"}\n'
    content = by_line(trip(1)).encode() + text.encode("latin-1")
    with pytest.raises(LoadError, match="line 2: it is not UTF-8"):
        trips.load_text(content, "a.json")
    assert trips.load_text(content, "a.json", on_error="quarantine").quarantined == 1
    trips.load_text(text.encode("cp1252"), "b.json", encoding="cp1252")
    assert ("café",) in trips.rows("tag")


def test_a_broken_array_is_refused_whole(trips: Trips) -> None:
    content = json.dumps([trip(n) for n in range(5)])
    for mode in ("stop", "quarantine"):
        with pytest.raises(LoadError, match="cannot be read"):
            trips.load_text(content[:-20], "a.json", on_error=mode)
    bad = json.dumps([trip(1), {"pickup": DAY, "id": "seven"}])
    trips.load_text(by_line(trip(1)), "first.json")
    with pytest.raises(LoadError, match="column id: 1 values do not fit BIGINT, 'seven' for one"):
        trips.load_text(bad, "b.json", on_error="quarantine")
    assert trips.count == 1


def test_an_array_of_nothing_brings_no_rows(trips: Trips) -> None:
    assert trips.load_text("[ ]\n", "a.json").rows == 0
    assert trips.load_text("[]", "b.json").rows == 0
    assert trips.count == -1


def test_a_value_that_a_key_forbids_is_refused(trips: Trips) -> None:
    trips.sql("CREATE TABLE main.trips (pickup TIMESTAMP, id INTEGER PRIMARY KEY)")
    with pytest.raises(SchemaError, match="an index or key"):
        trips.load_text(by_line({"pickup": DAY, "id": 3_000_000_000}), "a.json")
    with pytest.raises(LoadError, match="does not take"):
        trips.load_text(by_line({"pickup": DAY, "id": 1}, {"pickup": DAY, "id": 1}), "b.json")
