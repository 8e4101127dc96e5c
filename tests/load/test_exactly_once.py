"""All of a file or nothing, and once by its content."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from trip_files import Trips, a_csv, trip_lines

from isotherm.control import journal, loads
from isotherm.lake import Lake
from isotherm.model.errors import LoadError
from isotherm.model.period import Period


@pytest.fixture
def trips(make_lake: Callable[..., Lake], tmp_path: Path) -> Trips:
    return Trips(make_lake(), tmp_path)


def test_a_file_is_loaded_with_its_account(trips: Trips) -> None:
    path = trips.write(a_csv(*trip_lines(30), "2019-02-03 10:00:00,99,1.5,x", ",100,2.5,"))
    loaded = trips.load(path)
    assert (loaded.rows, loaded.quarantined, loaded.skipped) == (32, 0, False)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.periods == {Period.parse("2019-01"): 30, Period.parse("2019-02"): 1}
    assert [column.name for column in loaded.added] == ["pickup", "id", "fare", "tag"]
    with trips.lake.warehouse.snapshot() as tx:
        load = loads.find(tx, "trips", loaded.sha256)
        assert load is not None
        assert (load.file, load.rows, load.bytes) == (str(path), 32, path.stat().st_size)
        assert loads.last_by_period(tx, "trips").keys() == {"2019-01", "2019-02"}
        entry = journal.entries(tx)[-1]
        assert (entry.event, entry.dataset, entry.move) == ("loaded", "trips", "")
        assert entry.detail["sha256"] == loaded.sha256


def test_a_load_is_in_the_journals_chain_at_once(trips: Trips) -> None:
    trips.lake.load("trips", [trips.write(a_csv(*trip_lines(30)))])
    (entry,) = trips.lake.journal("trips")
    assert (entry.event, entry.seq) == ("loaded", 1)


def test_a_file_that_was_loaded_is_skipped_under_another_name(trips: Trips) -> None:
    first = trips.write(a_csv(*trip_lines(30)))
    trips.load(first)
    second = Path(shutil.copy(first, first.with_name("again.csv")))
    loaded = trips.load(second)
    assert (loaded.skipped, loaded.rows, loaded.same_as) == (True, 0, str(first))
    assert trips.count == 30


def test_a_file_of_the_same_size_and_other_content_is_loaded(trips: Trips) -> None:
    trips.load_text(a_csv("2019-01-01 00:00:00,1,1.5,x"), "a.csv")
    loaded = trips.load_text(a_csv("2019-01-01 00:00:00,2,1.5,x"), "b.csv")
    assert not loaded.skipped
    assert trips.rows("id") == [(1,), (2,)]


def test_a_file_under_the_same_name_with_more_in_it_is_loaded_whole(trips: Trips) -> None:
    trips.load_text(a_csv(*trip_lines(3)))
    assert trips.load_text(a_csv(*trip_lines(5))).rows == 5
    assert trips.count == 8


def test_one_file_loaded_by_several_threads_at_once_is_in_once(trips: Trips) -> None:
    path = trips.write(a_csv(*trip_lines(2_000)))
    trips.load_text(a_csv(*trip_lines(3)), "first.csv")  # so that the table is there
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(trips.load, [path] * 4))
    assert sorted(item.rows for item in found) == [0, 0, 0, 2_000]
    assert trips.count == 2_003


def test_two_files_loaded_at_once_into_a_table_that_is_not_there_are_both_in(trips: Trips) -> None:
    paths = [trips.write(a_csv(*trip_lines(500, 500 * n)), f"{n}.csv") for n in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(trips.load, paths))
    assert [item.rows for item in found] == [500] * 3
    assert trips.rows("id") == [(n,) for n in range(1_500)]


def test_a_file_that_is_changed_while_it_is_read_is_not_loaded(trips: Trips) -> None:
    path = trips.write(a_csv(*trip_lines(20_000)))
    trips.load_text(a_csv(*trip_lines(3)), "first.csv")
    changed = []

    from isotherm.load import csv_load

    look = csv_load.delimited.look

    def grow_after(*args: object) -> object:
        found = look(*args)  # type: ignore[arg-type]
        with path.open("a") as file:
            changed.append(file.write(trip_lines(1)[0] + "\n"))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_load.delimited, "look", grow_after)
        with pytest.raises(LoadError, match="was changed while it was read"):
            trips.load(path)
    assert changed
    assert trips.count == 3
    assert trips.load(path).rows == 20_001


def test_nothing_is_left_of_a_load_that_fails_at_its_end(trips: Trips) -> None:
    trips.sql("CREATE TABLE main.trips (pickup TIMESTAMP NOT NULL, id BIGINT)")
    path = trips.write("pickup,id,late\n2019-01-01 00:00:00,1,a\n,2,b\n")
    with pytest.raises(LoadError, match=r"does not take: .*NOT NULL"):
        trips.load(path)
    assert trips.types == {"pickup": "TIMESTAMP", "id": "BIGINT"}
    assert trips.count == 0
    with trips.lake.warehouse.snapshot() as tx:
        assert loads.sizes(tx, "trips") == frozenset()
        assert journal.entries(tx) == []


def test_a_key_that_is_there_already_is_named_and_nothing_is_loaded(trips: Trips) -> None:
    trips.sql(
        "CREATE TABLE main.trips (id BIGINT PRIMARY KEY, pickup TIMESTAMP)",
        "INSERT INTO main.trips VALUES (2, TIMESTAMP '2019-01-01')",
    )
    with pytest.raises(LoadError, match="id: 2"):
        trips.load_text("pickup,id\n2019-01-01 00:00:00,1\n2019-01-01 00:00:00,2\n")
    assert trips.rows("id") == [(2,)]


def test_a_load_into_an_adopted_table_counts_only_its_own_rows(trips: Trips) -> None:
    trips.sql(
        "CREATE TABLE main.trips AS SELECT TIMESTAMP '2018-05-01' AS pickup, i AS id "
        "FROM range(300000) t(i)"
    )
    loaded = trips.load_text(a_csv(*trip_lines(24)))
    assert loaded.periods == {Period.parse("2019-01"): 24}
    assert [column.name for column in loaded.added] == ["fare", "tag"]
    assert trips.count == 300_024
