"""Other engines read main of the Iceberg table: the cold rows, all of them and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

from test_types import COLD, SURVIVING, make_rows

import isotherm
from ageing import Clock, age, plan_of, policy, set_config, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.period import Duration, Period
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step


def main_rows(lake: Lake, where: str = "true", what: str = "id") -> list[tuple[object, ...]]:
    """Read main as DuckDB does, by its metadata file alone."""
    lake.warehouse.engine.need("avro", "iceberg")
    head = lake.catalog.head("trips")
    scan = f"iceberg_scan('{head.metadata}')"
    return run_sql(lake, f"SELECT {what} FROM {scan} WHERE {where} ORDER BY ALL")


def arrow_ids(lake: Lake, where: str = "true") -> list[int]:
    """Read main as PyIceberg does, by the catalogue."""
    seen = lake.catalog.look("trips")
    assert seen
    scan = seen.table.scan() if where == "true" else seen.table.scan(row_filter=where)
    return sorted(scan.to_arrow()["id"].to_pylist())


def cold_ids(lake: Lake) -> list[int]:
    hot = {row[0] for row in run_sql(lake, "SELECT id FROM trips")}
    found = lake.sql("select id from trips", archived="skip").fetchall()
    return sorted(row[0] for row in found if row[0] not in hot)


def agree(lake: Lake) -> list[int]:
    """Check that all readers of cold rows read the same."""
    want = cold_ids(lake)
    assert [row[0] for row in main_rows(lake)] == want
    assert arrow_ids(lake) == want
    assert not untidy(lake)
    return want


def fill(lake: Lake) -> None:
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 20) HOUR AS pickup, "
        "i::INTEGER AS id, i / 7 AS fare FROM range(100) t(i)",
    )


def test_main_follows_every_move(make_lake: MakeLake) -> None:
    clock = Clock(datetime(2018, 10, 1))
    lake = make_lake(
        policy(STANDARD="6 months", STANDARD_IA="9 months", GLACIER="12 months"), clock=clock
    )
    fill(lake)
    age(lake)
    assert agree(lake) == list(range(74))
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-07', 500, 1)")
    clock.now = datetime(2018, 11, 1)
    age(lake)
    assert agree(lake) == [*range(100), 500]
    clock.now = datetime(2019, 2, 1)
    age(lake)
    assert agree(lake) == [*range(100), 500]
    clock.now = datetime(2019, 4, 1)
    age(lake)
    assert agree(lake) == list(range(74, 100))
    periods = [Period.parse("2018-03")]
    lake.apply(lake.restore_plan("trips", periods, Duration.parse("7 days")))
    assert agree(lake) == [*range(38), *range(74, 100), 500]
    clock.forward(timedelta(days=8))
    age(lake)
    assert agree(lake) == list(range(74, 100))
    set_config(lake, policy())
    lake.close()
    with isotherm.open(lake.config.file, clock=clock) as hot:
        age(hot)
        assert agree(hot) == []
        assert run_sql(hot, "SELECT count(*) FROM trips") == [(101,)]


def test_main_prunes_by_the_clock_and_loses_nothing_by_it(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake)
    age(lake)
    for where in (
        "pickup >= '2018-04-01'",
        "pickup < '2018-04-01'",
        "pickup = '2018-04-01 16:00:00'",
        "pickup >= '2018-03-31 23:59:59.999999' and pickup < '2018-05-01'",
        "id > 50",
        "fare < 3.0",
    ):
        want = lake.sql(f"select id from trips where {where} order by id").fetchall()
        assert want
        assert main_rows(lake, where) == want
    assert arrow_ids(lake, "pickup >= '2018-04-01T00:00:00'") == list(range(38, 100))


def test_main_is_behind_the_commit_and_never_before_it(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake)
    seen: dict[Step, int] = {}

    def watch(move: Move, step: Step) -> None:
        if lake.catalog.exists("trips"):
            seen[step] = len(arrow_ids(lake))

    lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))
    assert seen[Step.COMMIT] == seen[Step.DELETE] == seen[Step.FENCE] == 0
    assert seen[Step.SEAL] == len(agree(lake)) == 38


def test_main_reads_columns_that_were_born_widened_and_renamed(make_lake: MakeLake) -> None:
    config = policy(STANDARD="6 months")
    lake = make_lake(config, clock=Clock())
    fill(lake)
    age(lake, "2018-03")
    run_sql(
        lake,
        "ALTER TABLE trips ALTER id TYPE BIGINT",
        "ALTER TABLE trips ADD COLUMN tip INTEGER",
        "ALTER TABLE trips RENAME fare TO price",
        "UPDATE trips SET tip = 3",
    )
    section = "[datasets.trips.policy]"
    set_config(lake, config.replace(section, f'renamed = {{ fare = "price" }}\n\n{section}'))
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        agree(again)
        want = again.sql("select id, price, tip from trips order by all").fetchall()
        assert main_rows(again, what="id, price, tip") == want
        assert want[0] == (0, 0.0, None)
        assert want[-1] == (99, 99 / 7, 3)


def test_main_has_every_value_of_every_type(make_lake: MakeLake) -> None:
    lake = make_lake(COLD, clock=Clock())
    make_rows(lake)
    columns = [f"c{n}::{kind}::VARCHAR" for n, kind in enumerate(SURVIVING)]
    before = [run_sql(lake, f"SELECT id, {it} FROM trips ORDER BY ALL") for it in columns]
    age(lake)
    assert [main_rows(lake, what=f"id, {column}") for column in columns] == before
