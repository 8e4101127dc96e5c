"""Moves overlap: the next ones are copied while one is committed, and nobody sees a difference."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from ageing import age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.catalog.iceberg import Described, IcebergCatalog
from isotherm.model.period import Duration, between
from isotherm.moves import ahead
from isotherm.moves.applying import Limits, Watch
from isotherm.plan.batches import apart
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step
from overlapping import (
    CONFIG,
    MONTHS,
    SECONDS,
    apply,
    each_by_itself,
    held_back,
    make,
    nothing_is_left_behind,
)


def test_the_next_move_is_copied_before_the_one_in_its_turn_is_committed(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)

    seen = apply(lake, held_back((MONTHS[0], Step.COMMIT), until=(MONTHS[1], Step.VERIFY)))
    commits = [span for span, step in seen if step is Step.COMMIT]
    assert commits == list(MONTHS)
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    nothing_is_left_behind(lake)


def test_objects_are_copied_for_the_next_move_too(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    age(lake)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]

    apply(lake, held_back((MONTHS[0], Step.COMMIT), until=(MONTHS[1], Step.VERIFY)))
    assert set(tiers_of(lake).values()) == {"STANDARD_IA"}
    nothing_is_left_behind(lake)


def test_small_objects_are_merged_for_the_next_move_too(make_lake: MakeLake) -> None:
    lake = make(make_lake, config=CONFIG.replace("clock =", "compact_min_objects = 2\nclock ="))
    age(lake)
    late = "INSERT INTO trips SELECT TIMESTAMP '{}-09', {} + i FROM range(5) t(i)"
    run_sql(lake, *(late.format(month, 120 + 5 * n) for n, month in enumerate(MONTHS)))
    plan = each_by_itself(lake)
    lake.apply(replace(plan, moves=tuple(m for m in plan.moves if m.kind is Kind.APPEND)))
    assert {move.kind for move in plan_of(lake).moves} == {Kind.COMPACT}

    apply(lake, held_back((MONTHS[0], Step.COMMIT), until=(MONTHS[1], Step.VERIFY)))
    assert not plan_of(lake).moves
    assert ids(lake) == list(range(140))
    assert not untidy(lake)


def test_what_iceberg_keeps_of_objects_is_read_before_the_transaction(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, describe, seen = make(make_lake), IcebergCatalog.describe, list[str]()

    def described(catalog: IcebergCatalog, dataset: str, urls: Sequence[str]) -> Described:
        seen.extend(f"describe {month}" for month in MONTHS if month in urls[0])
        return describe(catalog, dataset, urls)

    monkeypatch.setattr(IcebergCatalog, "describe", described)
    apply(lake, lambda span, step: seen.append(f"{step.name} {span}"))
    for month in MONTHS:
        assert seen.count(f"describe {month}") == 1
        assert seen.index(f"describe {month}") < seen.index(f"BEGIN {month}")


def test_no_more_moves_are_under_way_than_the_config_says(make_lake: MakeLake) -> None:
    lake = make(make_lake, at_once=2)
    under_way, most = set[str](), 0

    def watch(span: str, step: Step) -> None:
        nonlocal most
        if step is Step.SEAL:
            under_way.discard(span)
        else:
            under_way.add(span)
        most = max(most, len(under_way))

    apply(lake, watch)
    assert most == 2


def test_one_at_a_time_is_one_after_the_other(make_lake: MakeLake) -> None:
    lake = make(make_lake, at_once=1)
    seen = apply(lake)
    spans = [span for span, _ in seen]
    assert spans == sorted(spans)
    nothing_is_left_behind(lake)


def test_large_moves_do_not_overlap(make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BYTES", 0)
    spans = [span for span, _ in apply(make(make_lake))]
    assert spans == sorted(spans)


def test_moves_of_one_partition_come_one_after_the_other(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    age(lake)
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-09', 500)")
    lake.clock.now = datetime(2019, 6, 1)  # type: ignore[attr-defined]
    plan = each_by_itself(lake)
    assert [(m.kind.value, m.span) for m in plan.moves][:2] == [
        ("append", "2018-03"),
        ("retier", "2018-03"),
    ]
    seen: list[tuple[str, Step]] = []
    lake.apply(plan, watch=Watch(step=lambda m, step: seen.append((f"{m.kind} {m.span}", step))))
    done = seen.index(("append 2018-03", Step.COMMIT))
    assert done < seen.index(("retier 2018-03", Step.INTENT))
    assert ids(lake) == [*range(120), 500]
    assert not untidy(lake)


def test_restores_wait_for_their_turn(make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an archive was asked for cannot be given up."""
    lake = make(make_lake, config=policy(GLACIER="6 months"))
    age(lake)
    plan = lake.restore_plan("trips", between("2018-03..2018-06"), Duration.parse("7 days"))
    moves = tuple(one for move in plan.moves for one in apart(move))
    seen: list[str] = []
    lake.apply(replace(plan, moves=moves), watch=Watch(step=lambda m, step: seen.append(m.span)))
    assert len(set(seen)) == 4
    assert seen == sorted(seen)


def test_after_so_many_rows_nothing_overlaps_for_once(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of DuckDB writes its log back only while nobody reads at an earlier snapshot."""
    monkeypatch.setattr(ahead, "ROWS", 40)
    lake = make(make_lake)
    open_: dict[str, set[str]] = {}
    begun = set[str]()

    def watch(span: str, step: Step) -> None:
        begun.add(span)
        if step is Step.COMMIT:
            open_[span] = set(begun)
        if step is Step.SEAL:
            begun.discard(span)

    apply(lake, watch)
    alone = [span for span, others in open_.items() if others == {span}]
    assert alone[0] != MONTHS[-1]
    nothing_is_left_behind(lake)


def test_a_move_that_is_not_early_itself_has_the_next_one_begin(make_lake: MakeLake) -> None:
    lake = make(make_lake, config=policy(STANDARD="6 months", expire="9 months"))
    moves = each_by_itself(lake)
    expiring = [move for move in moves.moves if move.kind is Kind.EXPIRE]
    others = [move for move in moves.moves if move.kind is not Kind.EXPIRE]
    assert expiring
    assert others
    copied = threading.Event()

    def watch(move: Move, step: Step) -> None:
        if (move.id, step) == (others[0].id, Step.VERIFY):
            copied.set()
        if (move.id, step) == (expiring[-1].id, Step.COMMIT):
            assert copied.wait(SECONDS)

    plan = replace(moves, moves=(*expiring, *others))
    lake.apply(plan, limits=Limits(expire=True), watch=Watch(step=watch))
    assert copied.is_set()
    assert not untidy(lake)
