"""Moves overlap: the next ones are copied while one is committed, and nobody sees a difference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import stamina

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.catalog.iceberg import Described, IcebergCatalog
from isotherm.control import intents, journal
from isotherm.engine.duckdb import DuckDBSession
from isotherm.lake import Lake
from isotherm.model.errors import ConflictError, MovesFailed, StorageError
from isotherm.moves import ahead
from isotherm.moves.applying import Watch
from isotherm.plan.batches import apart
from isotherm.plan.plan import Move, Plan
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage

MONTHS = ("2018-03", "2018-04", "2018-05", "2018-06")
CONFIG = policy(STANDARD="6 months", STANDARD_IA="14 months")
EARLY = datetime(2019, 1, 1)
"""When every month is due to leave the warehouse, and none of them its first tier."""
SECONDS = 30.0
FOR_THE_NEXT = ("unsealed", "metadata nobody needs")
"""What an apply that was interrupted leaves to the next one."""
Seen = list[tuple[str, Step]]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def make(make_lake: MakeLake, *, at_once: int = 3, rows: int = 120) -> Lake:
    settings = f"[settings]\nmoves_at_once = {at_once}\n"
    lake = make_lake(settings + CONFIG, clock=Clock(EARLY))
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 24) HOUR AS pickup, "
        f"i AS id FROM range({rows}) t(i)",
    )
    return lake


def each_by_itself(lake: Lake) -> Plan:
    """Plan a move for each month: small ones would share one."""
    plan = plan_of(lake)
    return replace(plan, moves=tuple(one for move in plan.moves for one in apart(move)))


def apply(lake: Lake, step: Callable[[str, Step], None] = lambda span, step: None) -> Seen:
    """Make a move for each month, and return the steps in the order in which they were taken."""
    seen: Seen = []

    def watch(move: Move, now: Step) -> None:
        seen.append((move.span, now))
        step(move.span, now)

    lake.apply(each_by_itself(lake), watch=Watch(step=watch))
    return seen


def events(lake: Lake) -> list[tuple[str, str]]:
    """Return what the journal says of which move."""
    with lake.warehouse.snapshot() as tx:
        found = journal.entries(tx)
    moves = {e.move: str(e.detail["move"]).split()[2] for e in found if "move" in e.detail}
    return [(moves[entry.move], entry.event) for entry in found]


def nothing_is_left_behind(lake: Lake, *, but: tuple[str, ...] = ("nothing",)) -> None:
    assert ids(lake) == list(range(120))
    assert not [item for item in untidy(lake) if not item.startswith(but)]


def test_the_next_move_is_copied_before_the_one_in_its_turn_is_committed(
    make_lake: MakeLake,
) -> None:
    lake, copied = make(make_lake), threading.Event()

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.VERIFY):
            copied.set()
        if (span, step) == (MONTHS[0], Step.COMMIT):
            assert copied.wait(SECONDS)

    seen = apply(lake, watch)
    commits = [span for span, step in seen if step is Step.COMMIT]
    assert commits == list(MONTHS)
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    nothing_is_left_behind(lake)


def test_objects_are_copied_for_the_next_move_too(make_lake: MakeLake) -> None:
    lake, copied = make(make_lake), threading.Event()
    age(lake)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.VERIFY):
            copied.set()
        if (span, step) == (MONTHS[0], Step.COMMIT):
            assert copied.wait(SECONDS)

    apply(lake, watch)
    assert set(tiers_of(lake).values()) == {"STANDARD_IA"}
    nothing_is_left_behind(lake)


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


@pytest.mark.parametrize(
    ("write", "rows"),
    [
        ("UPDATE trips SET id = 1000 WHERE id = 40", [*range(40), *range(41, 120), 1000]),
        ("DELETE FROM trips WHERE id = 40", [*range(40), *range(41, 120)]),
        ("INSERT INTO trips VALUES ('2018-04-10', 1000)", [*range(120), 1000]),
    ],
)
@pytest.mark.parametrize("exclusive", [False, True])
def test_what_is_written_after_the_copy_is_found_when_its_turn_comes(
    make_lake: MakeLake, write: str, rows: list[int], exclusive: bool
) -> None:
    """Even where nobody was to write."""
    lake, attempts = make(make_lake), 0

    def watch(move: Move, step: Step) -> None:
        nonlocal attempts
        if move.span == MONTHS[1]:
            attempts += step is Step.COPY
            if step is Step.BEGIN and attempts == 1:
                run_sql(lake, write)

    lake.apply(each_by_itself(lake), exclusive=exclusive, watch=Watch(step=watch))
    assert attempts == 2
    assert ids(lake) == rows
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert not run_sql(lake, "FROM trips")
    assert not untidy(lake)


def test_a_column_that_came_after_the_copy_is_moved_too(make_lake: MakeLake) -> None:
    lake, once = make(make_lake), []

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.BEGIN) and not once:
            once.append(span)
            run_sql(lake, "ALTER TABLE trips ADD COLUMN tip INTEGER DEFAULT 7")

    apply(lake, watch)
    found = lake.sql("select count(*) from trips where tip = 7 and pickup < '2018-05-01'")
    assert found.fetchall() == [(30,)]  # of the month that was copied anew
    nothing_is_left_behind(lake)


def test_objects_that_others_have_moved_meanwhile_are_not_moved_again(make_lake: MakeLake) -> None:
    lake, once = make(make_lake), []
    age(lake)
    lake.clock.now = datetime(2019, 9, 1)  # type: ignore[attr-defined]

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.BEGIN) and not once:
            once.append(span)
            with lake.warehouse.transaction() as tx:
                tx.execute(
                    "UPDATE isotherm.parts SET restored_until = ? WHERE period = ?",
                    [lake.clock(), MONTHS[1]],
                )

    seen = apply(lake, watch)
    assert seen.count((MONTHS[1], Step.COPY)) == 2
    nothing_is_left_behind(lake)


def test_one_that_fails_before_its_turn_is_told_and_keeps_no_other(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    stage = FolderStorage.stage

    def broken(storage: FolderStorage, location: Any) -> str:
        if MONTHS[1] in location.key:
            raise StorageError("this month cannot be written")
        return stage(storage, location)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "stage", broken)
        with pytest.raises(MovesFailed) as failed:
            apply(lake)
    errors = failed.value.applied.failures.values()
    assert [str(error) for error in errors] == ["this month cannot be written"]
    assert [outcome.move.span for outcome in failed.value.applied.done] == [
        span for span in MONTHS if span != MONTHS[1]
    ]
    nothing_is_left_behind(lake)
    age(lake)
    nothing_is_left_behind(lake)


def test_a_stop_gives_up_what_has_begun(make_lake: MakeLake) -> None:
    lake, stop = make(make_lake), threading.Event()

    def watch(move: Move, step: Step) -> None:
        if (move.span, step) == (MONTHS[1], Step.VERIFY):
            stop.set()
        if (move.span, step) == (MONTHS[0], Step.COMMIT):
            assert stop.wait(SECONDS)

    applied = lake.apply(each_by_itself(lake), watch=Watch(step=watch, stop=stop.is_set))
    assert [outcome.move.span for outcome in applied.done] == [MONTHS[0]]
    assert [move.span for move in applied.left] == list(MONTHS[1:])
    assert (MONTHS[1], "abandoned") in events(lake)
    nothing_is_left_behind(lake)
    age(lake)
    nothing_is_left_behind(lake)


def test_an_interrupt_gives_up_all_that_has_begun(make_lake: MakeLake) -> None:
    lake, copying = make(make_lake), threading.Event()

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[1], Step.COPY):
            copying.set()
        if (span, step) == (MONTHS[0], Step.DELETE):
            assert copying.wait(SECONDS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        apply(lake, watch)
    assert interrupt.value.__notes__ == [f"Rolled back: unload trips {MONTHS[0]} hot -> STANDARD"]
    assert set(tiers_of(lake).values()) == {"hot"}
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)
    age(lake)
    nothing_is_left_behind(lake)


def test_an_interrupt_stops_what_is_being_copied(make_lake: MakeLake) -> None:
    """A copy that would never end by itself."""
    lake, copying = make(make_lake), threading.Event()
    copy = DuckDBSession.copy

    def endless(session: Any, select: str, *args: Any, **named: Any) -> int:
        if MONTHS[1] in str(args):
            copying.set()
            session.execute("SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b")
        return int(copy(session, select, *args, **named))

    def watch(span: str, step: Step) -> None:
        if (span, step) == (MONTHS[0], Step.DELETE):
            assert copying.wait(SECONDS)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DuckDBSession, "copy", endless)
        with pytest.raises(KeyboardInterrupt):
            apply(lake, watch)
    nothing_is_left_behind(lake, but=FOR_THE_NEXT)


def test_what_cannot_begin_early_is_told_in_its_turn(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, begin, failed = make(make_lake), intents.begin, []

    def broken(tx: Any, intent: Any) -> None:
        if intent.periods == (MONTHS[1],):
            failed.append(intent)
            raise ConflictError("somebody else writes")
        begin(tx, intent)

    monkeypatch.setattr(intents, "begin", broken)
    with pytest.raises(MovesFailed) as raised:
        apply(lake)
    assert len(raised.value.applied.done) == 3
    assert len(failed) > 1
    nothing_is_left_behind(lake)
