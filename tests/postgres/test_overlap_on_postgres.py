"""Moves overlap on PostgreSQL where they copy objects: rows leave one move after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from ageing import Clock, age, ids, plan_of, policy, untidy
from conftest import MakeLake, run_sql
from databases import PostgresServer
from isotherm.moves.applying import Watch
from isotherm.plan.batches import apart
from isotherm.plan.steps import Step

ROWS = 500


@pytest.fixture(autouse=True)
def _one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A move that fails for another one must not be saved by trying it again."""
    monkeypatch.setattr("isotherm.moves.runner.ATTEMPTS", 1)


def test_moves_of_many_months_overlap_where_they_can(
    make_lake: MakeLake, postgres: PostgresServer
) -> None:
    ages = policy(STANDARD="6 months", STANDARD_IA="26 months")
    config = f"[settings]\nmoves_at_once = 4\n{ages}"
    clock = Clock(datetime(2019, 1, 1))
    lake = make_lake(config, warehouse=postgres.database(), clock=clock)
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2017-01-01' + INTERVAL (i) DAY AS pickup, "
        f"i AS id FROM range({ROWS}) t(i)",
    )
    for now in (clock.now, datetime(2020, 12, 1)):
        clock.now = now
        plan = plan_of(lake)
        moves = tuple(one for move in plan.moves for one in apart(move))
        seen: list[tuple[str, Step]] = []
        watch = Watch(step=lambda move, step: seen.append((move.span, step)))  # noqa: B023
        assert len(lake.apply(replace(plan, moves=moves), watch=watch).done) == len(moves) > 15
        spans = [span for span, _ in seen]
        kinds = {move.kind.value for move in moves}
        assert (spans == sorted(spans)) == (kinds == {"unload"})
        assert ids(lake) == list(range(ROWS))
        assert not untidy(lake)
    assert not age(lake).done
