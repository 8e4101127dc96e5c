"""Clocks that are whole numbers: what they count is said in the config, and rows age by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ageing import SOME_MONTHS, Clock, age, ids, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import MakeLake, lake_at, run_sql
from isotherm.lake import Lake
from isotherm.model.clock import ClockUnit
from isotherm.model.errors import ArchivedError, ConfigError, LoadError, SchemaError
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from turns import in_turn

AGES = policy(STANDARD="6 months", GLACIER="15 months")
ROWS = f"SELECT {SOME_MONTHS}, i::INTEGER AS id FROM range(210) t(i)"
EPOCH = "epoch_us(pickup) // {}"
NUMBERS = {
    ClockUnit.SECONDS: EPOCH.format(1_000_000),
    ClockUnit.MILLISECONDS: EPOCH.format(1_000),
    ClockUnit.MICROSECONDS: "epoch_us(pickup)",
    ClockUnit.DAYS: "date_diff('day', DATE '1970-01-01', pickup::DATE)",
    ClockUnit.JULIAN_DAYS: "julian(pickup::DATE)",
}
"""What DuckDB makes of a time."""
MONTHS = {"2018-03": "GLACIER", "2018-04": "GLACIER"} | dict.fromkeys(
    ("2018-05", "2018-09", "2018-12"), "STANDARD"
)
HOT = {"2019-03": "hot", "2019-06": "hot"}


def config(unit: str, text: str = AGES) -> str:
    return text.replace('clock = "pickup"', f'clock = "pickup"\nclock_unit = "{unit}"')


def table(unit: ClockUnit, type_: str = "BIGINT") -> str:
    return (
        f"CREATE TABLE trips AS SELECT ({NUMBERS[unit]})::{type_} AS pickup, id "
        f"FROM ({ROWS}) UNION ALL SELECT NULL, 1000"
    )


def number(unit: ClockUnit, month: str) -> int:
    return unit.number(Period.parse(month).start)


EVERY = [("duckdb", unit, "BIGINT") for unit in ClockUnit] + [
    ("duckdb", ClockUnit.JULIAN_DAYS, "INTEGER"),
    ("postgres", ClockUnit.SECONDS, "BIGINT"),
    ("postgres", ClockUnit.JULIAN_DAYS, "INTEGER"),
    ("duckdb on moto", ClockUnit.MILLISECONDS, "BIGINT"),
]
CASES = in_turn(EVERY, 2)


@pytest.mark.parametrize(("where", "unit", "type_"), CASES)
def test_rows_age_by_a_number_as_they_would_by_the_time_that_it_stands_for(
    request: pytest.FixtureRequest, where: str, unit: ClockUnit, type_: str
) -> None:
    lake = lake_at(request, where, config(unit), clock=Clock())
    run_sql(lake, table(unit, type_))
    wanted = run_sql(lake, f"SELECT strftime(pickup, '%Y-%m'), count(*) FROM ({ROWS}) GROUP BY 1")
    counted = {str(item.period): item.rows for item in lake.inventory("trips")}
    assert counted == dict(wanted)
    age(lake)
    assert tiers_of(lake) == MONTHS | HOT
    assert ids(lake) == [*range(210), 1000]
    refused_and_pruned(lake, unit)
    late = f"INSERT INTO trips VALUES ({number(unit, '2018-12')}, 2000)"
    run_sql(lake, late)
    age(lake)
    assert run_sql(lake, "SELECT count(*) FROM trips WHERE id = 2000") == [(0,)]
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-04")], Duration.parse("7 days")))
    april = f"pickup >= {number(unit, '2018-04')} and pickup < {number(unit, '2018-05')}"
    (rows,) = lake.sql(f"select count(*) from trips where {april}").fetchall()
    assert rows == (counted["2018-04"],)
    assert ids(lake) == [*range(210), 1000, 2000]
    assert not untidy(lake)


def refused_and_pruned(lake: Lake, unit: ClockUnit) -> None:
    """The archive is guarded to the very first and last number of a month."""
    april, may = number(unit, "2018-04"), number(unit, "2018-05")
    count = "select count(*) from trips where pickup"
    for condition in (f">= {may}", f"> {may - 1}", f"between {may} and {may + 10**17}"):
        lake.sql(f"{count} {condition}")
    assert len(lake.sql(f"select id from trips where pickup >= {may}").fetchall()) == 150
    for condition in (f">= {may - 1}", f"= {april}", f"< {april}", f"in ({may}, {may - 1})"):
        with pytest.raises(ArchivedError) as refused:
            lake.sql(f"{count} {condition}")
        assert refused.value.partitions
    assert f"pickup >= {may}" in refused.value.hint


def test_other_engines_read_it_by_iceberg_alone(make_lake: MakeLake) -> None:
    unit = ClockUnit.JULIAN_DAYS
    lake = make_lake(config(unit, policy(STANDARD="6 months")), clock=Clock())
    run_sql(lake, table(unit))
    age(lake)
    session = lake.warehouse.session()
    lake.warehouse.engine.need("avro", "iceberg")
    metadata = lake.catalog.head("trips").metadata
    may = number(unit, "2018-05")
    found = session.execute(
        f"SELECT count(*) FROM iceberg_scan('{metadata}') WHERE pickup >= {may}"
    )
    session.close()
    assert found == [(90,)]


def test_people_leave_and_cases_hold_by_months_of_numbers(make_lake: MakeLake) -> None:
    unit = ClockUnit.SECONDS
    text = config(unit, policy(STANDARD="6 months")).replace(
        "clock_unit", 'subject = ["id"]\nclock_unit'
    )
    lake = make_lake(text, clock=Clock())
    run_sql(lake, table(unit))
    age(lake)
    lake.hold("COURT", "trips", [Period.parse("2018-04")], reason="a case")
    lake.erasing.new_key()
    lake.erasing.ask("trips", [DataSubject.parse(f"id={n}") for n in (0, 1, 2, 5)], "DSR")
    lake.erasing.run("DSR")
    assert ids(lake) == [1, 3, 4, *range(6, 210), 1000]  # the second month is held


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("seconds", "milliseconds"),
        ("days", "milliseconds"),
        ("julian days", "milliseconds"),
        ("microseconds", "milliseconds"),
    ],
)
def test_a_unit_that_does_not_fit_the_values_is_named_with_one_that_does(
    make_lake: MakeLake, unit: str, said: str
) -> None:
    lake = make_lake(config(unit), clock=Clock())
    run_sql(lake, table(ClockUnit.MILLISECONDS))
    with pytest.raises(SchemaError, match=f"is said to count {unit}") as wrong:
        lake.plan()
    assert said in wrong.value.hint


def test_a_julian_day_of_2019_is_not_3(make_lake: MakeLake) -> None:
    lake = make_lake(config("julian days"), clock=Clock())
    run_sql(lake, "CREATE TABLE trips AS SELECT 3 AS pickup, 1 AS id")
    with pytest.raises(SchemaError, match="3 is one of its values") as wrong:
        lake.plan()
    assert "clock and clock_unit" in wrong.value.hint


def test_single_numbers_that_are_no_time_never_age(make_lake: MakeLake) -> None:
    lake = make_lake(config("seconds"), clock=Clock())
    run_sql(
        lake,
        table(ClockUnit.SECONDS),
        "INSERT INTO trips VALUES (9223372036854775807, 1), (-9223372036854775808, 2)",
    )
    age(lake)
    (ageless,) = [item for item in lake.inventory("trips").ageless if "years" in item.reason]
    assert ageless.rows == 2
    assert len(ids(lake)) == 213


@pytest.mark.parametrize(
    ("unit", "made", "error", "said"),
    [
        ("", "1::BIGINT", SchemaError, "what does it count"),
        ("seconds", "now()::TIMESTAMP", SchemaError, "counts no seconds"),
        ("seconds", "1.5::DOUBLE", SchemaError, "is DOUBLE"),
    ],
)
def test_a_clock_that_is_not_what_the_config_says_is_refused(
    make_lake: MakeLake, unit: str, made: str, error: type[Exception], said: str
) -> None:
    lake = make_lake(config(unit) if unit else AGES, clock=Clock())
    run_sql(lake, f"CREATE TABLE trips AS SELECT {made} AS pickup, 1 AS id")
    with pytest.raises(error, match=said):
        lake.plan()


def test_a_unit_that_is_none_is_answered_with_the_nearest(make_lake: MakeLake) -> None:
    with pytest.raises(ConfigError, match=r"clock_unit.*seconds"):
        make_lake(config("second"))


def test_the_ends_of_a_small_type_can_be_asked_about(make_lake: MakeLake) -> None:
    lake = make_lake(config("seconds"), clock=Clock())
    last = 2**31 - 1
    run_sql(
        lake,
        table(ClockUnit.SECONDS, "INTEGER"),
        f"INSERT INTO trips VALUES ({-last - 1}, 2000), ({last}, 2001)",
    )
    age(lake)
    assert lake.sql("select id from trips where pickup > 2000000000").fetchall() == [(2001,)]
    with pytest.raises(ArchivedError):
        lake.sql("select id from trips where pickup < 0")


@pytest.mark.parametrize(("unit", "values"), [("julian days", "2400000 + i"), ("seconds", "0 * i")])
def test_times_that_are_unlikely_by_any_unit_are_believed(
    make_lake: MakeLake, unit: str, values: str
) -> None:
    lake = make_lake(config(unit), clock=Clock())
    run_sql(lake, f"CREATE TABLE trips AS SELECT {values} AS pickup, i AS id FROM range(9) t(i)")
    assert sum(item.rows for item in lake.inventory("trips")) == 9


def test_days_have_no_hours(make_lake: MakeLake) -> None:
    text = config("days", policy(STANDARD="6 days")).replace("clock =", 'period = "hour"\nclock =')
    lake = make_lake(text, clock=Clock())
    run_sql(lake, "CREATE TABLE trips AS SELECT 17000 AS pickup, 1 AS id")
    with pytest.raises(SchemaError, match="it has no hours"):
        lake.plan()


def test_files_are_loaded_by_a_clock_of_numbers(make_lake: MakeLake, tmp_path: Path) -> None:
    lake = make_lake(config("seconds"), clock=Clock())
    first = ClockUnit.SECONDS.number(datetime(2018, 4, 1))
    file = tmp_path / "trips.csv"
    file.write_text("pickup,id\n" + "".join(f"{first + n * 3600},{n}\n" for n in range(50)))
    (loaded,) = lake.load("trips", [file])
    assert {str(period): rows for period, rows in loaded.periods.items()} == {"2018-04": 50}
    broken = tmp_path / "broken.csv"
    broken.write_text("pickup,id\n2018-04-01,1\n")
    with pytest.raises(LoadError):
        lake.load("trips", [broken])
    lake.clock.forward(timedelta(days=1))  # type: ignore[attr-defined]
    age(lake)
    assert ids(lake) == list(range(50))


def test_the_command_line_tells_months_of_numbers(command: CommandLine) -> None:
    Path("trips.csv").write_text("pickup,id\n1514764800,1\n1546300800,2\n")
    command("init", "--clock", "pickup")
    config_file = Path("isotherm.toml")
    text = config_file.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("clock"))
    config_file.write_text(text.replace(line, f'{line}\nclock_unit = "seconds"'))
    command("load", "trips", "trips.csv")
    words(command("status", "trips").out, ["2018-01", "2019-01"])
