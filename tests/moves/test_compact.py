"""Objects that late rows have left are made one, sorted; nothing of them is lost on the way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, set_config, tiers_of, untidy, waiting
from command_line import CommandLine, edit, words
from conftest import MakeLake, lake_at, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model import dataset
from isotherm.model.errors import MovesFailed
from isotherm.model.part import Part
from isotherm.model.person import DataSubject
from isotherm.plan.plan import Kind
from isotherm.storage.folder import FolderStorage
from turns import places_in_turn

SETTING = 'compact_min_objects = 3\nclock = "pickup"'
CONFIG = policy(STANDARD="6 months").replace('clock = "pickup"', SETTING)
NEVER = CONFIG.replace("compact_min_objects = 3", "compact_min_objects = 0")
ROW = (
    "INSERT INTO trips SELECT TIMESTAMP '2018-04-09' - INTERVAL (i) HOUR, {} + i FROM range(5) t(i)"
)


def of_april(lake: Lake) -> list[Part]:
    with lake.warehouse.snapshot() as tx:
        return [part for part in parts.of_dataset(tx, "trips") if str(part.period) == "2018-04"]


def replaced(lake: Lake) -> list[str]:
    return [name for name in waiting(lake) if name.startswith("STANDARD")]


def kinds(lake: Lake) -> list[Kind]:
    return [move.kind for move in plan_of(lake).moves]


def fill(lake: Lake, loads: int = 3) -> list[int]:
    """Load April so many times, each load but the last one has an object then; return all ids."""
    run_sql(lake, "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER)")
    for number in range(loads):
        if number:
            lake.apply(plan_of(lake))
        run_sql(lake, ROW.format(number * 10))
    return sorted(number * 10 + i for number in range(loads) for i in range(5))


@pytest.mark.parametrize(
    "where", places_in_turn(["duckdb", "postgres", "duckdb on moto", "duckdb on rgw"], 2)
)
def test_many_objects_become_one_in_the_order_of_the_clock(
    request: pytest.FixtureRequest, where: str
) -> None:
    lake = lake_at(request, where, CONFIG, clock=Clock())
    every = fill(lake)
    assert len(of_april(lake)) == 2
    append, move = plan_of(lake).moves
    assert (append.kind, str(move)) == (Kind.APPEND, "compact trips 2018-04 in STANDARD")
    assert (move.kind, move.objects, move.rows) == (Kind.COMPACT, 3, 15)
    age(lake)
    (part,) = of_april(lake)
    assert (part.rows, ids(lake), kinds(lake)) == (15, every, [])
    session = lake.warehouse.session()
    url = lake.storage.url(part.location)
    found = [row[0] for row in session.execute(f"SELECT pickup FROM read_parquet('{url}')")]
    session.close()
    assert found == sorted(found)
    assert not untidy(lake)
    assert len(replaced(lake)) == 3
    lake.clock.forward(timedelta(hours=2))  # type: ignore[attr-defined]
    age(lake)
    assert not replaced(lake)
    assert lake.audit(share=1.0).findings == ()


def test_few_objects_stay_as_they_are(make_lake: MakeLake) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    fill(lake, 2)
    assert kinds(lake) == [Kind.APPEND]
    age(lake)
    assert (len(of_april(lake)), kinds(lake)) == (2, [])


def test_never_is_never(make_lake: MakeLake) -> None:
    lake = make_lake(NEVER, clock=Clock())
    fill(lake, 7)
    age(lake)
    assert (len(of_april(lake)), kinds(lake)) == (7, [])


def test_five_small_objects_become_one_where_the_config_says_nothing(make_lake: MakeLake) -> None:
    lake = make_lake(CONFIG.replace("compact_min_objects = 3", ""), clock=Clock())
    every = fill(lake, 5)
    assert len(of_april(lake)) == 4
    age(lake)
    assert (len(of_april(lake)), ids(lake)) == (1, every)


def test_a_large_object_is_left_as_it_is(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-04-01' + INTERVAL (i) MINUTE AS pickup, "
        "i::INTEGER AS id FROM range(1000, 9000) t(i)",
    )
    age(lake)
    (large,) = of_april(lake)
    monkeypatch.setattr(dataset, "SMALL_BYTES", large.bytes)
    for number in range(2):
        run_sql(lake, ROW.format(number * 10))
        age(lake)
    assert len(of_april(lake)) == 1 + 2
    run_sql(lake, ROW.format(20))
    assert kinds(lake) == [Kind.APPEND, Kind.COMPACT]
    age(lake)
    left, small = sorted(of_april(lake), key=lambda part: part.rows, reverse=True)
    assert (left.location, small.rows) == (large.location, 15)
    assert len(ids(lake)) == 8000 + 15


def test_columns_of_different_times_and_names_come_together(make_lake: MakeLake) -> None:
    lake = make_lake(NEVER, clock=Clock())
    fill(lake, 2)
    age(lake)
    run_sql(
        lake,
        "ALTER TABLE trips ADD COLUMN fare INTEGER",
        "INSERT INTO trips VALUES (TIMESTAMP '2018-04-20', 100, 7)",
    )
    age(lake)
    run_sql(lake, "ALTER TABLE trips RENAME COLUMN fare TO price")
    set_config(lake, CONFIG.replace("compact_min", 'renamed = { fare = "price" }\ncompact_min'))
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        assert kinds(again) == [Kind.COMPACT]
        age(again)
        (part,) = of_april(again)
        assert part.rows == 11
        found = again.sql("select id, price from trips where price is not null").fetchall()
        assert found == [(100, 7)]
        assert not untidy(again)


def test_days_are_made_one_each_in_one_move(make_lake: MakeLake) -> None:
    by_day = policy(STANDARD="30 days").replace('clock = "pickup"', f'{SETTING}\nperiod = "day"')
    lake = make_lake(by_day, clock=Clock())
    run_sql(lake, "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER)")
    for number in range(3):
        run_sql(
            lake,
            "INSERT INTO trips SELECT TIMESTAMP '2018-04-01' + INTERVAL (i) DAY, "
            f"{number * 100} + i FROM range(5) t(i)",
        )
        outcome = age(lake).done[-1]
    assert (outcome.move.kind, len(outcome.move.periods)) == (Kind.COMPACT, 5)
    assert len(list(lake.storage.list("STANDARD"))) == 5 + 15  # until the grace is over
    assert len(ids(lake)) == 15
    assert not untidy(lake)


def test_a_damaged_object_is_named_and_none_is_written_anew(make_lake: MakeLake) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    every = fill(lake)
    assert isinstance(lake.storage, FolderStorage)
    path: Path = lake.storage.path(of_april(lake)[1].location)
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    with pytest.raises(MovesFailed, match=path.name):
        age(lake)
    assert len(of_april(lake)) == 3
    path.write_bytes(content)
    age(lake)
    assert (len(of_april(lake)), ids(lake)) == (1, every)
    assert not untidy(lake)


def test_somebody_who_was_forgotten_is_in_no_object_that_was_made_one(make_lake: MakeLake) -> None:
    text = CONFIG.replace("compact_min", 'subject = ["id"]\ncompact_min')
    lake = make_lake(text, clock=Clock())
    every = fill(lake)
    lake.erasing.new_key()
    lake.erasing.ask("trips", [DataSubject.parse("id=3")], "DSR")
    age(lake)  # the objects that became one are still there, and have the person
    erased = lake.erasing.run("DSR")
    assert not erased.request.proven_at
    for _ in range(3):
        lake.clock.forward(timedelta(hours=2))  # type: ignore[attr-defined]
        erased = lake.erasing.run("DSR")
    assert erased.request.proven_at
    assert ids(lake) == [id_ for id_ in every if id_ != 3]
    assert len(list(lake.storage.list("STANDARD"))) == 1


def test_objects_whose_class_bills_a_minimum_wait_until_it_is_over(make_lake: MakeLake) -> None:
    text = policy(STANDARD_IA="6 months").replace('clock = "pickup"', SETTING)
    lake = make_lake(text, clock=Clock())
    fill(lake)
    age(lake)
    assert (len(of_april(lake)), kinds(lake)) == (3, [])
    lake.clock.forward(timedelta(days=31))  # type: ignore[attr-defined]
    assert kinds(lake) == [Kind.COMPACT]
    age(lake)
    assert tiers_of(lake) == {"2018-04": "STANDARD_IA"}
    assert len(of_april(lake)) == 1


def test_the_command_line_says_what_it_does(command: CommandLine) -> None:
    command("init", "--clock", "pickup")
    edit("# append_min_rows = 1", "compact_min_objects = 2\n# append_min_rows = 1")
    for number in range(2):
        Path("trips.csv").write_text(f"pickup,id\n2018-04-0{number + 1} 10:00:00,{number}\n")
        command("load", "trips", "trips.csv")
        if not number:
            command("apply", "--as-of", "2018-11", "--even-if-uneconomic", "--yes")
    planned = command("plan", "--as-of", "2018-11")
    words(
        planned.flat,
        ["trips: compact in STANDARD, because 2 small objects"],
    )
    words(command("explain", "trips", "2018-04", "--as-of", "2018-11").out, ["compact"])
    command("apply", "--as-of", "2018-11", "--yes")
    words(command("plan", "--as-of", "2018-11").out, ["Nothing is due"])
    assert command.rows("select count(*) from trips") == [(2,)]
