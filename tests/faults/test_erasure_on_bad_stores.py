"""A store that is full, closed or damaged keeps nobody's rows in secret, and loses none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from test_erasure import ARCHIVE, NOW, TABLE, THREE, WARM, finish, left_of
from test_objects import delete, flip_a_bit, no_space, part_of, path_of, read_only, truncate

from ageing import Clock, age, ids, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, StorageError
from isotherm.storage.folder import FolderStorage
from turns import in_turn

PLACES = {"warm": WARM, "archive": ARCHIVE}
TWO_MONTHS = TABLE.replace("range(200)", "range(80)")
EVERY = list(range(80))
OTHERS = [id_ for id_ in EVERY if id_ % 10 != 3]
HOT = "INSERT INTO trips VALUES (TIMESTAMP '2019-06-03', 80, 3, 'r3@x.org')"


def make(make_lake: MakeLake, config: str) -> Lake:
    """Make a lake of cold months, and write down that somebody is to be forgotten."""
    lake = make_lake(config, clock=Clock(NOW))
    run_sql(lake, TWO_MONTHS)
    lake.erasing.new_key()
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    return lake


def check_at_last(lake: Lake) -> None:
    """Go on to the certificate, and look whether it tells the truth."""
    erased = finish(lake)
    assert ids(lake) == OTHERS
    assert left_of(lake) == 0
    assert not untidy(lake)
    said = json.loads(erased.request.certificate or "")
    assert sum(item["rows"] for item in said["removed"]) == 8
    assert lake.audit(share=1.0).findings == ()


def full(location: object) -> str:
    return "/dev/full"


# -- a store that takes nothing more


@pytest.mark.parametrize(
    ("failure", "says"), [(no_space, "[Nn]o space left"), (read_only, "Read-only file system")]
)
@pytest.mark.parametrize("place", PLACES)
def test_a_store_that_takes_nothing_more_forgets_nobody_by_half(
    make_lake: MakeLake,
    place: str,
    failure: Callable[..., None],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = make(make_lake, PLACES[place])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failure)
        with pytest.raises(MovesFailed, match=says) as failed:
            lake.erasing.run("DSR")
        assert not failed.value.applied.done
        assert "run the same command again" in failed.value.hint
        assert ids(lake) == EVERY
        assert not lake.erasing.request("DSR").forgotten_at
    check_at_last(lake)


def test_a_disk_that_is_full_for_the_engine_is_said_and_nothing_is_changed(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, WARM)
    with monkeypatch.context() as patch:
        patch.setattr(lake.storage, "stage", full)
        with pytest.raises(MovesFailed, match="No space left") as failed:
            lake.erasing.run("DSR")
        assert not failed.value.applied.done
    assert ids(lake) == EVERY
    check_at_last(lake)


def test_what_is_in_the_warehouse_goes_although_the_store_takes_nothing(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, WARM)
    run_sql(lake, HOT)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(MovesFailed) as failed:
            lake.erasing.run("DSR")
    assert [str(outcome.move) for outcome in failed.value.applied.done] == [
        "erase trips in the warehouse"
    ]
    assert ids(lake) == EVERY
    finish(lake)
    assert ids(lake) == OTHERS


def test_old_objects_that_cannot_be_removed_keep_the_certificate_back(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, WARM)
    old = path_of(lake, "2018-03")
    lake.erasing.run("DSR")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", read_only)
        with pytest.raises(AssertionError, match="cannot be removed"):
            finish(lake)
    assert old.exists()
    check_at_last(lake)
    assert not old.exists()


# -- damaged objects


def exchange(path: Path, other: Path) -> None:
    between = path.with_name("between")
    path.rename(between)
    other.rename(path)
    between.rename(other)


def write_other_rows(path: Path, other: Path) -> None:
    """Write as many rows of the same people, which are not those that were there."""
    with duckdb.connect() as engine:
        ids_ = engine.execute(
            "SELECT name, field_id FROM parquet_schema(?) WHERE field_id IS NOT NULL", [str(path)]
        )
        known = ", ".join(f"{name}: {number}" for name, number in ids_.fetchall())
        engine.execute(f"CREATE TABLE t AS SELECT * REPLACE (id + 5000 AS id) FROM '{path}'")
        engine.execute(f"COPY t TO '{path}' (FORMAT parquet, FIELD_IDS {{{known}}})")


DAMAGES = [delete, truncate, flip_a_bit, exchange, write_other_rows]


@pytest.mark.parametrize("damage", in_turn(DAMAGES, 2))
@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_forgotten_by_way_of_a_damaged_object(
    make_lake: MakeLake, place: str, damage: Callable[[Path, Path], None]
) -> None:
    lake = make(make_lake, PLACES[place])
    paths = [path_of(lake, "2018-03"), path_of(lake, "2018-04")]
    kept = [path.read_bytes() for path in paths]
    bad = part_of(lake, "2018-03")
    damage(paths[0], paths[1])
    with pytest.raises((StorageError, MovesFailed)) as raised:
        lake.erasing.run("DSR")
    assert bad.location.key in str(raised.value)
    assert "backup" in raised.value.hint
    assert part_of(lake, "2018-03") == bad
    assert not lake.erasing.request("DSR").forgotten_at
    assert isinstance(lake.storage, FolderStorage)
    for path, content in zip(paths, kept, strict=True):
        path.write_bytes(content)
    check_at_last(lake)


def test_the_search_alone_names_an_object_that_it_cannot_read(make_lake: MakeLake) -> None:
    lake = make(make_lake, WARM)
    for damage in (truncate, delete):
        damage(path_of(lake, "2018-03"), path_of(lake, "2018-04"))
        with pytest.raises(StorageError, match="backup") as raised:
            lake.erasing.find("trips", [THREE])
        assert str(part_of(lake, "2018-03").location) in raised.value.message
