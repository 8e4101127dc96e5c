"""Several moves, several periods in one: what fails stays whole, what does not goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, set_config, tiers_of, untidy, waiting
from conftest import MakeLake, make_trips, run_sql
from isotherm.control import journal, parts
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, StorageError
from isotherm.model.part import Location
from isotherm.moves.applying import Limits, Watch
from isotherm.plan.plan import Kind, Move
from isotherm.plan.steps import Step, steps
from isotherm.storage.folder import FolderStorage

BY_DAY = policy(STANDARD="30 days").replace('"pickup"', '"pickup"\nperiod = "day"', 1)
BY_HOUR = policy(STANDARD="24 hours").replace('"pickup"', '"pickup"\nperiod = "hour"', 1)


def fill(lake: Lake, rows: int = 120, hours: int = 12) -> None:
    run_sql(
        lake,
        f"CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * {hours}) HOUR "
        f"AS pickup, i AS id FROM range({rows}) t(i)",
    )


def cooler(lake: Lake) -> Lake:
    """Open a lake whose days are due in STANDARD_IA."""
    set_config(lake, BY_DAY.replace('STANDARD = "30 days"', 'STANDARD_IA = "30 days"'))
    lake.close()
    return isotherm.open(lake.config.file, clock=Clock())


def test_days_that_go_the_same_way_go_in_one_move_with_an_object_each(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(BY_DAY, clock=Clock())
    fill(lake)
    (outcome,) = age(lake).done
    assert len(outcome.move.periods) == 60
    assert outcome.rows == 120
    assert len(list(lake.storage.list("STANDARD"))) == 60
    assert ids(lake) == list(range(120))
    one = lake.sql("select id from trips where pickup >= '2018-03-05' and pickup < '2018-03-06'")
    assert sorted(one.fetchall()) == [(8,), (9,)]
    assert not untidy(lake)


def test_hours_go_in_batches_too(make_lake: MakeLake) -> None:
    lake = make_lake(BY_HOUR, clock=Clock())
    fill(lake, rows=90, hours=1)
    applied = age(lake)
    assert sum(len(outcome.move.periods) for outcome in applied.done) == 90
    assert ids(lake) == list(range(90))
    assert not untidy(lake)


def test_a_day_that_is_damaged_keeps_no_other_day_of_its_batch_from_moving(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(BY_DAY, clock=Clock())
    fill(lake)
    age(lake)
    with lake.warehouse.snapshot() as tx:
        bad = parts.of_dataset(tx, "trips")[30]
    with cooler(lake) as lake:
        assert isinstance(lake.storage, FolderStorage)
        path = lake.storage.path(bad.location)
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(MovesFailed, match=str(bad.location)) as failed:
            age(lake)
        assert len(failed.value.applied.failures) == 1
        tiers = tiers_of(lake)
        assert tiers.pop(str(bad.period)) == "STANDARD"
        assert set(tiers.values()) == {"STANDARD_IA"}
        path.write_bytes(content)
        assert ids(lake) == list(range(120))
        age(lake)
        assert set(tiers_of(lake).values()) == {"STANDARD_IA"}
        assert ids(lake) == list(range(120))
        assert not untidy(lake)


def test_each_day_of_a_batch_that_is_damaged_is_named_and_all_others_move(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(BY_DAY, clock=Clock())
    fill(lake)
    age(lake)
    with lake.warehouse.snapshot() as tx:
        bad = parts.of_dataset(tx, "trips")[:5]
    with cooler(lake) as lake:
        assert isinstance(lake.storage, FolderStorage)
        for part in bad:
            lake.storage.path(part.location).write_bytes(b"nothing")
        with pytest.raises(MovesFailed) as failed:
            age(lake)
        assert len(failed.value.applied.failures) == 5
        left = [period for period, tier in tiers_of(lake).items() if tier == "STANDARD"]
        assert left == [str(part.period) for part in bad]


def test_a_batch_is_not_tried_day_by_day_where_the_store_is_gone(make_lake: MakeLake) -> None:
    lake = make_lake(BY_DAY, clock=Clock())
    fill(lake)
    age(lake)
    with cooler(lake) as lake:
        assert isinstance(lake.storage, FolderStorage)
        root, begun = lake.storage.root, []

        def watch(move: Move, step: Step) -> None:
            if step is Step.BEGIN:
                begun.append(move)
                root.rename(root.with_name("elsewhere"))

        with pytest.raises(MovesFailed):
            lake.apply(plan_of(lake), watch=Watch(step=watch))
        assert len(begun) == 1
        root.with_name("elsewhere").rename(root)
        age(lake)
        assert set(tiers_of(lake).values()) == {"STANDARD_IA"}
        assert ids(lake) == list(range(120))
        assert not untidy(lake)


def test_a_batch_leaves_out_the_days_whose_rows_were_deleted_meanwhile(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(BY_DAY, clock=Clock())
    fill(lake)

    def watch(move: Move, step: Step) -> None:
        if step is Step.BEGIN:
            run_sql(lake, "DELETE FROM trips WHERE pickup < '2018-03-03'")

    lake.apply(plan_of(lake), watch=Watch(step=watch))
    assert "2018-03-01" not in tiers_of(lake)
    assert len(tiers_of(lake)) == 58
    assert ids(lake) == list(range(4, 120))
    assert not untidy(lake)


def test_a_period_without_rows_moves_nothing(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake, rows=30)

    def watch(move: Move, step: Step) -> None:
        if step is Step.BEGIN:
            run_sql(lake, "DELETE FROM trips")

    (outcome,) = lake.apply(plan_of(lake), watch=Watch(step=watch)).done
    assert (outcome.rows, outcome.bytes) == (0, 0)
    assert tiers_of(lake) == {}
    assert list(lake.storage.list("STANDARD")) == []
    assert not untidy(lake)


def test_one_failure_does_not_stop_the_others_but_what_stands_on_it(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(datetime(2018, 12, 1))
    lake = make_lake(policy(STANDARD="6 months", STANDARD_IA="15 months"), clock=clock)
    fill(lake)
    age(lake)
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-09', 500)")
    clock.now = datetime(2019, 7, 1)
    plan = plan_of(lake)
    assert [(m.kind, m.span) for m in plan.moves] == [
        (Kind.APPEND, "2018-03"),
        (Kind.RETIER, "2018-03"),
        (Kind.RETIER, "2018-04"),
    ]
    publish = FolderStorage.publish

    def broken(self: FolderStorage, location: Location) -> object:
        if location.tier == "control":
            return publish(self, location)
        raise StorageError("this object cannot be written")

    monkeypatch.setattr(FolderStorage, "publish", broken)
    with pytest.raises(MovesFailed) as failed:
        lake.apply(plan)
    applied = failed.value.applied
    assert [str(error) for error in applied.failures.values()] == ["this object cannot be written"]
    assert [outcome.move.span for outcome in applied.done] == ["2018-04"]
    assert [move.span for move in applied.left] == ["2018-03"]
    assert not untidy(lake)
    monkeypatch.setattr(FolderStorage, "publish", publish)
    age(lake)
    assert tiers_of(lake) == {"2018-03": "STANDARD_IA", "2018-04": "STANDARD_IA"}
    assert ids(lake) == [*range(120), 500]
    assert not untidy(lake)


def test_limits_leave_moves_for_another_time(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months", expire="15 months"), clock=Clock())
    fill(lake, rows=200)
    plan = plan_of(lake)
    assert [move.kind for move in plan.moves] == [
        Kind.EXPIRE,
        Kind.EXPIRE,
        Kind.UNLOAD,
        Kind.UNLOAD,
    ]
    applied = lake.apply(plan, limits=Limits(max_moves=1))
    assert [outcome.move.kind for outcome in applied.done] == [Kind.UNLOAD]
    assert [move.kind for move in applied.left] == [Kind.EXPIRE, Kind.EXPIRE, Kind.UNLOAD]
    applied = lake.apply(plan_of(lake), limits=Limits(expire=True, max_bytes=0))
    assert not applied.done
    assert age(lake).done
    assert ids(lake) == list(range(122, 200))


def test_a_stop_leaves_the_moves_that_were_not_begun(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake)
    done: list[object] = []
    applied = lake.apply(plan_of(lake), watch=Watch(done=done.append, stop=lambda: len(done) == 1))
    assert len(applied.done) == len(applied.left) == 1
    assert not untidy(lake)


@pytest.mark.parametrize("kind", Kind)
def test_every_step_of_a_move_is_shown_before_it_is_taken(kind: Kind) -> None:
    order = steps(kind)
    assert order[0] is Step.INTENT
    assert order.index(Step.BEGIN) < order.index(Step.REGISTER)
    assert order.index(Step.RECORD) + 1 == order.index(Step.COMMIT)
    assert order.index(Step.REGISTER) < order.index(Step.COMMIT) < order.index(Step.PUBLISH)
    if Step.DELETE in order:
        assert order.index(Step.FENCE) < order.index(Step.DELETE)
    if Step.COPY in order:
        assert order.index(Step.COPY) < order.index(Step.VERIFY) < order.index(Step.REGISTER)


def test_what_is_done_is_what_the_steps_say(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake, rows=30)
    taken: list[Step] = []
    lake.apply(plan_of(lake), watch=Watch(step=lambda move, step: taken.append(step)))
    assert tuple(taken) == steps(Kind.UNLOAD)


def test_every_end_of_a_move_is_in_the_journal(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    fill(lake, rows=30)

    def fail(move: Move, step: Step) -> None:
        if step is Step.RECORD:
            raise StorageError("no")

    with pytest.raises(MovesFailed):
        lake.apply(plan_of(lake), watch=Watch(step=fail))
    age(lake)
    with lake.warehouse.snapshot() as tx:
        found = journal.entries(tx)
        assert journal.verify(tx).seq == len(found)
    assert [entry.event for entry in found] == ["begun", "abandoned", "begun", "done"]
    assert found[1].detail["reason"] == "StorageError: no"
    assert found[3].detail["rows"] == 30
    (listed,) = found[3].detail["objects"]
    (location,) = lake.storage.list("STANDARD")
    assert listed[0] == str(location)
    assert listed[2] == lake.storage.sha256(location)


# -- housekeeping


def metadata(lake: Lake) -> set[str]:
    return {item.key for item in lake.storage.list("iceberg")}


def test_old_metadata_goes_after_the_grace_and_what_is_not_ours_stays(
    make_lake: MakeLake,
) -> None:
    clock = Clock(datetime(2018, 9, 1))
    lake = make_lake(policy(STANDARD="6 months"), clock=clock)
    fill(lake, rows=400)
    assert isinstance(lake.storage, FolderStorage)
    for _ in range(5):
        clock.forward(timedelta(days=31))
        age(lake)
    folder = lake.storage.root / "iceberg" / "trips" / "metadata"
    for name in ("notes.txt", "statistics.puffin", "version-hint.text"):
        (folder / name).write_text("another engine's")
    before = metadata(lake)
    clock.forward(timedelta(minutes=59))
    age(lake)
    assert metadata(lake) == before
    clock.forward(timedelta(minutes=2))
    age(lake)
    left = metadata(lake)
    assert len(left) <= 3 + 2 + 1 + 7  # strangers, two metadata files, a list, the manifests
    assert {"trips/metadata/notes.txt", "trips/metadata/statistics.puffin"} <= left
    assert not waiting(lake)
    assert ids(lake) == list(range(400))


def test_metadata_of_a_table_that_is_not_the_pins_stays(make_lake: MakeLake) -> None:
    clock = Clock()
    lake = make_lake(policy(STANDARD="6 months"), clock=clock)
    fill(lake)
    age(lake)
    lake.config.file.parent.joinpath("catalog.db").unlink()
    before = metadata(lake)
    lake.close()
    with isotherm.open(lake.config.file, clock=clock) as lost:
        run_sql(lost, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-09', 500)")
        with pytest.raises(MovesFailed, match="the catalogue has lost the Iceberg table of trips"):
            age(lost)
        for _ in range(3):
            clock.forward(timedelta(hours=2))
            lost.apply(plan_of(lost, "none"))
        assert metadata(lost) == before
        assert ids(lost) == [*range(120), 500]


def test_an_object_that_lies_elsewhere_is_no_business_of_ours(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    clock = Clock()
    lake = make_lake(policy(STANDARD="6 months"), clock=clock)
    fill(lake)
    age(lake)
    strange = tmp_path / "objects" / "STANDARD" / "trips" / "2018-03" / "mine.parquet"
    strange.write_text("x")
    for _ in range(3):
        clock.forward(timedelta(hours=2))
        age(lake)
    assert strange.read_text() == "x"


def test_what_fails_for_one_reason_is_said_once(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    run_sql(lake, make_trips(), "ALTER TABLE trips ADD COLUMN tags VARCHAR[]")
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    said = str(failed.value)
    assert "13 of 13 moves failed" in said
    assert "unload trips 2018-01 hot -> STANDARD and 12 more: column tags" in said
    assert said.count("column tags") == 1
    assert '[datasets.trips.cast] tags = "VARCHAR"' in said
