"""A partition that is large becomes several objects, cut by its clock."""

from __future__ import annotations

import itertools

import pytest

import isotherm
from ageing import Clock, age, policy, tiers_of, untidy
from conftest import MakeLake, lake_at, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import VerifyError
from isotherm.model.part import Part
from isotherm.moves.applying import MovesFailed
from isotherm.moves.unload import Unload

ROWS = 4_000
MINUTE = "TIMESTAMP '2018-12-01' + INTERVAL (i * 11) MINUTE"
CLOCKS = {
    "TIMESTAMP": MINUTE,
    "TIMESTAMP WITH TIME ZONE": f"({MINUTE})::TIMESTAMPTZ",
    "DATE": f"({MINUTE})::DATE",
    "BIGINT": f"epoch({MINUTE})::BIGINT",
}


def config(clock: str = "TIMESTAMP", size: int = 6_000) -> str:
    """Return a config by which a month of the rows becomes a few objects."""
    unit = '\nclock_unit = "seconds"' if clock == "BIGINT" else ""
    line = f'clock = "pickup"{unit}\ntarget_object_bytes = {size}'
    return policy(STANDARD="3 months").replace('clock = "pickup"', line)


def filled(lake: Lake, clock: str = "TIMESTAMP") -> Lake:
    run_sql(
        lake,
        f"CREATE TABLE trips AS SELECT {CLOCKS[clock]} AS pickup, i::INTEGER AS id, "
        f"md5(i::VARCHAR) AS tag FROM range({ROWS}) t(i)",
    )
    return lake


def objects(lake: Lake) -> list[Part]:
    with lake.warehouse.snapshot() as tx:
        return list(parts.of_dataset(tx, "trips"))


@pytest.mark.parametrize("clock", CLOCKS)
def test_it_is_cut_by_its_clock_and_every_row_is_in_one_object(
    make_lake: MakeLake, clock: str
) -> None:
    lake = filled(make_lake(config(clock), clock=Clock()), clock)
    before = lake.sql("SELECT * FROM trips ORDER BY id").fetchall()
    (move,) = lake.plan(even_if_uneconomic=True).moves
    age(lake)
    found = objects(lake)
    assert 2 < len(found) == move.objects
    assert len({part.id for part in found}) == len(found)
    assert sum(part.rows for part in found) == ROWS
    assert lake.sql("SELECT * FROM trips ORDER BY id").fetchall() == before
    session = lake.warehouse.session()
    sources = [session.parquet([lake.storage.url(part.location)]) for part in found]
    ends = [session.execute(f"SELECT min(pickup), max(pickup) FROM {s}")[0] for s in sources]
    session.close()
    assert all(one[1] < other[0] for one, other in itertools.pairwise(sorted(ends)))
    assert not lake.plan(even_if_uneconomic=True).moves
    assert not untidy(lake)


def test_on_postgres_too(request: pytest.FixtureRequest) -> None:
    lake = lake_at(request, "postgres", config(), clock=Clock())
    filled(lake)
    age(lake)
    assert len(objects(lake)) > 1
    assert lake.sql("SELECT count(*), sum(id) FROM trips").fetchall() == [(ROWS, sum(range(ROWS)))]
    assert not untidy(lake)


def test_they_are_written_anew_reloaded_and_expire_together(make_lake: MakeLake) -> None:
    lake = filled(make_lake(config(), clock=Clock()))
    age(lake)
    many = len(objects(lake))
    lake.config.file.write_text(
        config().replace('STANDARD = "3 months"', 'STANDARD_IA = "3 months"')
    )

    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        assert tiers_of(again) == {"2018-12": "STANDARD_IA"}
        assert len(objects(again)) == many
    lake.config.file.write_text(config().replace('STANDARD = "3 months"', ""))
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        assert tiers_of(again) == {"2018-12": "hot"}
        assert run_sql(again, "SELECT count(*), sum(id) FROM trips") == [(ROWS, sum(range(ROWS)))]
        assert not untidy(again)


def test_stretches_without_rows_have_no_object(make_lake: MakeLake) -> None:
    lake = filled(make_lake(config(), clock=Clock()))
    run_sql(lake, "DELETE FROM trips WHERE pickup BETWEEN '2018-12-05' AND '2018-12-27'")
    left = run_sql(lake, "SELECT count(*) FROM trips")
    lake.apply(lake.plan(even_if_uneconomic=True))
    assert lake.sql("SELECT count(*) FROM trips").fetchall() == left
    assert all(part.rows for part in objects(lake))
    assert not untidy(lake)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_row_that_lies_in_no_stretch_stops_the_move(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch, exclusive: bool
) -> None:
    """Should they ever not be the whole: nothing is deleted that was not read back."""
    lake = filled(make_lake(config(), clock=Clock()))
    cut = Unload._stretch
    monkeypatch.setattr(
        Unload, "_stretch", lambda act, period, n: cut(act, period, n) + " AND id <> 1234"
    )
    with pytest.raises(MovesFailed) as caught:
        lake.apply(lake.plan(even_if_uneconomic=True), exclusive=exclusive)
    assert VerifyError.__name__ in str(caught.value) or "rows" in str(caught.value)
    assert run_sql(lake, "SELECT count(*) FROM trips") == [(ROWS,)]
    assert not objects(lake)
    assert not untidy(lake)
