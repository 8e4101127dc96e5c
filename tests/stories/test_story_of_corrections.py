"""What is written about somebody is corrected in every tier, and that is proven."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, tiers_of, untidy
from command_line import CommandLine, words
from conftest import MakeLake, lake_at, run_sql
from databases import PostgresServer
from isotherm.control import erasures
from isotherm.lake import Lake
from isotherm.model.correction import NewValues
from isotherm.model.errors import RequestError, SchemaError
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.privacy.page import page
from riders import CONFIG, NOW, TABLE, THREE, finish, riding
from turns import places_in_turn

NEW: NewValues = (("email", "it's\\new@x.org"), ("fare", None))


@pytest.fixture(
    params=places_in_turn(["duckdb", "postgres", "duckdb on moto", "postgres on rgw"], 4)
)
def anywhere(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


@pytest.fixture(params=places_in_turn(["duckdb", "postgres"], 2))
def lake(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


def everything(lake: Lake) -> Counter[tuple[object, ...]]:
    """Return all rows; the archived ones are restored for it."""
    closed = [p.period for p in lake.inventory("trips").parts if not p.readable_at(lake.clock())]
    if closed:
        lake.apply(lake.restore_plan("trips", sorted(set(closed)), Duration.parse("1d")))
    return Counter(lake.sql("SELECT id, pickup, rider_id, email, fare FROM trips").fetchall())


def test_rows_are_corrected_in_every_tier_and_nothing_else_changes(anywhere: Lake) -> None:
    lake = anywhere
    found = lake.erasing.find("trips", [THREE], NEW)
    assert found.hot[None] == 1
    made = lake.erasing.ask("trips", [THREE], "FIX-1", changes=NEW, who="ann")
    tiers = tiers_of(lake)
    erased = finish(lake, "FIX-1")
    assert tiers_of(lake) == tiers
    said = json.loads(erased.request.certificate or "")
    assert (said["kind"], said["columns"]) == ("correction", ["email", "fare"])
    assert said["in_time"]
    assert sum(item["rows"] for item in said["changed"]) == 71
    tiers_said = {item["tier"] for item in said["changed"]}
    assert tiers_said == {"hot", "STANDARD", "STANDARD_IA", "GLACIER"}
    assert said["subjects"] == list(made.hashes)
    assert "Certificate of correction" in page(said)
    lake.erasing.verify(json.dumps(said))
    now = everything(lake)
    assert sum(now.values()) == 702
    assert [row for row in now if row[2] == 3 and row[3:] != (NEW[0][1], None)] == []
    rows = {row[0]: row for row in now}
    for i in range(700):
        if i % 10 != 3:
            assert rows[i][3] == f"r{i % 10}@x.org"
            assert float(str(rows[i][4])) == i % 97 * 1.25
    assert not untidy(lake)
    assert lake.erasing.find("trips", [THREE], NEW).rows == 0


def test_the_old_value_and_the_new_one_are_in_no_journal_and_no_control(lake: Lake) -> None:
    lake.erasing.ask("trips", [DataSubject.parse("email=r3@x.org")], "FIX-1", changes=NEW)
    finish(lake, "FIX-1")
    with lake.warehouse.snapshot() as tx:
        names = [
            row[0]
            for row in tx.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'isotherm' "
                "AND table_catalog = current_database()"
            )
        ]
        held = json.dumps([tx.execute(f"SELECT * FROM isotherm.{n}") for n in names], default=str)
    assert "r3@x.org" not in held
    assert "new@x.org" not in held


def test_rows_that_hold_the_new_value_already_are_left_as_they_are(lake: Lake) -> None:
    before = {part.id for part in lake.inventory("trips").parts}
    same = (("email", "r3@x.org"),)
    lake.erasing.ask("trips", [THREE], "FIX-1", changes=same)
    erased = finish(lake, "FIX-1")
    assert json.loads(erased.request.certificate or "")["changed"] == []
    assert {part.id for part in lake.inventory("trips").parts} == before


def test_what_a_case_holds_is_not_corrected_and_the_certificate_says_so(lake: Lake) -> None:
    lake.hold("Smith", "trips", [Period.parse("2018-12")], reason="a court")
    lake.erasing.ask("trips", [THREE], "FIX-1", changes=NEW)
    said = json.loads(finish(lake, "FIX-1").request.certificate or "")
    assert [(item["where"], item["why"]) for item in said["kept"]] == [("2018-12", ["Smith"])]
    held = lake.sql(
        "SELECT DISTINCT email FROM trips WHERE rider_id = 3 AND pickup >= '2018-12-01' "
        "AND pickup < '2019-01-01'"
    ).fetchall()
    assert held == [("r3@x.org",)]


def test_an_identifier_itself_can_be_corrected(lake: Lake) -> None:
    lake.erasing.ask("trips", [THREE], "FIX-1", changes=(("rider_id", "33"),))
    finish(lake, "FIX-1")
    riders = Counter(row[2] for row in everything(lake).elements())
    assert (riders[3], riders[33]) == (0, 71)
    assert lake.erasing.find("trips", [DataSubject.parse("rider_id=33")]).rows == 71


def test_a_column_that_cold_rows_have_not_yet_is_corrected_there_too(lake: Lake) -> None:
    run_sql(lake, "ALTER TABLE trips ADD COLUMN phone VARCHAR")
    lake.erasing.ask("trips", [THREE], "FIX-1", changes=(("phone", "+49"),))
    finish(lake, "FIX-1")
    everything(lake)
    found = lake.sql("SELECT rider_id, phone, count(*) FROM trips GROUP BY ALL ORDER BY ALL")
    phones = {(rider, phone): many for rider, phone, many in found.fetchall()}
    assert phones[3, "+49"] == 71
    assert sum(many for (_, phone), many in phones.items() if phone is None) == 631


def test_rows_that_come_late_with_an_old_value_are_corrected_before_it_is_proven(
    lake: Lake,
) -> None:
    lake.erasing.ask("trips", [THREE], "FIX-1", changes=NEW)
    lake.erasing.run("FIX-1")
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-12-24', 2000, 3, 'old', 7)")
    finish(lake, "FIX-1")
    found = lake.sql(
        "SELECT email, fare FROM trips WHERE id = 2000 AND pickup > '2018-12-01'"
    ).fetchall()
    assert found == [(NEW[0][1], None)]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ([("pickup", "2019-01-01")], RequestError, "is the clock of trips"),
        ([("nothing", "x")], SchemaError, "no column nothing"),
        ([("nothing", None)], SchemaError, "no column nothing"),
        ([("rider_id", "three")], RequestError, "is no INTEGER"),
        ([("fare", "1.234")], RequestError, "is no DECIMAL"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_nothing_is_written_down(
    lake: Lake, changes: Sequence[tuple[str, str | None]], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=tuple(changes))
    with lake.warehouse.snapshot() as tx:
        assert erasures.every(tx) == ()


def test_a_column_that_is_compared_otherwise_hot_than_cold_is_refused(
    request: pytest.FixtureRequest,
) -> None:
    lake = lake_at(request, "postgres", CONFIG, clock=Clock(NOW))
    run_sql(lake, *TABLE)
    lake.erasing.new_key()
    run_sql(lake, "ALTER TABLE trips ADD COLUMN note JSON")
    with pytest.raises(RequestError, match="could not be said rightly"):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=(("note", "{}"),))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("ALTER TABLE trips ADD CONSTRAINT short CHECK (length(email) < 9)", "short"),
        ("ALTER TABLE trips ALTER COLUMN fare SET NOT NULL", "fare"),
        (
            "ALTER TABLE trips ADD low TEXT GENERATED ALWAYS AS (lower(email)) STORED",
            "computes low",
        ),
    ],
)
def test_what_the_table_does_not_allow_is_found_before_anything_is_changed(
    request: pytest.FixtureRequest, postgres: PostgresServer, made: str, said: str
) -> None:
    lake = lake_at(request, "postgres", CONFIG, clock=Clock(NOW))
    run_sql(lake, *TABLE)
    with postgres.connect(lake.config.warehouse.url) as connection:
        connection.execute(made)  # type: ignore[arg-type]
    age(lake)
    before = {part.id for part in lake.inventory("trips").parts}
    lake.erasing.new_key()
    with pytest.raises((RequestError, SchemaError), match=said):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=NEW)
    with lake.warehouse.snapshot() as tx:
        assert erasures.every(tx) == ()
    assert {part.id for part in lake.inventory("trips").parts} == before


def test_a_column_that_duckdb_computes_keeps_a_table_from_being_corrected(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(CONFIG, clock=Clock(NOW))
    run_sql(
        lake,
        "CREATE TABLE trips (pickup TIMESTAMP, rider_id INTEGER, email VARCHAR, "
        'fare DECIMAL(9,2), "lo w" VARCHAR GENERATED ALWAYS AS (lower(email)))',
        "INSERT INTO trips VALUES (TIMESTAMP '2019-06-01', 3, 'R', 1)",
    )
    lake.erasing.new_key()
    with pytest.raises(RequestError, match="computes lo w from other columns"):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=NEW)


def test_a_column_that_is_kept_as_another_type_cannot_be_corrected(make_lake: MakeLake) -> None:
    cast = '\n[datasets.trips.cast]\nfare = "DECIMAL(9,1)"\n'
    lake = make_lake(CONFIG + cast, clock=Clock(NOW))
    run_sql(lake, *TABLE)
    lake.erasing.new_key()
    with pytest.raises(RequestError, match="kept as another type"):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=(("fare", "1.25"),))
    with pytest.raises(RequestError, match="zero byte"):
        lake.erasing.ask("trips", [THREE], "FIX-1", changes=(("email", "a\0b"),))


def test_the_command_corrects_and_says_how_far_it_is(
    command: CommandLine, make_lake: MakeLake
) -> None:
    Path("isotherm.toml").write_text(CONFIG)
    command("init")
    with isotherm.open("isotherm.toml") as lake:
        run_sql(lake, *TABLE)
    whose = ("correct", "trips", "--subject", "rider_id=3")
    assert "--set" in command("correct", "trips", "--subject", "rider_id=3", code=64).err
    assert "--subject" in command("correct", "trips", "--set", "email=x", code=64).err
    twice = ("--set", "email=x", "--null", "email")
    assert "two new values" in command(*whose, *twice, code=64).err
    assert "write column=value" in command(*whose, "--set", "email", code=64).err
    looked = command(*whose, "--set", "email=x=y", "--plan-only")
    words(looked.flat, ["71 rows found"])
    asked = (*whose, "--set", "email=x=y", "--null", "fare", "--new-key", "--yes")
    words(command(*asked).flat, ["Request correction-1: due by", "correct trips in the"])
    (listed,) = command("erase", "list", "--format", "json").json["requests"]
    assert (listed["kind"], listed["columns"]) == ("correction", ["email", "fare"])
    found = command.rows("select distinct email, fare from trips where rider_id = 3")
    assert found == [("x=y", None)]
    wrong = command("erase", "trips", "--request", "correction-1", "--yes", code=13)
    words(wrong.err, ["another kind", "isotherm correct trips --request correction-1"])
