"""Only rows that may be somebody's are read, and none of theirs is missed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, policy
from conftest import MakeLake, lake_at, run_sql
from isotherm.engine import filters
from isotherm.engine.filters import GROUP_ROWS, ROWS_AT_LEAST
from isotherm.lake import Lake
from isotherm.model.errors import StorageError
from isotherm.model.person import DataSubject
from isotherm.privacy import narrowing, objects
from isotherm.privacy.finding import Found

CONFIG = policy(STANDARD="6 months").replace(
    'clock = "pickup"', 'clock = "pickup"\nsubject = ["rider_id", "email"]'
)
ROWS = 2 * GROUP_ROWS + 20_000
TABLE = f"""CREATE TABLE trips AS SELECT
    TIMESTAMP '2018-03-01' + INTERVAL (i * 20) SECOND AS pickup, i::INTEGER AS id,
    (hash(i) % 60000 * 2)::INTEGER AS rider_id, 'r' || (hash(i) % 60000 * 2) || '@x.org' AS email
    FROM range({ROWS}) t(i)"""
SOME = [0, 2, 4, 4_711, 59_998, 60_000, 119_998, -1, 777_777]
"""Odd ones are nobody's."""


def made(make_lake: MakeLake, config: str = CONFIG) -> Lake:
    lake = make_lake(config, clock=Clock())
    run_sql(lake, TABLE)
    age(lake)
    return lake


def truth(lake: Lake, condition: str) -> dict[str, int]:
    rows = lake.sql(
        "select strftime(pickup, '%Y-%m') as period, count(*) from trips "
        f"where {condition} group by all"
    )
    return {str(period): int(count) for period, count in rows.fetchall()}


def by_period(found: Found) -> dict[str, int]:
    return {str(part.period): rows for part, rows in found.cold.items()}


def find(lake: Lake, *people: str) -> Found:
    return lake.erasing.find("trips", [DataSubject.parse(person) for person in people])


@pytest.mark.parametrize("where", ["duckdb", "duckdb on moto", "postgres"])
def test_each_row_of_somebody_is_found(request: pytest.FixtureRequest, where: str) -> None:
    lake = lake_at(request, where, CONFIG, clock=Clock())
    run_sql(lake, *(_SERIES if where == "postgres" else (TABLE,)))
    age(lake)
    for rider in SOME:
        assert by_period(find(lake, f"rider_id={rider}")) == truth(lake, f"rider_id = {rider}")
    several = [f"rider_id={rider}" for rider in SOME]
    listed = ", ".join(map(str, SOME))
    assert by_period(find(lake, *several)) == truth(lake, f"rider_id in ({listed})")
    assert by_period(find(lake, "email=r2@x.org")) == truth(lake, "email = 'r2@x.org'")
    both = find(lake, "rider_id=2,email=r2@x.org", "rider_id=4,email=r6@x.org")
    assert by_period(both) == truth(lake, "rider_id = 2")


_SERIES = (
    "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, rider_id INTEGER, email VARCHAR)",
    TABLE.replace("CREATE TABLE trips AS SELECT", "INSERT INTO trips SELECT"),
)


def test_few_bytes_are_read_for_one_person(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(make_lake)
    lake.close()

    read = read_by_a_search(lake)
    monkeypatch.setattr(narrowing, "PEOPLE_AT_MOST", 0)
    assert read < read_by_a_search(lake) / 2


def read_by_a_search(lake: Lake) -> int:
    """Return how many bytes this process reads by system calls, by an engine that knows none."""
    with isotherm.open(lake.config.file, clock=Clock()) as opened:
        before = read_so_far()
        assert not find(opened, "rider_id=29999").rows
        return read_so_far() - before


def read_so_far() -> int:
    said = Path("/proc/self/io").read_text().split()
    return int(said[said.index("rchar:") + 1])


def test_objects_are_read_whole_where_there_would_be_too_many_stretches(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(make_lake)
    several = [f"rider_id={rider}" for rider in SOME]
    expected = by_period(find(lake, *several))
    monkeypatch.setattr(narrowing, "STRETCHES_AT_MOST", 0)
    assert by_period(find(lake, *several)) == expected


def test_objects_of_another_engine_are_read_whole(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(make_lake)
    expected = truth(lake, "rider_id = 2")
    monkeypatch.setattr(filters, "hashes", lambda *_: [0])
    assert by_period(find(lake, "rider_id=2")) != expected
    monkeypatch.setattr(filters, "engine", lambda _: "another")
    assert by_period(find(lake, "rider_id=2")) == expected


def test_a_column_that_was_widened_and_renamed_is_found_by_its_values(make_lake: MakeLake) -> None:
    lake = made(make_lake)
    expected = truth(lake, "rider_id = 2")
    run_sql(
        lake,
        "ALTER TABLE trips ALTER COLUMN rider_id TYPE BIGINT",
        "ALTER TABLE trips RENAME COLUMN rider_id TO rider",
        "INSERT INTO trips VALUES (TIMESTAMP '2018-03-05', 1, 5000000000, 'x')",
    )
    lake.close()
    renamed = CONFIG.replace('"rider_id"', '"rider"').replace(
        "subject =", 'renamed = { rider_id = "rider" }\nsubject ='
    )
    lake.config.file.write_text(renamed, encoding="utf-8")
    with isotherm.open(lake.config.file, clock=Clock()) as opened:
        age(opened)  # the late row widens the cold column
        assert by_period(find(opened, "rider=2")) == expected
        assert find(opened, "rider=5000000000").rows == 1
        assert find(opened, "rider=3").rows == 0


def test_a_column_that_came_later_names_nobody_before(make_lake: MakeLake) -> None:
    lake = made(make_lake)
    late = "INSERT INTO trips VALUES (TIMESTAMP '2018-03-05', 1, 2, 'late', 'ann')"
    run_sql(lake, "ALTER TABLE trips ADD COLUMN name VARCHAR", late)
    lake.close()
    config = CONFIG.replace('"email"]', '"email", "name"]')
    lake.config.file.write_text(config, encoding="utf-8")
    with isotherm.open(lake.config.file, clock=Clock()) as opened:
        assert find(opened, "name=ann").hot
        age(opened)
        assert by_period(find(opened, "name=ann")) == {"2018-03": 1}
        assert by_period(find(opened, "name=ann,rider_id=2")) == {"2018-03": 1}
        assert not find(opened, "name=bob").rows


def test_an_object_that_was_written_anew_has_filters_of_those_who_stay(
    make_lake: MakeLake,
) -> None:
    lake = made(make_lake)
    lake.erasing.new_key()
    expected = truth(lake, "rider_id = 4")
    lake.erasing.ask("trips", [DataSubject.parse("rider_id=2")], "DSR")
    lake.erasing.run("DSR")
    large = [part for part in lake.inventory("trips").parts if part.rows > ROWS_AT_LEAST]
    assert large
    for part in large:
        assert filters.find(partial(lake.storage.read, part.location), part.bytes)
    assert not find(lake, "rider_id=2").rows
    assert by_period(find(lake, "rider_id=4")) == expected


def test_who_is_in_no_filter_is_found_by_the_proof_and_forgotten(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(make_lake)
    clock = lake.clock
    assert isinstance(clock, Clock)
    lake.erasing.new_key()
    monkeypatch.setattr(objects, "may_have", lambda *_: {})  # filters that know nobody
    assert find(lake, "rider_id=4").cold == {}
    lake.erasing.ask("trips", [DataSubject.parse("rider_id=4")], "DSR-1")
    for _ in range(4):
        erased = lake.erasing.run("DSR-1")
        clock.forward(timedelta(hours=2))
    assert erased.request.proven_at
    assert truth(lake, "rider_id = 4") == {}


def test_a_column_called_as_the_engine_calls_the_rows_of_a_file_hides_nobody(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(lake, TABLE.replace("i::INTEGER AS id", "900_000 AS file_row_number"))
    age(lake)
    assert sum(find(lake, "rider_id=4").cold.values()) == sum(truth(lake, "rider_id = 4").values())


def test_a_missing_object_is_told(make_lake: MakeLake) -> None:
    lake = made(make_lake)
    part = lake.inventory("trips").parts[0]
    lake.storage.remove(part.location)
    with pytest.raises(StorageError, match=str(part.location)):
        find(lake, "rider_id=2")


@pytest.mark.parametrize("where", ["duckdb", "postgres"])
def test_many_people_of_two_columns_leave_the_warehouse(
    request: pytest.FixtureRequest, where: str
) -> None:
    lake = lake_at(request, where, CONFIG, clock=Clock())
    run_sql(
        lake,
        _SERIES[0],
        "INSERT INTO trips SELECT TIMESTAMP '2019-06-01', i, i % 300, 'r' || i % 300 || '@x.org' "
        "FROM range(3000) t(i)",
        "INSERT INTO trips VALUES (NULL, 1, NULL, 'r1@x.org'), (NULL, 1, 1, NULL)",
    )
    lake.erasing.new_key()
    right = [f"rider_id={n},email=r{n}@x.org" for n in range(100)]
    crossed = [f"rider_id={n},email=r{n + 1}@x.org" for n in range(100, 200)]
    people = [DataSubject.parse(person) for person in right + crossed]
    lake.erasing.ask("trips", people, "DSR")
    lake.erasing.run("DSR")
    left = lake.sql("select count(*), count(*) filter (rider_id < 100) from trips").fetchall()
    assert left == [(2_002, 1)]
