"""What the store knows and the warehouse does not, or otherwise: a rebuild tells them apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, untidy
from conftest import MakeLake, run_sql
from isotherm.backup import copies
from isotherm.backup.copies import Copy
from isotherm.control import datasets
from isotherm.holding import Holding
from isotherm.lake import Lake
from isotherm.model.errors import RequestError
from isotherm.model.part import Location
from isotherm.model.period import Period
from isotherm.model.person import DataSubject
from isotherm.moves import recovery
from isotherm.opening import rebuild_lake
from isotherm.storage.folder import FolderStorage
from riders import TABLE as TABLE_OF_RIDERS
from riders import THREE, about_riders, finish

CONFIG = policy(STANDARD="6 months").replace(
    'clock = "pickup"', 'clock = "pickup"\nsubject = ["id"]'
)
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 40) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
EVERY = list(range(200))


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    made = make_lake(CONFIG, clock=Clock())
    run_sql(made, TABLE)
    return made


@pytest.fixture
def forgetful(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose store has an old copy, and the manifests of the moves since."""
    monkeypatch.setattr(Holding, "_keep", lambda self: None)
    return lake


def lose(lake: Lake, *statements: str) -> Path:
    """Drop control after some statements, close the lake, and return its config."""
    run_sql(lake, *statements, "DROP SCHEMA isotherm CASCADE")
    lake.close()
    return lake.config.file


def go_back(lake: Lake, file: Path) -> Lake:
    """Bring back the warehouse as it was, and open it."""
    lake.close()
    shutil.copy(file, lake.config.folder / "warehouse.duckdb")
    return isotherm.open(lake.config.file, clock=Clock())


def saved(lake: Lake) -> Path:
    """Save the warehouse as it is."""
    run_sql(lake, "CHECKPOINT")
    file = lake.config.folder / "before.duckdb"
    shutil.copy(lake.config.folder / "warehouse.duckdb", file)
    return file


def test_every_move_since_the_copy_is_made_again_in_control(forgetful: Lake) -> None:
    age(forgetful)
    entries = forgetful.journal()
    file = lose(forgetful, "INSERT INTO trips VALUES (TIMESTAMP '2018-05-05', 500)")
    rebuilt = rebuild_lake(file, clock=Clock())
    assert len(rebuilt.made) >= 9
    assert rebuilt.undone == ()
    with isotherm.open(file, clock=Clock()) as found, found.warehouse.snapshot() as tx:
        assert datasets.remembered(tx, "trips")
    with isotherm.open(file, clock=Clock()) as found:
        assert ids(found) == [*EVERY, 500]
        assert found.journal()[: len(entries)] == entries
        found.verify_journal()
        age(found)
        assert untidy(found) == []


def test_what_was_asked_since_the_copy_stands_by_the_next_move(forgetful: Lake) -> None:
    age(forgetful, "2018-03")
    forgetful.hold("CASE-1", "trips", [Period.parse("2018-05")], reason="x")
    forgetful.hold("CASE-2", "trips", subjects=[DataSubject.parse("id=5")], reason="y")
    forgetful.release("CASE-2")
    forgetful.erasing.new_key()
    forgetful.erasing.ask("trips", [DataSubject.parse("id=9")], "DSR-1")
    before = forgetful.holds(), forgetful.erasing.requests()
    age(forgetful, "2018-04")
    file = lose(forgetful)
    rebuild_lake(file, clock=Clock())
    with isotherm.open(file, clock=Clock()) as found:
        assert (found.holds(), found.erasing.requests()) == before
        assert len(found.holds()) == 1


@pytest.mark.parametrize("change", ["UPDATE trips SET id = 1000 WHERE id = 20", ""])
def test_a_move_that_was_not_committed_is_undone_though_a_row_has_changed(
    forgetful: Lake, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved(forgetful)
    with monkeypatch.context() as patch:  # as if it was killed right before its commit
        patch.setattr(recovery, "publish", lambda *_: None)
        age(forgetful, "2018-04")
    back = go_back(forgetful, before)
    file = lose(back, change or "SELECT 1")
    rebuilt = rebuild_lake(file, clock=Clock())
    assert (rebuilt.made, len(rebuilt.undone)) == ((), 1)
    with isotherm.open(file, clock=Clock()) as found:
        assert len(ids(found)) == 200
        age(found)
        assert len(ids(found)) == 200
        assert untidy(found) == []


def test_an_erasure_of_hot_rows_that_was_not_committed_is_made_again_and_counted_once(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(about_riders(STANDARD="60 months"), clock=Clock())
    run_sql(lake, *TABLE_OF_RIDERS)
    lake.erasing.new_key()
    lake.erasing.ask("trips", [THREE], "DSR")
    before = saved(lake)
    with monkeypatch.context() as patch:  # as if it was killed right before its commit
        patch.setattr(Holding, "_keep", lambda self: None)
        patch.setattr(copies, "keep", lambda *_: None)
        lake.erasing.run("DSR")
    file = lose(go_back(lake, before))
    rebuilt = rebuild_lake(file, clock=Clock())
    assert (rebuilt.made, len(rebuilt.undone)) == ((), 1)
    with isotherm.open(file, clock=Clock()) as found:
        finish(found)
        removed = found.erasing.certificate("DSR")["removed"]
        assert sum(item["rows"] for item in removed) == 71
        assert found.sql("select count(*) from trips where rider_id = 3").fetchall() == [(0,)]


def test_a_dataset_that_is_not_in_the_config_any_more_is_asked_for(
    forgetful: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # so that Iceberg cannot say whether it was committed
        patch.setattr(recovery, "publish", lambda *_: None)
        age(forgetful, "2018-04")
    file = lose(forgetful)
    text = file.read_text()
    file.write_text(text.replace("datasets.trips", "datasets.others"))
    with pytest.raises(RequestError, match="no dataset trips"):
        rebuild_lake(file, clock=Clock())
    file.write_text(text)
    rebuild_lake(file, clock=Clock())
    with isotherm.open(file, clock=Clock()) as found:
        assert ids(found) == EVERY


def test_copies_of_two_histories_are_kept_and_somebody_has_to_choose(lake: Lake) -> None:
    before = saved(lake)
    lake.hold("CASE-1", "trips", reason="in the history that was given up")
    lake.hold("CASE-2", "trips", reason="so was this")
    back = go_back(lake, before)
    back.hold("CASE-3", "trips", reason="in the other one")
    first, second = copies.every(back.storage)
    (ahead,) = (finding.what for finding in back.audit().findings)
    assert ahead == "is a copy of control with 2 journal rows: here are 1"
    back.hold("CASE-4", "trips", reason="as long as the first now")
    assert any("another history" in finding.what for finding in back.audit().findings)
    file = lose(back)
    with pytest.raises(RequestError, match="two histories"):
        rebuild_lake(file, clock=Clock())
    newest, other = copies.every(back.storage)
    assert first in (newest, other)
    mine = next(copy for copy in (newest, other) if copy != first)
    assert mine != second
    rebuild_lake(file, str(mine.location), clock=Clock())
    with isotherm.open(file, clock=Clock()) as found:
        assert {hold.case for hold in found.holds()} == {"CASE-3", "CASE-4"}


def test_a_backup_that_is_older_than_what_iceberg_knows_is_refused(lake: Lake) -> None:
    age(lake, "2018-04")
    backup = lake.backup(lake.config.folder / "old.parquet")
    age(lake)
    for item in list(lake.storage.list(copies.PLACE)):
        lake.storage.remove(item)
    file = lose(lake)
    with pytest.raises(RequestError, match="came after what control would be rebuilt from"):
        rebuild_lake(file, backup, clock=Clock())


def test_a_copy_comes_after_those_that_are_there_whatever_the_machines_clock_says(
    lake: Lake,
) -> None:
    lake.pause("trips")
    storage = lake.storage
    assert isinstance(storage, FolderStorage)
    (copy,) = copies.every(storage)
    later = Copy(copy.rows, copy.made_at + 10**18, copy.hash)
    storage.path(copy.location).rename(storage.path(later.location))
    lake.resume("trips")
    assert copies.every(storage)[0] > later
    file = lose(lake)
    rebuild_lake(file, clock=Clock())
    with isotherm.open(file, clock=Clock()) as found:
        assert plan_of(found).moves


def test_an_audit_says_when_the_copy_is_missing_or_behind(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy,) = copies.every(lake.storage)
    lake.storage.remove(copy.location)
    (found,) = lake.audit().findings
    assert (found.where, found.what) == ("the store's copy of control", "is missing")
    age(lake, "2018-04")
    assert lake.audit().findings == ()
    with monkeypatch.context() as patch:
        patch.setattr(Holding, "_keep", lambda self: None)
        lake.hold("CASE-1", "trips", reason="not told to the store")
    (found,) = lake.audit().findings
    assert found.what == "is 1 journal rows behind"


def test_moves_beside_a_longer_history_tell_the_store_all_of_their_own(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved(lake)
    for number in range(9):
        lake.hold(f"CASE-{number}", "trips", reason="in the history that was given up")
    back = go_back(lake, before)
    back.hold("CASE-10", "trips", reason="in the other one")
    (mine,) = (copy for copy in copies.every(back.storage) if copy.rows < 9)
    monkeypatch.setattr(Holding, "_keep", lambda self: None)
    back.release("CASE-10")
    age(back)
    file = lose(back)
    rebuilt = rebuild_lake(file, str(mine.location), clock=Clock())
    assert (len(rebuilt.made) > 8, rebuilt.undone) == (True, ())
    with isotherm.open(file, clock=Clock()) as found:
        found.verify_journal()
        assert ids(found) == EVERY


def test_what_others_have_put_beside_the_copies_is_none_and_stays(lake: Lake) -> None:
    (before,) = copies.every(lake.storage)
    strangers = [Location(copies.PLACE, f"copies/{name}") for name in (".DS_Store", "1-2.parquet")]
    for place in strangers:
        copies.put(lake.storage, place, b"theirs")
    lake.pause("trips")
    (after,) = copies.every(lake.storage)
    assert after > before
    assert set(strangers) <= set(lake.storage.list(copies.PLACE))


def test_rows_in_quarantine_of_another_copy_do_not_come_back(lake: Lake) -> None:
    stray = Location(copies.PLACE, f"{copies.QUARANTINE}/{1:020d}-1.parquet")
    staged = Path(lake.storage.stage(stray))
    run_sql(
        lake,
        'COPY (SELECT \'quarantine\' AS name, \'{"dataset": "trips", "file": "f", "line": 1, '
        '"reason": "r", "quarantined_at": "2019-01-01 00:00:00"}\' AS content) '
        f"TO '{staged}' (FORMAT parquet)",
    )
    lake.storage.publish(stray)
    file = lose(lake)
    rebuild_lake(file, clock=Clock())
    with isotherm.open(file, clock=Clock()) as found, found.warehouse.snapshot() as tx:
        assert tx.execute("SELECT count(*) FROM isotherm.quarantine") == [(0,)]
