"""A config that no longer fits the cold rows is refused before anything is read or moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import isotherm
from conftest import TRIPS, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ConfigError, StorageError
from isotherm.opening import init_lake

AS_OF = datetime(2019, 7, 1)


@pytest.fixture
def cold(make_lake: Callable[..., Lake], tmp_path: Path) -> Path:
    """Return the config of a lake with cold months."""
    lake = make_lake(TRIPS)
    run_sql(
        lake, make_trips(600, minutes=1310), "ALTER TABLE main.trips ADD COLUMN dropoff TIMESTAMP"
    )
    lake.apply(lake.plan(as_of=AS_OF, even_if_uneconomic=True))
    lake.close()
    return tmp_path / "isotherm.toml"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('clock = "pickup"', 'clock = "dropoff"', 'clock = "pickup"'),
        ('clock = "pickup"', 'clock = "pickup"\nperiod = "day"', 'period = "month"'),
        ("datasets.trips", "datasets.rides", "datasets.trips"),
    ],
)
def test_cold_rows_are_never_looked_for_where_they_are_not(
    cold: Path, old: str, new: str, says: str
) -> None:
    cold.write_text(cold.read_text().replace(old, new))
    with pytest.raises(ConfigError) as error:
        isotherm.open(cold)
    assert says in error.value.hint


def test_the_clock_may_be_renamed_when_the_config_says_so(cold: Path) -> None:
    with isotherm.open(cold) as lake:
        everything = lake.sql("select count(*) from trips", archived="skip").fetchall()
        run_sql(lake, "ALTER TABLE main.trips RENAME pickup TO started")
    text = cold.read_text().replace('"pickup"', '"started"\nrenamed = { pickup = "started" }')
    cold.write_text(text)
    with isotherm.open(cold) as lake:
        assert lake.sql("select count(*) from trips", archived="skip").fetchall() == everything


def test_a_store_that_was_moved_is_missed_by_its_name(cold: Path) -> None:
    (cold.parent / "objects").rename(cold.parent / "elsewhere")
    cold.write_text('[storage]\nurl = "file:elsewhere"\n' + cold.read_text())
    with pytest.raises(ConfigError, match="the store was made at"):
        isotherm.open(cold)


ELSEWHERE = '[storage]\nurl = "file:elsewhere"\n'


def test_a_store_without_objects_may_be_another_one(
    make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    make_lake(TRIPS).close()
    file = tmp_path / "isotherm.toml"
    init_lake(file, "")  # the config that is there stays
    file.write_text(ELSEWHERE + file.read_text())
    with pytest.raises(ConfigError, match="the store was made at"):
        isotherm.open(file)
    init_lake(file, "")
    isotherm.open(file).close()


@pytest.mark.parametrize("tier", ["STANDARD", "GLACIER"])
def test_a_store_with_objects_stays_where_it_is(
    make_lake: Callable[..., Lake], tmp_path: Path, tier: str
) -> None:
    lake = make_lake(TRIPS.replace('STANDARD = "6 months"', "").replace("STANDARD_IA", "STANDARD"))
    months = "2018-01" if tier == "GLACIER" else "2018-05"
    run_sql(lake, make_trips(30, f"{months}-01"))
    lake.apply(lake.plan(as_of=AS_OF, even_if_uneconomic=True))
    (part,) = lake.inventory("trips").parts
    assert part.tier.name == tier
    lake.close()
    file = tmp_path / "isotherm.toml"
    file.write_text(ELSEWHERE + file.read_text())
    with pytest.raises(StorageError, match=f"objects of {tier} should be in it"):
        init_lake(file, "")
    with pytest.raises(ConfigError, match="the store was made at"):
        isotherm.open(file)
