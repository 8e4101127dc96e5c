"""Datasets to plan for, and what a plan's moves do to them, without a lake."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from isotherm.cost.prices import PriceBook
from isotherm.model.dataset import Dataset, TableName
from isotherm.model.part import HotPartition, Inventory, Location, Part
from isotherm.model.period import Duration, Period, Unit
from isotherm.model.policy import Policy, Rule
from isotherm.model.request import Request, RequestKind
from isotherm.model.tier import CLASSES, EXPIRED, TIERS, Tier
from isotherm.plan.plan import Kind, Move, Plan
from isotherm.plan.planner import Subject, make_plan

NOW = datetime(2020, 5, 10, 12)
MB = 2**20
BOOK = PriceBook()
_numbers = itertools.count()


def trips(policy: str = "", **changes: object) -> Dataset:
    """Return a dataset with a policy written as `STANDARD 6 months, expire 12 years`."""
    rules = []
    for line in filter(None, policy.split(", ")):
        name, _, age = line.partition(" ")
        tier = EXPIRED if name == "expire" else TIERS[name]
        rules.append(Rule(tier, Duration.parse(age)))
    dataset = Dataset("trips", TableName("main", "trips"), "pickup", policy=Policy(tuple(rules)))
    return replace(dataset, **changes)


def hot(period: str, rows: int = 100_000, size: int = 10 * MB, **changes: object) -> HotPartition:
    return replace(HotPartition(Period.parse(period), rows, size), **changes)


def part(
    period: str,
    tier: str = "STANDARD",
    rows: int = 100_000,
    size: int = 5 * MB,
    *,
    created: datetime = datetime(2019, 1, 1),
    restored_until: datetime | None = None,
) -> Part:
    number = next(_numbers)
    found = Part(
        f"part-{number}",
        "trips",
        Period.parse(period),
        TIERS[tier],
        Location(tier, f"{number}.parquet"),
        rows,
        size,
        "",
        created,
    )
    if restored_until is None:
        return found
    copy = Location("STANDARD", f"restored/{number}.parquet")
    return replace(found, restored=copy, restored_until=restored_until)


def subject(
    dataset: Dataset, *items: HotPartition | Part, requests: Iterable[Request] = ()
) -> Subject:
    rows = tuple(item for item in items if isinstance(item, HotPartition))
    parts = tuple(item for item in items if isinstance(item, Part))
    return Subject(dataset, Inventory(dataset.name, rows, parts), tuple(requests))


def pause() -> Request:
    return Request("r", RequestKind.PAUSE, "trips", NOW)


def planned(
    what: Subject, *, as_of: datetime = NOW, now: datetime = NOW, even: bool = False
) -> Plan:
    return make_plan([what], as_of=as_of, now=now, book=BOOK, even_if_uneconomic=even)


def lines(plan: Plan) -> list[str]:
    """Return a plan's moves as they are written, without the dataset's name."""
    return [str(move).replace(" trips", "", 1) for move in plan.moves]


def refusals(plan: Plan) -> list[tuple[str, str]]:
    return [(str(r.move).replace(" trips", "", 1), r.cause.value) for r in plan.refused]


# -- what moves do


def applied(what: Subject, plan: Plan, now: datetime = NOW) -> Subject:
    """Return the dataset as it is after a plan's moves."""
    inventory = what.inventory
    for move in plan.moves:
        inventory = after(inventory, move, now, what)
    return replace(what, inventory=inventory)


def after(inventory: Inventory, move: Move, now: datetime, before: Subject) -> Inventory:
    """Do what a move does; what a real one would refuse to do fails here, too."""
    rows = {item.period: item for item in inventory.hot}
    parts = list(inventory.parts)
    periods = set(move.periods)
    mine = [p for p in parts if p.period in periods and p.tier == move.source]
    others = [p for p in parts if p not in mine]
    if move.kind in (Kind.UNLOAD, Kind.APPEND):
        parts += [_written(rows.pop(period), move.target, now, before) for period in move.periods]
    elif move.kind is Kind.EXPIRE:
        rows = {period: item for period, item in rows.items() if period not in periods}
        parts = [p for p in parts if p.period not in periods]
    elif move.kind is Kind.RESTORE:
        assert mine
        parts = others + [_opened(p, move.until) for p in mine]
    elif move.kind is Kind.COMPACT:
        small = [p for p in mine if p.bytes < before.dataset.small_bytes]
        parts = [p for p in parts if p not in small]
        for period in move.periods:
            parts.append(_merged([p for p in small if p.period == period], now))
    elif move.source == move.target:
        over = [p for p in mine if p.restored]
        assert over
        assert not any(p.readable_at(now) for p in over), "a restore ends before its time"
        parts = others + [_closed(p) for p in mine]
    else:
        assert mine
        if not move.by_rule:
            assert all(p.readable_at(now) for p in mine), f"{move} cannot read its objects"
        if move.kind is Kind.RELOAD:
            parts = others
            for p in mine:
                there = rows.get(p.period, HotPartition(p.period, 0, 0))
                rows[p.period] = replace(
                    there, rows=there.rows + p.rows, bytes=there.bytes + p.bytes
                )
        else:
            parts = others + [_closed(replace(p, tier=move.target, created_at=now)) for p in mine]
    return Inventory(inventory.dataset, tuple(rows.values()), tuple(parts), inventory.ageless)


def _written(item: HotPartition, tier: Tier, now: datetime, before: Subject) -> Part:
    """Return what was written: as much as was expected."""
    size = before.sizes.as_object(item.rows, item.bytes)
    return part(str(item.period), tier.name, item.rows, size, created=now)


def _merged(small: list[Part], now: datetime) -> Part:
    assert len(small) > 1
    rows, size = sum(p.rows for p in small), sum(p.bytes for p in small)
    return part(str(small[0].period), small[0].tier.name, rows, size, created=now)


def _opened(p: Part, until: datetime | None) -> Part:
    assert until
    copy = p.restored or Location("STANDARD", f"restored/{p.id}")
    return replace(p, restored=copy, restored_until=max(until, p.restored_until or until))


def _closed(p: Part) -> Part:
    return replace(p, restored=None, restored_until=None)


# -- any world

UNITS = st.sampled_from(list(Unit))


@st.composite
def policies(draw: st.DrawFn, unit: Unit) -> Policy:
    names = draw(st.lists(st.sampled_from(CLASSES), unique=True, max_size=4))
    tiers = sorted((TIERS[name] for name in names), key=lambda tier: tier.rank)
    if draw(st.booleans()):
        tiers.append(EXPIRED)
    steps = draw(st.lists(st.integers(1, 5), min_size=len(tiers), max_size=len(tiers)))
    word = {Unit.MONTH: "months", Unit.DAY: "days", Unit.HOUR: "hours"}[unit]
    ages = itertools.accumulate(steps)
    return Policy(
        tuple(
            Rule(tier, Duration.parse(f"{age} {word}"))
            for tier, age in zip(tiers, ages, strict=True)
        )
    )


@st.composite
def worlds(draw: st.DrawFn, units: st.SearchStrategy[Unit] = UNITS) -> Subject:
    """Draw a dataset of any policy, with anything anywhere."""
    unit = draw(units)
    dataset = replace(
        trips(),
        unit=unit,
        policy=draw(policies(unit)),
        by_rules=draw(st.booleans()),
        append_min_rows=draw(st.sampled_from([1, 1_000])),
        settle=draw(st.sampled_from([None, Duration.parse("3 days")])),
        compact_min_objects=draw(st.sampled_from([0, 2, 3])),
    )
    last = Period.of(NOW, unit)
    items: list[HotPartition | Part] = []
    for back in draw(st.sets(st.integers(-2, 22), max_size=8)):
        period = str(last.shifted(-back))
        size = draw(st.sampled_from([2_000, 200_000, 20 * MB, 2_000 * MB]))
        for tier in draw(st.lists(st.sampled_from(CLASSES), max_size=3)):
            until = draw(st.sampled_from([None, -1, 2]))
            archived = TIERS[tier].archived and until is not None
            items.append(
                part(
                    period,
                    tier,
                    draw(st.integers(1, 100_000)),
                    size,
                    created=NOW - timedelta(days=draw(st.integers(0, 400))),
                    restored_until=NOW + timedelta(days=until or 0) if archived else None,
                )
            )
        if draw(st.booleans()):
            loaded = draw(st.sampled_from([None, 0, 2, 30]))
            at = NOW - timedelta(days=loaded) if loaded is not None else None
            items.append(hot(period, draw(st.integers(1, 10_000)), size, loaded_at=at))
    return subject(dataset, *items)
