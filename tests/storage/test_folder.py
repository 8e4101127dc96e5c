"""A store of folders: mounts that are away, full or read-only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, set_config, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, StorageError
from isotherm.model.part import Location
from isotherm.opening import init_lake
from isotherm.storage.folder import FolderStorage
from mounts import Mount

ARCHIVED = policy(GLACIER="6 months")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


def tape(config: str, folder: Path) -> str:
    return f'[storage.tiers]\nGLACIER = "{folder}"\n{config}'


def fill(lake: Lake, rows: int = 120) -> None:
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i % 1440) HOUR AS pickup, "
        f"i AS id, hash(i) AS noise FROM range({rows}) t(i)",
    )


def test_each_tier_lies_in_the_folder_that_the_config_says(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tape(ARCHIVED, tmp_path / "tape"), clock=Clock())
    fill(lake)
    age(lake)
    assert len(list((tmp_path / "tape" / "trips").rglob("*.parquet"))) == 1
    assert not (tmp_path / "objects" / "GLACIER").exists()
    assert ids(lake) == list(range(120))


def test_a_folder_that_is_not_mounted_is_not_taken_for_an_empty_one(
    make_lake: MakeLake, mount: Mount, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    folder = mount("tape", source=disk)
    lake = make_lake(tape(ARCHIVED, folder), clock=Clock())
    fill(lake)
    age(lake)
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-06-01', 500, 0)")
    unmount(folder)
    with pytest.raises(StorageError, match=f"folder {folder} is not there"):
        age(lake)
    assert tiers_of(lake)["2018-06"] == "hot"
    lake.close()
    with pytest.raises(StorageError, match="objects of GLACIER should be in it"):
        init_lake(lake.config.file, "")
    assert list(folder.iterdir()) == []

    mount("tape", source=disk)
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        age(again)
        assert ids(again) == [*range(120), 500]
        assert not untidy(again)


def test_a_mount_that_goes_away_in_the_middle_takes_no_object(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(tape(ARCHIVED, tmp_path / "tape"), clock=Clock())
    assert isinstance(lake.storage, FolderStorage)
    (tmp_path / "tape").rename(tmp_path / "away")
    (tmp_path / "tape").mkdir()
    location = Location("GLACIER", "trips/2018-03/1-0.parquet")
    for act in (lake.storage.stage, lake.storage.remove, lake.storage.size):
        with pytest.raises(StorageError, match="is not there"):
            act(location)
    assert list((tmp_path / "tape").iterdir()) == []


def test_a_tier_that_is_given_a_new_folder_has_to_be_set_up(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(ARCHIVED, clock=Clock())
    fill(lake)
    set_config(lake, tape(ARCHIVED, tmp_path / "tape"))
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as moved:
        with pytest.raises(StorageError, match="tape is not there") as error:
            age(moved)
        assert "isotherm init" in error.value.hint
    init_lake(lake.config.file, "")
    with isotherm.open(lake.config.file, clock=Clock()) as moved:
        age(moved)
        assert len(list((tmp_path / "tape" / "trips").rglob("*.parquet"))) == 1


def test_two_lakes_do_not_share_a_store(make_lake: MakeLake, tmp_path: Path) -> None:
    make_lake(ARCHIVED, folder="one")
    shared = f'[storage]\nurl = "file:{tmp_path}/one/objects"\n{ARCHIVED}'
    with pytest.raises(StorageError, match="belongs to another lake"):
        make_lake(shared, folder="two")


def test_two_lakes_do_not_share_a_table_of_the_catalogue(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    first = make_lake(policy(STANDARD="6 months"), folder="one", clock=Clock())
    fill(first)
    age(first)
    head = first.catalog.head("trips")
    shared = f'[catalog]\nurl = "sqlite:{tmp_path}/one/catalog.db"\n{policy(STANDARD="6 months")}'
    second = make_lake(shared, folder="two", clock=Clock())
    fill(second)
    with pytest.raises(MovesFailed, match="belongs to another lake"):
        age(second)
    assert ids(second) == list(range(120))
    assert set(tiers_of(second).values()) == {"hot"}
    assert first.catalog.head("trips") == head
    assert ids(first) == list(range(120))


# -- a store, a warehouse or a catalogue on a file system that is full


def leave(folder: Path, room: int) -> Path:
    """Fill a file system but for some bytes."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        filler.write(b"0" * max(0, free - room))
    return file


@pytest.mark.parametrize("room", [0, 40_000])
def test_a_full_store_is_named_and_nothing_is_lost(
    make_lake: MakeLake, mount: Mount, room: int
) -> None:
    folder = mount("tape", "2m")
    lake = make_lake(tape(ARCHIVED, folder), clock=Clock())
    fill(lake, 20_000)
    filler = leave(folder, room)
    with pytest.raises(MovesFailed, match=r"(?i)no space left"):
        age(lake)
    assert set(tiers_of(lake).values()) == {"hot"}
    assert ids(lake) == list(range(20_000))
    assert not untidy(lake)
    filler.unlink()
    age(lake)
    assert set(tiers_of(lake).values()) == {"GLACIER"}
    assert ids(lake) == list(range(20_000))
    assert not untidy(lake)


@pytest.mark.parametrize("room", [0, 20_000])
def test_a_full_folder_of_metadata_loses_nothing(
    make_lake: MakeLake, mount: Mount, room: int
) -> None:
    folder = mount("metadata", "1m")
    config = f'[storage]\nurl = "file:{folder}"\n{policy(STANDARD="6 months")}'
    lake = make_lake(config, clock=Clock())
    fill(lake)
    filler = leave(folder, room)
    with pytest.raises(MovesFailed):
        age(lake)
    assert ids(lake) == list(range(120))
    filler.unlink()
    age(lake)
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


@pytest.mark.parametrize("what", ["warehouse", "catalog"])
def test_a_full_disk_under_the_warehouse_or_the_catalogue_loses_nothing(
    make_lake: MakeLake, mount: Mount, what: str
) -> None:
    folder = mount("small", "16m")
    scheme, name = ("duckdb", "w.duckdb") if what == "warehouse" else ("sqlite", "c.db")
    config = f'[{what}]\nurl = "{scheme}:{folder}/{name}"\n{policy(STANDARD="6 months")}'
    lake = make_lake(config, clock=Clock())
    fill(lake, 20_000)
    filler = leave(folder, 0)
    with pytest.raises(isotherm.IsothermError):
        age(lake)
    filler.unlink()
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        assert ids(again) == list(range(20_000))
        age(again)
        assert set(tiers_of(again).values()) == {"STANDARD"}
        assert ids(again) == list(range(20_000))
        assert not untidy(again)


def test_a_read_only_store_is_named_and_nothing_is_lost(make_lake: MakeLake, mount: Mount) -> None:
    folder = mount("tape")
    lake = make_lake(tape(ARCHIVED, folder), clock=Clock())
    fill(lake)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(MovesFailed, match="Read-only file system"):
        age(lake)
    assert ids(lake) == list(range(120))
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    age(lake)
    assert ids(lake) == list(range(120))
    assert not untidy(lake)


def test_a_plan_of_an_unmounted_lake_is_still_shown(make_lake: MakeLake, tmp_path: Path) -> None:
    lake = make_lake(tape(ARCHIVED, tmp_path / "tape"), clock=Clock())
    fill(lake)
    (tmp_path / "tape").rename(tmp_path / "away")
    assert len(plan_of(lake).moves) == 1


@pytest.mark.parametrize("name", ["my lake", "lake%20x", "é漢", "a[1]", "a*", "it's", "id=5"])
def test_a_lake_may_lie_in_a_folder_of_almost_any_name(make_lake: MakeLake, name: str) -> None:
    lake = make_lake(policy(STANDARD="6 months", GLACIER="15 months"), folder=name, clock=Clock())
    fill(lake)
    age(lake)
    assert ids(lake) == list(range(120))
    assert not untidy(lake)
    assert not run_sql(lake, "FROM trips")


@pytest.mark.parametrize("name", ["lake#1", "lake?"])
def test_a_folder_whose_name_no_url_can_hold_is_refused(make_lake: MakeLake, name: str) -> None:
    with pytest.raises(StorageError, match="in its path"):
        make_lake(ARCHIVED, folder=name)
