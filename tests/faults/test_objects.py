"""An object that is missing or damaged is named by whoever needs it, and nothing is changed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, set_config, tiers_of, untidy, waiting
from conftest import MakeLake, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, StorageError, VerifyError
from isotherm.model.part import Part
from isotherm.model.period import Duration, Period
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Plan
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage
from turns import in_turn

WARM = policy(STANDARD="6 months")
COLDER = policy(STANDARD="6 months", STANDARD_IA="7 months")
ARCHIVE = policy(GLACIER="6 months")
DEEPER = policy(GLACIER="6 months", DEEP_ARCHIVE="7 months")
CHANGES = {
    "retier": (WARM, COLDER),
    "retier within the archive": (ARCHIVE, DEEPER),
    "retier out of the archive": (ARCHIVE, WARM),
    "restore": (ARCHIVE, ARCHIVE),
    "reload": (WARM, policy()),
    "reload out of the archive": (ARCHIVE, policy()),
}


def part_of(lake: Lake, period: str) -> Part:
    with lake.warehouse.snapshot() as tx:
        (part,) = parts.of_periods(tx, "trips", [Period.parse(period)])
    return part


def path_of(lake: Lake, period: str) -> Path:
    assert isinstance(lake.storage, FolderStorage)
    return lake.storage.path(part_of(lake, period).location)


def make_plan(lake: Lake, change: str) -> Plan:
    """Plan what is due, or the restore that somebody asks for."""
    if change != "restore":
        return plan_of(lake)
    periods = [Period.parse("2018-03"), Period.parse("2018-04")]
    return lake.restore_plan("trips", periods, Duration.parse("7 days"))


def delete(path: Path, other: Path) -> None:
    path.unlink()


def truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def make_cold(make_lake: MakeLake, config: str) -> Lake:
    """Make a lake of two cold months."""
    lake = make_lake(config, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 12) HOUR AS pickup, "
        "i AS id FROM range(120) t(i)",
    )
    age(lake)
    return lake


def reopened(lake: Lake, config: str) -> Lake:
    set_config(lake, config)
    lake.close()
    return isotherm.open(lake.config.file, clock=lake.clock)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("damage", in_turn([delete, truncate, flip_a_bit, swap], 4))
def test_a_move_names_the_object_that_it_cannot_read_and_moves_the_others(
    make_lake: MakeLake, change: str, damage: Callable[[Path, Path], None]
) -> None:
    before, after = CHANGES[change]
    lake = make_cold(make_lake, before)
    bad = part_of(lake, "2018-03")
    kept = path_of(lake, "2018-03").read_bytes()
    damage(path_of(lake, "2018-03"), path_of(lake, "2018-04"))
    with reopened(lake, after) as lake:
        with pytest.raises(MovesFailed) as failed:
            lake.apply(make_plan(lake, change))
        (error,) = failed.value.applied.failures.values()
        assert isinstance(error, (StorageError, VerifyError))
        assert str(bad.location) in error.message
        assert "backup" in error.hint
        assert part_of(lake, "2018-03") == bad
        assert len(failed.value.applied.done) >= 1

        lake.storage.path(bad.location).write_bytes(kept)  # type: ignore[attr-defined]
        assert not untidy(lake)
        lake.apply(make_plan(lake, change))
        assert ids(lake) == list(range(120))
        tiers = set(tiers_of(lake).values())
        assert len(tiers) == 1
        assert not untidy(lake)


@pytest.mark.parametrize("damage", [delete, truncate])
def test_a_query_names_the_object_that_it_cannot_read(
    make_lake: MakeLake, damage: Callable[[Path, Path], None]
) -> None:
    lake = make_cold(make_lake, WARM)
    damage(path_of(lake, "2018-03"), path_of(lake, "2018-04"))
    with pytest.raises(StorageError, match=str(part_of(lake, "2018-03").location)):
        lake.sql("select sum(id) from trips").fetchall()
    april = lake.sql("select count(*) from trips where pickup >= '2018-04-01'")
    assert april.fetchall() == [(58,)]


def test_an_end_of_a_restore_does_not_need_the_readable_copy(make_lake: MakeLake) -> None:
    lake = make_cold(make_lake, ARCHIVE)
    clock = lake.clock
    assert isinstance(clock, Clock)
    march = [Period.parse("2018-03")]
    lake.apply(lake.restore_plan("trips", march, Duration.parse("7 days")))
    copy = part_of(lake, "2018-03").restored
    assert copy
    lake.storage.remove(copy)
    clock.forward(timedelta(days=8))
    age(lake)
    assert part_of(lake, "2018-03").restored is None
    assert ids(lake) == list(range(120))


# -- a store that takes nothing more


def no_space(*args: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only(*args: object, **named: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize(
    ("failure", "says"), [(no_space, "[Nn]o space left"), (read_only, "Read-only file system")]
)
@pytest.mark.parametrize("change", in_turn(["unload", *CHANGES], 4))
def test_a_store_that_takes_nothing_more_loses_nothing(
    make_lake: MakeLake,
    change: str,
    failure: Callable[..., None],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = CHANGES.get(change, (WARM, WARM))
    lake = make_cold(make_lake, before)
    if change == "unload":
        run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-05', 500)")
    every = ids(lake)
    with reopened(lake, after) as lake:
        plan = make_plan(lake, change)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failure)
            with pytest.raises(MovesFailed, match=says) as failed:
                lake.apply(plan)
            assert not failed.value.applied.done
            assert ids(lake) == every
        lake.apply(make_plan(lake, change))
        assert ids(lake) == every
        assert not untidy(lake)


def test_objects_that_cannot_be_removed_now_are_removed_later(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_cold(make_lake, WARM)
    old = [path_of(lake, "2018-03"), path_of(lake, "2018-04")]
    with reopened(lake, COLDER) as lake:
        age(lake)
        clock = lake.clock
        assert isinstance(clock, Clock)
        clock.forward(timedelta(hours=2))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", read_only)
            applied = age(lake)
        assert {type(error) for error in applied.untidy} == {StorageError}
        assert "cannot be removed" in applied.untidy[0].message
        assert all(path.exists() for path in old)
        assert not age(lake).untidy
        assert not any(path.exists() for path in old)
        assert not waiting(lake)


def test_replaced_objects_stay_for_the_grace(make_lake: MakeLake) -> None:
    lake = make_cold(make_lake, WARM)
    old = path_of(lake, "2018-03")
    with reopened(lake, COLDER) as lake:
        clock = lake.clock
        assert isinstance(clock, Clock)
        age(lake)
        clock.forward(timedelta(minutes=59))
        age(lake)
        assert old.exists()
        clock.forward(timedelta(minutes=2))
        age(lake)
        assert not old.exists()


def test_the_grace_begins_when_the_commit_is_seen_however_long_the_mover_stood_before_it(
    make_lake: MakeLake,
) -> None:
    lake = make_cold(make_lake, WARM)
    old = path_of(lake, "2018-03")
    with reopened(lake, COLDER) as lake:
        clock = lake.clock
        assert isinstance(clock, Clock)

        def stand(move: object, step: Step) -> None:
            if step is Step.COMMIT:
                clock.forward(timedelta(hours=5))

        reading = lake.sql("select id from trips order by id")
        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=stand))
        assert old.exists()
        assert [row[0] for row in reading.fetchall()] == list(range(120))
        clock.forward(timedelta(hours=2))
        age(lake)
        assert not old.exists()
