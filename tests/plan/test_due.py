"""A plan that looks at what may be due alone is the plan of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_world import BOOK as PRICES
from plan_world import NOW, UNITS, Subject, make_plan, policies, worlds

import isotherm
from databases import PostgresServer
from isotherm import subjects
from isotherm.control import holds, parts, requests
from isotherm.lake import Lake
from isotherm.model.hold import Hold
from isotherm.model.period import Period
from isotherm.model.person import DataSubject
from isotherm.model.policy import Policy
from isotherm.model.request import Request, RequestKind
from isotherm.opening import init_lake
from isotherm.plan.due import FIRST, LAST, stretches
from isotherm.plan.plan import Plan
from isotherm.warehouse.base import Transaction

CONFIG = """
warehouse.url = "{url}"

[datasets.trips]
table = "trips"
clock = "pickup"
"""


class _UndoneError(Exception):
    """Ends a transaction that shall leave nothing."""


def opened(folder: Path, url: str) -> Lake:
    file = folder / "isotherm.toml"
    init_lake(file, CONFIG.format(url=url))
    return isotherm.open(file)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with opened(tmp_path_factory.mktemp("due"), "duckdb:warehouse.duckdb") as found:
        yield found


@pytest.fixture(scope="module")
def postgres_lake(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[Lake]:
    with opened(tmp_path_factory.mktemp("due"), postgres.database()) as found:
        yield found


@st.composite
def asked(draw: st.DrawFn) -> Subject:
    """Draw a dataset with what cases keep of it, and what people want of it."""
    world = draw(worlds())
    last = Period.of(NOW, world.dataset.unit)
    periods = st.integers(-2, 22).map(lambda back: last.shifted(-back))
    spans = st.none() | st.tuples(periods, periods).map(lambda ends: (min(ends), max(ends)))
    people = st.sampled_from([(), (DataSubject.parse("id=1"), DataSubject.parse("id=2"))])
    held = st.builds(
        Hold,
        id=st.just(""),
        case=st.sampled_from(["A-1", "A-2"]),
        dataset=st.just("trips"),
        periods=spans,
        subjects=people,
        reason=st.just("a court wants it"),
        placed_at=st.just(NOW),
        placed_by=st.just("Ada"),
    )
    wanted = st.builds(
        Request,
        id=st.just(""),
        kind=st.sampled_from([RequestKind.RESTORE, RequestKind.FETCH]),
        dataset=st.just("trips"),
        asked_at=st.just(NOW),
        period=periods,
        until=st.sampled_from([NOW - timedelta(days=1), NOW + timedelta(days=9)]),
        speed=st.sampled_from([None, "Bulk", "Standard"]),
    )
    pauses = [Request("", RequestKind.PAUSE, "trips", NOW)] if draw(st.integers(0, 9)) == 9 else []
    return replace(
        world,
        holds=tuple(draw(st.lists(held, max_size=2, unique_by=lambda hold: hold.case))),
        requests=(*draw(st.lists(wanted, max_size=3)), *pauses),
    )


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


A_PLAN = (asked(), st.integers(0, 800), st.booleans())


@given(*A_PLAN)
def test_it_is_the_plan_of_everything(lake: Lake, world: Subject, days: int, even: bool) -> None:
    one, other = both(lake, world, days, even)
    assert one == other


@given(*A_PLAN)
@settings(max_examples=20)
def test_it_is_the_plan_of_everything_on_postgres(
    postgres_lake: Lake, world: Subject, days: int, even: bool
) -> None:
    one, other = both(postgres_lake, world, days, even)
    assert one == other


def both(lake: Lake, world: Subject, days: int, even: bool) -> list[Plan]:
    """Plan a made-up world, by all that there is, and by what may be due."""
    table = lake.config.datasets["trips"].table
    dataset = replace(world.dataset, table=table)
    as_of = NOW + timedelta(days=days)
    plans = []
    with suppress(_UndoneError), lake.warehouse.transaction() as tx:
        make(tx, replace(world, dataset=dataset))
        for subject in (*subjects.whole(tx, [dataset]), *subjects.due(tx, [dataset], as_of)):
            plans.append(
                make_plan([subject], as_of=as_of, now=NOW, book=PRICES, even_if_uneconomic=even)
            )
        raise _UndoneError
    return plans


def make(tx: Transaction, world: Subject) -> None:
    """Have control and the warehouse say what a made-up world is."""
    parts.add(tx, world.inventory.parts)
    for hold in world.holds:
        holds.place(tx, hold)
    for item in world.requests:
        requests.ask(tx, item.kind, item.dataset, NOW, item.period, item.until, item.speed)
    table = tx.relation(world.dataset.table)
    tx.execute(f"CREATE TABLE {table} (pickup TIMESTAMP)")
    for hot in world.inventory.hot:
        tx.execute(
            f"INSERT INTO {table} SELECT ?::TIMESTAMP FROM range(?)",
            [hot.period.start, min(hot.rows, 100_000)],
        )
