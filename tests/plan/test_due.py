"""A plan that looks at what may be due alone is the plan of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_world import BOOK as PRICES
from plan_world import NOW, UNITS, Subject, make_plan, policies, worlds

import isotherm
from isotherm import subjects
from isotherm.control import parts, requests
from isotherm.engine.sql import quote
from isotherm.lake import Lake
from isotherm.model.period import Period
from isotherm.model.policy import Policy
from isotherm.opening import init_lake
from isotherm.plan.due import FIRST, LAST, stretches
from isotherm.warehouse.base import Transaction


class _UndoneError(Exception):
    """Ends a transaction that shall leave nothing."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    file = tmp_path_factory.mktemp("due") / "isotherm.toml"
    init_lake(file, '[datasets.trips]\ntable = "trips"\nclock = "pickup"\n')
    with isotherm.open(file) as found:
        yield found


@given(st.data(), UNITS)
def test_stretches_are_the_tiers_of_the_policy(data: st.DataObject, unit: object) -> None:
    policy: Policy = data.draw(policies(unit))
    as_of = Period.of(NOW, unit)
    found = stretches(policy, as_of)
    assert found[0][0] == FIRST
    assert found[-1][1] == LAST
    assert [after for after, _, _ in found[1:]] == [until for _, until, _ in found[:-1]]
    edges = [Period.parse(until) for _, until, _ in found[:-1]]
    drawn = [as_of.shifted(data.draw(st.integers(-9_000, 50))) for _ in range(5)]
    for period in [*drawn, *edges, *(edge.shifted(1) for edge in edges)]:
        (tier,) = {tier for after, until, tier in found if after < str(period) <= until}
        assert tier == policy.tier_at(period, as_of).name


@given(worlds(), st.integers(0, 800), st.booleans())
def test_it_is_the_plan_of_everything(lake: Lake, world: Subject, days: int, even: bool) -> None:
    dataset = world.dataset
    as_of = NOW + timedelta(days=days)
    plans = []
    with suppress(_UndoneError), lake.warehouse.transaction() as tx:
        make(tx, world)
        for subject in (*subjects.whole(tx, [dataset]), *subjects.due(tx, [dataset], as_of)):
            plans.append(
                make_plan([subject], as_of=as_of, now=NOW, book=PRICES, even_if_uneconomic=even)
            )
        raise _UndoneError
    assert plans[0] == plans[1]


def make(tx: Transaction, world: Subject) -> None:
    """Have control and the warehouse say what a made-up world is."""
    parts.add(tx, world.inventory.parts)
    for item in world.requests:
        requests.ask(tx, item.kind, item.dataset, NOW, item.period, item.until, item.speed)
    table = quote("main", "trips")
    tx.execute(f"CREATE TABLE {table} (pickup TIMESTAMP)")
    for item in world.inventory.hot:
        tx.execute(
            f"INSERT INTO {table} SELECT ?::TIMESTAMP FROM range(?)",
            [item.period.start, min(item.rows, 100_000)],
        )
