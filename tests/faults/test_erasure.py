"""What could bring somebody back, or take somebody else away: each was found by trying."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, set_config
from conftest import MakeLake, run_sql
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.errors import ConflictError, IsothermError, RequestError
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Limits, Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from riders import NOW, THREE, about_riders, finish
from turns import places_in_turn

WARM = about_riders(STANDARD="6 months")
ARCHIVE = WARM.replace('STANDARD = "6 months"', 'GLACIER = "6 months"')
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 18) HOUR AS pickup, "
    "i::INTEGER AS id, (i % 10)::INTEGER AS rider_id, 'r' || (i % 10) || '@x.org' AS email "
    "FROM range(200) t(i)"
)
MARCH = Period.parse("2018-03")


def make(make_lake: MakeLake, config: str = WARM, table: str = TABLE, url: str = "") -> Lake:
    lake = make_lake(config, warehouse=url, clock=Clock(NOW))
    run_sql(lake, *table.split("; "))
    lake.erasing.new_key()
    return lake


def reopened(lake: Lake, config: str) -> Lake:
    set_config(lake, config)
    lake.close()
    return isotherm.open(lake.config.file, clock=lake.clock)


def later(lake: Lake, hours: int = 2) -> None:
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(hours=hours))


def left_of(lake: Lake, rider: int = 3) -> int:
    archived = lake.sql(f"select count(*) from trips where rider_id = {rider}", archived="skip")
    return int(archived.fetchall()[0][0])


def test_objects_of_many_days_with_one_name_are_told_apart(make_lake: MakeLake) -> None:
    days = WARM.replace('clock = "pickup"', 'clock = "pickup"\nperiod = "day"')
    lake = make(make_lake, days)
    age(lake)
    found = lake.erasing.find("trips", [THREE])
    truth = run_sql(lake, "SELECT count(*) FROM range(200) t(i) WHERE i % 10 = 3")
    assert found.rows == truth[0][0]
    assert len(found.cold) == found.rows
    lake.erasing.ask("trips", [THREE], "DSR")
    finish(lake)
    assert left_of(lake) == 0
    assert lake.sql("select count(*) from trips").fetchall() == [(180,)]


def test_what_other_moves_have_replaced_before_has_to_go_first(make_lake: MakeLake) -> None:
    lake = make(make_lake, ARCHIVE.replace('"6 months"', '"6 months"\nexpire = "15 months"'))
    age(lake)
    lake.apply(lake.plan(even_if_uneconomic=True), limits=Limits(expire=True))
    lake.erasing.ask("trips", [THREE], "DSR")
    erased = lake.erasing.run("DSR")
    assert "replaced files go" in erased.waits_for
    finish(lake)
    assert not list(lake.storage.list("GLACIER", "trips/2018-03"))


def test_nothing_is_proven_while_something_cannot_be_cleared_away(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    with monkeypatch.context() as patch:
        patch.setattr(lake.catalog, "publish", _broken)
        for _ in range(3):
            erased = lake.erasing.run("DSR")
            later(lake)
        assert not erased.request.proven_at
        assert "not all is cleared away" in erased.waits_for
    finish(lake)


def _broken(*_: object) -> None:
    raise ConflictError("the catalogue is busy")


def test_what_a_hold_kept_in_the_archive_is_searched_again_without_it(make_lake: MakeLake) -> None:
    lake = make(make_lake, ARCHIVE)
    age(lake)
    lake.hold("A", "trips", [MARCH], reason="x")
    lake.erasing.ask("trips", [THREE], "DSR")
    erased = lake.erasing.run("DSR")
    assert "replaced files go" in erased.waits_for
    lake.release("A")
    erased = finish(lake)
    said = json.loads(erased.request.certificate or "")
    assert said["kept"] == []
    months = [
        Period.parse(text) for text in ("2018-03", "2018-04", "2018-05", "2018-06", "2018-07")
    ]
    lake.apply(lake.restore_plan("trips", months, Duration.parse("1 day")))
    assert left_of(lake) == 0


@pytest.mark.parametrize("database", places_in_turn(["duckdb", "postgres"], 2))
@pytest.mark.parametrize("when", [Step.FENCE, Step.COMMIT])
@pytest.mark.parametrize("what", ["erase", "expire"])
def test_a_hold_that_comes_in_the_middle_holds_or_is_refused(
    make_lake: MakeLake, request: pytest.FixtureRequest, database: str, when: Step, what: str
) -> None:
    url = ""
    if database == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.database()
    lake = make(make_lake, WARM + 'expire = "14 months"\n', url=url)
    lake.erasing.ask("trips", [THREE], "DSR")
    placed: list[bool] = []

    def watch(move: Move, step: Step) -> None:
        if step is when and not placed:
            placed.append(False)
            with suppress(ConflictError):
                lake.hold("A", "trips", reason="x")
                placed[0] = True

    with suppress(IsothermError):
        if what == "erase":
            lake.erasing.run("DSR", watch=Watch(step=watch))
        else:
            plan = lake.plan(even_if_uneconomic=True)
            lake.apply(plan, limits=Limits(expire=True), watch=Watch(step=watch))
    rows = lake.sql("select count(*) from trips").fetchall()[0][0]
    assert placed
    assert (placed[0], rows == 200) in ((True, True), (False, False)), (placed, rows)


def test_a_hold_covers_rows_that_no_longer_age(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    lake.hold("A", "trips", [MARCH], reason="x")
    march = "date_trunc('month', pickup) = '2018-03-01'"
    (held,) = lake.sql(f"select count(*) from trips where rider_id = 3 and {march}").fetchall()
    bound = WARM.replace('clock = "pickup"', 'clock = "pickup"\nearliest = 2018-03-15')
    with reopened(lake, bound) as again:
        again.erasing.ask("trips", [THREE], "DSR")
        finish(again)
        assert left_of(again) == held[0]


@pytest.mark.parametrize("value", ["3.4", "3.0", "3e0", "0x3", "three", " "])
def test_a_value_that_only_rounds_to_somebodys_is_nobodys(make_lake: MakeLake, value: str) -> None:
    lake = make(make_lake)
    subject = DataSubject((("rider_id", value),))
    with pytest.raises(RequestError, match="value 1 of rider_id is no INTEGER"):
        lake.erasing.ask("trips", [subject], "DSR")
    with pytest.raises(RequestError, match="value 1 of rider_id is no INTEGER"):
        lake.hold("A", "trips", subjects=[subject], reason="x")
    assert lake.holds() == ()


UUIDS = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 18) HOUR AS pickup, "
    "i::INTEGER AS id, ('aaaaaaaa-bbbb-cccc-dddd-00000000000' || (i % 10))::UUID AS rider_id, "
    "'x' AS email FROM range(500) t(i)"
)


def test_a_value_is_somebodys_however_it_is_written_and_kept(make_lake: MakeLake) -> None:
    config = WARM + '[datasets.trips.cast]\nrider_id = "VARCHAR"\n'
    lake = make(make_lake, config, UUIDS)
    age(lake)
    somebody = DataSubject.parse("rider_id=AAAAAAAA-BBBB-CCCC-DDDD-000000000003")
    lake.erasing.ask("trips", [somebody], "DSR")
    finish(lake)
    assert lake.sql("select count(*) from trips").fetchall() == [(450,)]
    leading = DataSubject.parse("id=007")
    with pytest.raises(RequestError):
        lake.erasing.find("trips", [leading])


def test_a_number_that_the_cold_column_cannot_hold_is_nobodys_there(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    age(lake)
    run_sql(lake, "ALTER TABLE trips ALTER rider_id TYPE BIGINT")
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2019-06-01', 900, 3000000000, 'big')")
    lake.erasing.ask("trips", [DataSubject.parse("rider_id=3000000000")], "DSR")
    finish(lake)
    assert lake.sql("select count(*) from trips").fetchall() == [(200,)]


def test_a_column_that_was_renamed_is_still_somebodys(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    age(lake)
    run_sql(lake, "ALTER TABLE trips RENAME email TO mail")
    config = WARM.replace('"email"]', '"mail"]\nrenamed = { email = "mail" }')
    with reopened(lake, config) as again:
        again.erasing.ask("trips", [DataSubject.parse("mail=r3@x.org")], "DSR")
        finish(again)
        assert left_of(again) == 0
        assert again.sql("select count(*) from trips").fetchall() == [(180,)]
        age(again)
        assert again.audit(share=1.0).findings == ()


@pytest.mark.parametrize("value", ["jörg@x.org", "O'Brien", "+49 (0)30 1"])
def test_broken_rows_that_name_somebody_go_and_their_neighbours_stay(
    make_lake: MakeLake, value: str
) -> None:
    lake = make(make_lake)
    file = Path(lake.config.file).with_name("broken.csv")
    file.write_text(
        f"pickup,id,rider_id,email\nnever,1,1,{value}\nnever,2,2,x{value}y\n2019-06-01,5,5,z\n",
        encoding="utf-8",
    )
    from isotherm.load.options import ReadOptions

    options = ReadOptions(on_error="quarantine")  # type: ignore[arg-type]
    lake.load("trips", [file], options)
    lake.erasing.ask("trips", [DataSubject((("email", value),))], "DSR")
    finish(lake)
    kept = run_sql(lake, "SELECT raw FROM isotherm.quarantine")
    assert [row[0].startswith("never,2") for row in kept] == [True]


@pytest.mark.parametrize("step", [Step.COPY, Step.DELETE, Step.COMMIT])
def test_no_error_writes_somebodys_values_into_the_journal(
    make_lake: MakeLake, postgres: PostgresServer, step: Step
) -> None:
    url = postgres.database()
    lake = make(make_lake, url=url)
    lake.erasing.ask("trips", [DataSubject.parse("email=r3@x.org")], "DSR")

    def watch(move: Move, now: Step) -> None:
        if now is step:
            with postgres.connect(url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                    "current_database() AND application_name LIKE 'isotherm%'"
                )

    said = ""
    try:
        lake.erasing.run("DSR", watch=Watch(step=watch))
    except IsothermError as error:
        said = f"{error} {error.hint}"
    assert "r3@x.org" not in said
    for _ in range(5):
        with suppress(IsothermError):
            finish(lake)
            break
    assert "r3@x.org" not in json.dumps([entry.detail for entry in lake.journal()])
    assert left_of(lake) == 0


def test_a_row_that_comes_after_everything_was_forgotten_is_found(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    assert not lake.erasing.run("DSR").request.proven_at
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2019-06-03', 2000, 3, 'r3@x.org')")
    later(lake)
    erased = finish(lake)
    assert left_of(lake) == 0
    assert erased.request.forgotten_at
    assert erased.request.forgotten_at > NOW  # not when they were forgotten for the first time


def test_a_request_that_is_done_or_paused_says_so(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    lake.pause("trips")
    with pytest.raises(RequestError, match="trips is paused"):
        lake.erasing.run("DSR")
    lake.resume("trips")
    proven = finish(lake).request
    assert lake.erasing.run("DSR").request == proven
    with pytest.raises(RequestError, match="DSR is done: it was proven at 2019-07-01"):
        lake.erasing.plan("DSR")
