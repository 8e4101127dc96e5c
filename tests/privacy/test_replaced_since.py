"""A certificate waits for what went after nothing of theirs was found any more: others moved it."""

from __future__ import annotations

from datetime import timedelta

import isotherm
from ageing import Clock, age, set_config
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.part import Location
from isotherm.model.period import Period
from isotherm.model.person import DataSubject
from isotherm.model.tier import TIERS
from isotherm.moves.applying import Limits
from riders import NOW, THREE, about_riders

WARM = about_riders(STANDARD="6 months")
MARCH = Period.parse("2018-03")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 28) HOUR AS pickup, "
    "i::INTEGER AS id, (i % 10)::INTEGER AS rider_id, 'r' || (i % 10) || '@x.org' AS email "
    "FROM range(400) t(i)"
)


def held_lake(make_lake: MakeLake) -> Lake:
    """Make a lake where all of somebody's records are gone but those that a case holds."""
    lake = make_lake(WARM, clock=Clock(NOW))
    run_sql(lake, TABLE)
    lake.erasing.new_key()
    age(lake)
    lake.hold("A", "trips", [MARCH], reason="x")
    lake.erasing.ask("trips", [THREE], "DSR")
    assert lake.erasing.run("DSR").request.forgotten_at
    forward(lake, 50)
    lake.release("A")
    return lake


def forward(lake: Lake, minutes: int) -> None:
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(minutes=minutes))


def objects_with_three(lake: Lake) -> list[Location]:
    """Return every object on the store that has a row of theirs, replaced ones as well."""
    session = lake.warehouse.session()
    try:
        return [
            item
            for tier in TIERS
            for item in lake.storage.list(tier)
            if item.key.endswith(".parquet")
            and session.execute(
                f"SELECT 1 FROM read_parquet('{lake.storage.url(item)}') WHERE rider_id = 3 LIMIT 1"
            )
        ]
    finally:
        session.close()


def test_what_was_held_and_expired_since_is_waited_for(make_lake: MakeLake) -> None:
    lake = held_lake(make_lake)
    lake.close()
    set_config(lake, WARM + 'expire = "15 months"\n')
    lake = isotherm.open(lake.config.file, clock=lake.clock)
    lake.apply(lake.plan(even_if_uneconomic=True), limits=Limits(expire=True))
    assert objects_with_three(lake)
    forward(lake, 15)
    erased = lake.erasing.run("DSR")
    assert (erased.request.proven_at, erased.waits_for[:16]) == (None, "1 replaced files")
    forward(lake, 60)
    assert lake.erasing.run("DSR").request.proven_at
    assert not objects_with_three(lake)


def test_what_another_request_has_taken_since_is_waited_for(make_lake: MakeLake) -> None:
    lake = held_lake(make_lake)
    lake.erasing.ask("trips", [DataSubject.parse("email=r3@x.org")], "OTHER")
    lake.erasing.run("OTHER")
    forward(lake, 15)
    assert not lake.erasing.run("DSR").request.proven_at
    assert objects_with_three(lake)
    forward(lake, 60)
    assert lake.erasing.run("DSR").request.proven_at
    assert not objects_with_three(lake)


def test_what_went_on_since_without_a_record_of_theirs_is_not_waited_for(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(WARM, clock=Clock(NOW))
    run_sql(lake, TABLE)
    lake.erasing.new_key()
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    assert lake.erasing.run("DSR").request.forgotten_at
    forward(lake, 50)
    lake.close()
    set_config(lake, about_riders(STANDARD="6 months", STANDARD_IA="9 months"))
    lake = isotherm.open(lake.config.file, clock=lake.clock)
    assert age(lake).done
    forward(lake, 15)
    assert lake.erasing.run("DSR").request.proven_at
