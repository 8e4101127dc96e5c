"""Who is looked for is found, and who is held is kept, whatever the table's owner has altered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

import isotherm
from ageing import Clock, age, set_config
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ConfigError, RequestError, SchemaError
from isotherm.model.period import Period
from isotherm.model.person import DataSubject
from isotherm.moves.applying import Limits
from riders import NOW, about_riders, finish
from turns import in_turn

WARM = about_riders(STANDARD="6 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 28) HOUR AS pickup, "
    "i::INTEGER AS id, (i % 10)::INTEGER AS rider_id, (i % 7)::INTEGER AS driver_id, "
    "'r' || (i % 10) || '@x.org' AS email FROM range(400) t(i)"
)
UUIDS = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 28) HOUR AS pickup, "
    "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A' || (10 + i % 10) AS rider_id, "
    "'r' || (i % 10) || '@x.org' AS email FROM range(400) t(i)"
)

TEXTS = UUIDS.replace("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A' || (10 + i % 10)", "(i % 10)::VARCHAR")
TWO = "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"
RENAME = "ALTER TABLE trips RENAME {} TO {}"
Made = Callable[..., Lake]


@pytest.fixture
def made(make_lake: MakeLake) -> Made:
    """Return who makes a lake of a table, most of whose months are cold."""

    def make(config: str = WARM, table: str = TABLE, *, aged: bool = True) -> Lake:
        lake = make_lake(config, clock=Clock(NOW))
        run_sql(lake, table)
        lake.erasing.new_key()
        if aged:
            age(lake)
        return lake

    return make


def person(text: str) -> DataSubject:
    return DataSubject.parse(text)


def altered(lake: Lake, config: str, *statements: str) -> Lake:
    """Let the table's owner alter it, and the config."""
    if statements:
        run_sql(lake, *statements)
    lake.close()
    set_config(lake, config)
    return isotherm.open(lake.config.file, clock=lake.clock)


def saying(config: str, subject: str, more: str = "") -> str:
    changed = config.replace('subject = ["rider_id", "email"]', f"subject = {subject}\n{more}")
    assert changed != config
    return changed


def count(lake: Lake, where: str) -> int:
    return int(lake.sql(f"select count(*) from trips where {where}").fetchall()[0][0])


def test_a_rename_that_the_config_does_not_say_hides_nobody(made: Made) -> None:
    renamed = saying(WARM, '["customer_id", "email"]')
    lake = altered(made(), renamed, RENAME.format("rider_id", "customer_id"))
    three = person("customer_id=3")
    with pytest.raises(SchemaError, match=r"column rider_id of main\.trips is gone, but cold rows"):
        lake.erasing.find("trips", [three])
    lake.erasing.ask("trips", [three], "DSR")
    with pytest.raises(SchemaError, match="rider_id"):
        lake.erasing.run("DSR")
    said = saying(WARM, '["customer_id", "email"]', 'renamed = { rider_id = "customer_id" }')
    lake = altered(lake, said)
    assert count(lake, "customer_id = 3") == 40
    finish(lake)
    assert count(lake, "customer_id = 3") == 0
    assert count(lake, "true") == 360


def test_a_hold_by_a_column_that_was_renamed_silently_lets_nothing_go(made: Made) -> None:
    renamed = saying(WARM, '["customer_id", "email"]')
    lake = altered(made(), renamed, RENAME.format("rider_id", "customer_id"))
    lake.hold("A", "trips", subjects=[person("customer_id=2")], reason="x")
    lake.erasing.ask("trips", [person("email=r2@x.org")], "DSR")
    with pytest.raises(SchemaError, match="rider_id"):
        lake.erasing.run("DSR")
    lake = altered(lake, saying(WARM, '["customer_id", "email"]', 'dropped = ["rider_id"]'))
    finish(lake)  # the owner says that it is another column: cold rows had none such
    assert count(lake, "email = 'r2@x.org'") == 11


def test_a_hold_and_a_request_follow_the_columns_that_name_their_people(made: Made) -> None:
    """Of two columns one takes the other's old name: by name alone others would be held."""
    lake = made()
    lake.hold("A", "trips", subjects=[person("rider_id=3")], reason="x")
    lake.erasing.ask("trips", [person("rider_id=4")], "FOUR")
    swapped = 'renamed = { rider_id = "passenger_id", driver_id = "rider_id" }'
    lake = altered(
        lake,
        saying(WARM, '["passenger_id", "rider_id", "email"]', swapped),
        RENAME.format("rider_id", "passenger_id"),
        RENAME.format("driver_id", "rider_id"),
    )
    finish(lake, "FOUR")
    assert count(lake, "passenger_id = 4") == 0
    lake.erasing.ask("trips", [person("passenger_id=3")], "THREE")
    lake.erasing.ask("trips", [person("rider_id=3")], "DRIVER")  # placed now: by today's names
    finish(lake, "THREE")
    assert count(lake, "passenger_id = 3") == 40
    finish(lake, "DRIVER")
    assert count(lake, "rider_id = 3 AND passenger_id <> 3") == 0
    assert count(lake, "passenger_id = 3") == 40


def test_a_case_that_names_people_by_a_column_that_is_gone_says_so(made: Made) -> None:
    lake = made()
    lake.hold("CASE-1", "trips", subjects=[person("email=r4@x.org")], reason="x")
    gone = saying(WARM, '["rider_id"]', 'dropped = ["email"]')
    lake = altered(lake, gone, "ALTER TABLE trips DROP COLUMN email")
    with pytest.raises(SchemaError, match=r"CASE-1.*names people by email, which main\.trips does"):
        lake.erasing.find("trips", [person("rider_id=3")])
    lake.release("CASE-1")
    assert lake.erasing.find("trips", [person("rider_id=3")]).rows == 40


def test_a_case_by_a_column_that_the_config_names_no_more_goes_on_holding(made: Made) -> None:
    lake = made()
    lake.hold("CASE-1", "trips", subjects=[person("email=r3@x.org")], reason="x")
    lake = altered(lake, saying(WARM, '["rider_id"]'))
    lake.erasing.ask("trips", [person("rider_id=3")], "DSR")
    finish(lake)
    assert count(lake, "rider_id = 3") == 40


def as_uuid(lake: Lake) -> Lake:
    config = WARM + '[datasets.trips.cast]\nrider_id = "VARCHAR"\n'
    return altered(lake, config, "ALTER TABLE trips ALTER rider_id TYPE UUID")


def test_every_spelling_that_cold_rows_keep_is_found(made: Made) -> None:
    lake = as_uuid(made(table=UUIDS))
    two = person(f"rider_id={TWO}")
    assert lake.erasing.find("trips", [two]).rows == 40
    question, _ = lake.erasing.question("trips", [two])
    assert len(lake.sql(question).fetchall()) == 40
    lake.erasing.ask("trips", [two], "DSR")
    finish(lake)
    assert count(lake, f"rider_id::UUID = '{TWO}'") == 0
    assert count(lake, "true") == 360


@pytest.mark.parametrize("many", [1, 30])
def test_a_hold_keeps_every_spelling(made: Made, many: int) -> None:
    lake = as_uuid(made(table=UUIDS))
    held = [person(f"rider_id={TWO[:-2]}{12 + n}") for n in range(many)]
    lake.hold("A", "trips", subjects=held, reason="x")
    lake.erasing.ask("trips", [person("email=r2@x.org")], "DSR")
    finish(lake)
    assert count(lake, "email = 'r2@x.org'") == 40


@pytest.mark.parametrize("value", in_turn(["003", "3.4", "+3", " 3"], 2))
def test_a_value_that_is_anothers_once_it_is_kept_is_refused(made: Made, value: str) -> None:
    config = WARM + '[datasets.trips.cast]\nrider_id = "INTEGER"\n'
    lake = made(config, TEXTS)
    someone = DataSubject((("rider_id", value),))
    with pytest.raises(RequestError, match="cannot be told from others in cold rows"):
        lake.erasing.find("trips", [someone])
    with pytest.raises(RequestError, match="cannot be told from others in cold rows"):
        lake.hold("A", "trips", subjects=[someone], reason="x")
    assert lake.erasing.find("trips", [person("rider_id=3")]).rows == 40


def test_another_type_that_nobody_speaks_of_is_refused(made: Made) -> None:
    lake = altered(made(), WARM, "ALTER TABLE trips ALTER rider_id TYPE VARCHAR")
    with pytest.raises(SchemaError, match="is VARCHAR now, but cold rows of trips have it as INT"):
        lake.erasing.find("trips", [person("rider_id=003")])


ROUND = {
    "UINTEGER": ["3.4", "0x3", "3e0", "+3"],
    "UBIGINT": ["2.5"],
    "DATE": ["2001-02-03 23:59:59"],
    "TIMESTAMP_S": ["2001-02-03 10:00:00.6"],
}


@pytest.mark.parametrize(
    ("type_", "value"),
    in_turn([(type_, value) for type_, values in ROUND.items() for value in values], 3),
)
def test_a_value_that_would_be_rounded_is_none_of_its_type(
    made: Made, type_: str, value: str
) -> None:
    table = f"CREATE TABLE trips (pickup TIMESTAMP, rider_id {type_}, email VARCHAR)"
    lake = made(table=table)
    someone = DataSubject((("rider_id", value),))
    with pytest.raises(RequestError, match=f"value 1 of rider_id is no {type_}"):
        lake.erasing.find("trips", [someone])
    with pytest.raises(RequestError, match=f"value 1 of rider_id is no {type_}") as refused:
        lake.erasing.find("trips", [person("email=x")], (("rider_id", value),))
    assert refused.value.hint == "Nothing was changed. Look at what is to be corrected."
    with suppress(RequestError):
        lake.hold("A", "trips", subjects=[someone], reason="x")
    assert lake.holds() == ()


# -- another config


HOT = """
[datasets.{0}]
table = "trips"
clock = "{1}"
subject = ["rider_id"]
{2}
[datasets.{0}.policy]
expire = "12 months"
"""


def hot_and_held(made: Made) -> Lake:
    """Return a lake that has no cold row; a month of it is held though it would be over."""
    table = TABLE.replace("AS id", "AS id, pickup AS other")
    lake = made(HOT.format("trips", "pickup", ""), table, aged=False)
    lake.hold("CASE-1", "trips", [Period.parse("2018-03")], reason="x")
    return lake


def test_a_month_that_is_held_stays_where_partitions_are_days_from_now_on(made: Made) -> None:
    lake = altered(hot_and_held(made), HOT.format("trips", "pickup", 'period = "day"'))
    plan = lake.plan(even_if_uneconomic=True)
    assert plan.moves
    lake.apply(plan, limits=Limits(expire=True))
    assert count(lake, "pickup < '2018-04-01'") == 27
    assert count(lake, "pickup >= '2018-04-01' AND pickup < '2018-06-01'") == 0


@pytest.mark.parametrize(
    ("name", "clock", "words"),
    [
        ("rides", "pickup", "there is no dataset trips, but case CASE-1 holds rows of main.trips"),
        ("trips", "other", 'found "other", but case CASE-1 holds rows by the time of pickup'),
    ],
)
def test_what_is_held_has_the_name_and_clock_that_it_had(
    made: Made, name: str, clock: str, words: str
) -> None:
    lake = hot_and_held(made)
    with pytest.raises(ConfigError, match=words):
        altered(lake, HOT.format(name, clock, ""))
    lake = altered(lake, HOT.format("trips", "pickup", ""))
    lake.release("CASE-1")
    assert altered(lake, HOT.format(name, clock, "")).plan(even_if_uneconomic=True).moves


def test_what_a_request_is_about_has_the_name_that_it_had(made: Made) -> None:
    lake = made(HOT.format("trips", "pickup", ""))
    lake.erasing.ask("trips", [person("rider_id=3")], "DSR")
    with pytest.raises(ConfigError, match="no dataset trips, but request DSR is about rows of"):
        altered(lake, HOT.format("rides", "pickup", ""))
