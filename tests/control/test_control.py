"""Control: pins, intents, removals, parts, migrations, over a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from isotherm.control import intents, migrations, parts, pins, removals
from isotherm.control.intents import Intent
from isotherm.control.pins import PinRow
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.model.errors import ConfigError, ConflictError
from isotherm.model.part import Location, Part
from isotherm.model.period import Period
from isotherm.model.tier import GLACIER, STANDARD
from isotherm.warehouse.duckdb import DuckDBWarehouse

NOW = datetime(2019, 7, 1)
HOUR = timedelta(hours=1)
A, B = Location("STANDARD", "a"), Location("GLACIER", "b")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb", DuckDBEngine())
    with warehouse.transaction() as tx:
        migrations.migrate(tx)
    yield warehouse
    warehouse.close()


def pin(version: int, hours: float, dataset: str = "trips") -> PinRow:
    return PinRow(dataset, version, f"file:///{version}", version * 10, "m", NOW + hours * HOUR)


def test_the_latest_pin_is_the_one_of_the_highest_version(warehouse: DuckDBWarehouse) -> None:
    with warehouse.transaction() as tx:
        assert pins.latest(tx, "trips") is None
        for version in (1, 2, 10):
            pins.append(tx, pin(version, version))
        pins.append(tx, pin(99, 0, "rides"))
        assert pins.latest(tx, "trips") == pin(10, 10)


def test_the_same_version_is_never_set_twice(warehouse: DuckDBWarehouse) -> None:
    with warehouse.transaction() as tx:
        pins.append(tx, pin(1, 0))
    with pytest.raises(ConflictError), warehouse.transaction() as tx:
        pins.append(tx, pin(1, 1))


@pytest.mark.parametrize(
    ("hours", "versions"),
    [(-1, [3, 2, 1]), (0, [3, 2, 1]), (0.5, [3, 2, 1]), (1, [3, 2, 1]), (1.5, [3, 2]), (9, [3])],
)
def test_pins_that_a_reader_may_still_use_reach_back_to_the_one_in_force(
    warehouse: DuckDBWarehouse, hours: float, versions: list[int]
) -> None:
    with warehouse.transaction() as tx:
        for version in (1, 2, 3):
            pins.append(tx, pin(version, version - 1))
        found = pins.since(tx, "trips", NOW + hours * HOUR)
    assert [item.version for item in found] == versions


def test_an_intent_ends_once(warehouse: DuckDBWarehouse) -> None:
    intent = Intent("m1", "trips", "unload", ("2018-03",), (A, B), "somebody", intents.OPEN, NOW)
    with warehouse.transaction() as tx:
        intents.begin(tx, intent)
        assert intents.in_state(tx, intents.OPEN) == (intent,)
        assert intents.datasets(tx) == ("trips",)
    with warehouse.transaction() as tx:
        assert intents.end(tx, "m1", intents.ABANDONED, NOW)
        assert not intents.end(tx, "m1", intents.DONE, NOW)
        assert intents.state(tx, "m1") == intents.ABANDONED
        assert intents.state(tx, "nothing") is None
        assert intents.in_state(tx, intents.OPEN) == ()


def test_two_who_end_an_intent_at_once_do_not_both_succeed(warehouse: DuckDBWarehouse) -> None:
    intent = Intent("m1", "trips", "unload", (), (), "somebody", intents.OPEN, NOW)
    with warehouse.transaction() as tx:
        intents.begin(tx, intent)
    with warehouse.transaction() as mover:
        assert intents.end(mover, "m1", intents.DONE, NOW)
        with pytest.raises(ConflictError), warehouse.transaction() as recoverer:
            intents.end(recoverer, "m1", intents.ABANDONED, NOW)
    with warehouse.snapshot() as tx:
        assert intents.state(tx, "m1") == intents.DONE


def test_what_was_replaced_is_due_a_grace_after_it_was_seen(warehouse: DuckDBWarehouse) -> None:
    with warehouse.transaction() as tx:
        removals.add(tx, [A], "m1", None)
        removals.add(tx, [B], "m1", NOW)
        assert removals.due(tx, NOW) == {B}
        assert removals.due(tx, NOW + 100 * HOUR) == {B}
        removals.begin(tx, NOW + HOUR)
        removals.begin(tx, NOW + 50 * HOUR)
        assert removals.due(tx, NOW) == {B}
        assert removals.due(tx, NOW + HOUR) == {A, B}
        removals.done(tx, [B])
        assert removals.waiting(tx) == {A}


def test_parts_come_back_as_they_were_written(warehouse: DuckDBWarehouse) -> None:
    march, april = Period.parse("2018-03"), Period.parse("2018-04")
    cold = Part("p1", "trips", march, STANDARD, A, 3, 400, "abc", NOW)
    restored = Part(
        "p2", "trips", april, GLACIER, B, 5, 600, "def", NOW, A, NOW + timedelta(days=7)
    )
    other = Part("p3", "rides", march, STANDARD, A, 1, 2, "x", NOW)
    with warehouse.transaction() as tx:
        parts.add(tx, [restored, cold, other])
        assert parts.of_dataset(tx, "trips") == (cold, restored)
        assert parts.of_periods(tx, "trips", [april]) == (restored,)
        assert parts.of_periods(tx, "trips", []) == ()
        assert parts.places(tx) == {"STANDARD", "GLACIER"}
        parts.remove(tx, ["p1", "p2"])
        assert parts.of_dataset(tx, "trips") == ()


def test_migrations_are_made_once_and_keep_the_lakes_id(warehouse: DuckDBWarehouse) -> None:
    with warehouse.transaction() as tx:
        lake = migrations.lake_id(tx)
        assert migrations.is_made(tx)
        assert migrations.migrate(tx) == lake


def test_control_of_a_newer_version_is_left_alone(warehouse: DuckDBWarehouse) -> None:
    with warehouse.transaction() as tx:
        tx.execute("INSERT INTO isotherm.migrations VALUES (999, current_localtimestamp())")
    newer = pytest.raises(ConfigError, match="control is of version 999")
    with newer, warehouse.transaction() as tx:
        migrations.migrate(tx)
