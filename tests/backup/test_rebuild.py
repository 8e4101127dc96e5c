"""Control that was lost is made anew, from the store or from a backup, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import SOME_MONTHS, Clock, age, ids, policy, untidy
from command_line import CommandLine
from conftest import MakeLake, lake_at, run_sql
from isotherm.backup import copies
from isotherm.lake import Lake
from isotherm.load.options import OnError, ReadOptions
from isotherm.model.errors import ConfigError, RequestError, StorageError
from isotherm.model.part import Location
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.opening import init_lake, rebuild_lake
from turns import places_in_turn

CONFIG = policy(STANDARD="6 months", GLACIER="15 months").replace(
    'clock = "pickup"', 'clock = "pickup"\nsubject = ["id"]'
)
TABLE = f"CREATE TABLE trips AS SELECT {SOME_MONTHS}, i::INTEGER AS id FROM range(200) t(i)"
BROKEN = "pickup,id\n2019-05-01,7\nno date,8\n"
CONTROL = [
    *("settings", "datasets", "parts", "pins", "requests", "removals", "loads", "loaded_periods"),
    *("quarantine", "tags", "holds", "erasures", "forgotten"),
]
"""The tables that come back row for row; intents and the journal go on.

What an object's rows were hashed to is in no copy.
"""


@pytest.fixture(
    params=places_in_turn(["duckdb", "postgres", "duckdb on moto", "postgres on rgw"], 4)
)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return rich(lake_at(request, request.param, CONFIG, clock=Clock()), tmp_path)


@pytest.fixture
def lake(make_lake: MakeLake, tmp_path: Path) -> Lake:
    return rich(make_lake(CONFIG, clock=Clock()), tmp_path)


def rich(lake: Lake, folder: Path) -> Lake:
    """Give a lake something of everything that control knows."""
    run_sql(lake, TABLE)
    age(lake)
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7 days")))
    broken = folder / 'broken "ü.csv'
    broken.write_text(BROKEN, encoding="utf-8")
    lake.load("trips", [broken], ReadOptions(on_error=OnError.QUARANTINE))
    lake.hold("CASE-1", "trips", [Period.parse("2018-05")], reason="a court\nwants it")
    lake.hold("CASE-2", "trips", subjects=[DataSubject.parse("id=5")], reason="another's")
    lake.erasing.new_key()
    lake.erasing.ask("trips", [DataSubject.parse("id=9")], "DSR-1")
    lake.erasing.run("DSR-1")
    lake.pause("trips")
    return lake


_TOLD = "SELECT COLUMNS(c -> c <> 'hashed')"


def control(lake: Lake) -> dict[str, list[str]]:
    """Return every row of control, as text."""
    with lake.warehouse.snapshot() as tx:
        return {
            name: sorted(str(row) for row in tx.execute(f"{_TOLD} FROM isotherm.{name}"))
            for name in CONTROL
        }


def lose(lake: Lake) -> Path:
    """Drop control, close the lake, and return its config."""
    run_sql(lake, "DROP SCHEMA isotherm CASCADE")
    lake.close()
    return lake.config.file


def again(file: Path) -> Lake:
    return isotherm.open(file, clock=Clock())


def files_in(lake: Lake) -> list[Location]:
    return sorted(lake.storage.list(copies.PLACE))


def test_lost_control_comes_back_row_for_row_and_the_story_goes_on(anywhere: Lake) -> None:
    before, rows, entries = control(anywhere), ids(anywhere), anywhere.journal()
    file = lose(anywhere)
    rebuilt = rebuild_lake(file, clock=Clock())
    assert (rebuilt.made, rebuilt.undone, rebuilt.saved) == ((), (), None)
    with again(file) as lake:
        assert control(lake) == before
        assert lake.journal()[: len(entries)] == entries
        assert lake.journal()[-1].event == "rebuilt"
        lake.verify_journal()
        assert lake.audit(share=1.0).findings == ()
        assert ids(lake) == rows
        lake.resume("trips")
        lake.release("CASE-2")
        clock = lake.clock
        assert isinstance(clock, Clock)
        clock.forward(timedelta(hours=2))
        assert lake.erasing.run("DSR-1").request.proven_at
        age(lake)
        assert untidy(lake) == []


def test_a_lost_catalogue_is_registered_again(lake: Lake) -> None:
    rows, file = ids(lake), lose(lake)
    (file.parent / "catalog.db").unlink()
    rebuild_lake(file, clock=Clock())
    with again(file) as found:
        assert found.audit().findings == ()
        assert ids(found) == rows


def test_a_catalogue_that_is_behind_the_pin_is_registered_again(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(lake, TABLE)
    age(lake, "2018-06")
    shutil.copy(tmp_path / "catalog.db", tmp_path / "old.db")
    age(lake)
    rows, file = ids(lake), lose(lake)
    shutil.move(tmp_path / "old.db", tmp_path / "catalog.db")
    rebuild_lake(file, clock=Clock())
    with again(file) as found:
        age(found)
        assert untidy(found) == []
        assert ids(found) == rows


def test_a_warehouse_that_is_lost_comes_back_without_its_hot_rows(lake: Lake) -> None:
    cold = {part.id for part in lake.inventory("trips").parts}
    lake.close()
    file = lake.config.file
    for gone in file.parent.glob("warehouse.duckdb*"):
        gone.unlink()
    with pytest.raises(ConfigError, match="was not set up") as error:
        again(file)
    assert "isotherm rebuild" in str(error.value.hint)
    rebuild_lake(file, clock=Clock())
    with again(file) as found:
        run_sql(found, "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER)")
        assert {part.id for part in found.inventory("trips").parts} == cold


def test_after_a_new_init_by_mistake_control_is_rebuilt_all_the_same(lake: Lake) -> None:
    rows, file = ids(lake), lose(lake)
    with pytest.raises(StorageError, match="belongs to another lake") as error:
        init_lake(file, CONFIG)
    assert "isotherm rebuild" in error.value.hint
    with pytest.raises(ConfigError, match="was not set up"):  # and no query misses the cold rows
        again(file)
    rebuild_lake(file, clock=Clock())
    with again(file) as found:
        assert ids(found) == rows


def test_control_that_is_there_is_replaced_only_if_that_is_said_and_is_saved_first(
    lake: Lake,
) -> None:
    file, before = lake.config.file, control(lake)
    run_sql(lake, "DELETE FROM isotherm.parts WHERE period = '2018-06'")
    lake.close()
    with pytest.raises(RequestError, match="control is there"):
        rebuild_lake(file)
    rebuilt = rebuild_lake(file, replace=True, clock=Clock())
    assert rebuilt.saved
    assert rebuilt.saved.stat().st_mode & 0o077 == 0
    with again(file) as found:
        assert control(found) == before


@pytest.mark.parametrize("damage", ["DROP TABLE isotherm.pins", "DROP TABLE isotherm.settings"])
def test_control_with_a_table_missing_is_replaced(lake: Lake, damage: str) -> None:
    file, before = lake.config.file, control(lake)
    run_sql(lake, damage)
    lake.close()
    with pytest.raises(RequestError, match="control is there"):
        rebuild_lake(file)
    rebuild_lake(file, replace=True, clock=Clock())
    with again(file) as found:
        assert control(found) == before


def test_a_backup_brings_back_what_the_store_has_lost_and_the_config(lake: Lake) -> None:
    before, text = control(lake), lake.config.file.read_text()
    backup = lake.backup(lake.config.folder / "backup.parquet")
    assert backup.stat().st_mode & 0o077 == 0
    for item in files_in(lake):
        lake.storage.remove(item)
    file = lose(lake)
    with pytest.raises(RequestError, match="no copy of control"):
        rebuild_lake(file)
    file.unlink()
    rebuilt = rebuild_lake(file, backup, clock=Clock())
    assert "backup" in rebuilt.source
    assert file.read_text() == text
    with again(file) as found:
        assert control(found) == before


def test_the_newer_one_of_backup_and_copy_is_taken(lake: Lake) -> None:
    backup = lake.backup(lake.config.folder / "backup.parquet")
    lake.hold("CASE-3", "trips", reason="later")
    file = lose(lake)
    assert "copy" in rebuild_lake(file, backup, clock=Clock()).source
    with again(file) as found:
        assert "CASE-3" in {hold.case for hold in found.holds()}


def test_a_backup_replaces_no_file(lake: Lake, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    with pytest.raises(RequestError, match="is there already"):
        lake.backup(there)
    assert there.read_text() == "mine"
    with pytest.raises(StorageError, match="cannot be written"):
        lake.backup(tmp_path / "nowhere" / "b.parquet")


def test_what_is_no_backup_is_refused(lake: Lake, tmp_path: Path) -> None:
    file = lose(lake)
    for content in (b"", b"no parquet at all", Path(shutil.__file__).read_bytes()):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(ConfigError, match="no backup of a lake"):
            rebuild_lake(file, tmp_path / "b")


def test_a_store_of_another_lake_is_refused_and_nothing_changes(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    one, other = make_lake(folder="one"), make_lake(folder="other")
    backup = other.backup(tmp_path / "backup.parquet")
    for item in files_in(one):
        one.storage.remove(item)
    file = lose(one)
    with pytest.raises(StorageError, match="belongs to another lake"):
        rebuild_lake(file, backup)
    with pytest.raises(ConfigError, match="was not set up"):
        again(file)


def test_the_store_keeps_one_copy_and_no_manifest_of_what_is_in_it(lake: Lake) -> None:
    found = files_in(lake)
    assert [item.key.split("/")[0] for item in found] == ["copies", "quarantine"]
    lake.resume("trips")
    lake.pause("trips")
    assert len(files_in(lake)) == 2
    assert files_in(lake)[0] > found[0]
    assert files_in(lake)[1] == found[1]


def test_what_a_killed_process_has_staged_of_a_copy_is_cleared_away(lake: Lake) -> None:
    staged = Path(lake.storage.stage(Location(copies.PLACE, "copies/1-1.parquet")))
    staged.write_bytes(b"half a copy")
    lake.resume("trips")
    assert not staged.exists()


def test_somebody_who_is_forgotten_is_in_no_copy_on_the_store(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(lake, TABLE.replace("i::INTEGER", "(i + 770000)::INTEGER"))
    broken = tmp_path / "broken.csv"
    broken.write_text("pickup,id\nno date,770009\n2019-05-01,1\n", encoding="utf-8")
    lake.load("trips", [broken], ReadOptions(on_error=OnError.QUARANTINE))
    age(lake)
    lake.erasing.new_key()
    lake.erasing.ask("trips", [DataSubject.parse("id=770009")], "DSR-1")
    assert "770009" in stored(lake)
    lake.erasing.run("DSR-1")
    clock = lake.clock
    assert isinstance(clock, Clock)
    clock.forward(timedelta(hours=2))
    assert lake.erasing.run("DSR-1").request.proven_at
    assert "770009" not in stored(lake)


def stored(lake: Lake) -> str:
    """Return everything that the store keeps of control, as text."""
    urls = [lake.storage.url(item) for item in files_in(lake) if item.key.endswith("parquet")]
    session = lake.warehouse.session()
    found = json.dumps([session.execute(f"SELECT content FROM '{url}'") for url in urls])
    for item in files_in(lake):
        if item.key.endswith(".json"):
            found += copies.read(session, lake.storage, item).decode()
    session.close()
    return found


def test_the_commands_say_what_they_do(cold: CommandLine) -> None:
    cold("backup", "b.parquet")
    with isotherm.open() as lake:
        lose(lake)
    assert "isotherm rebuild" in cold("status", code=ConfigError.exit_code).err
    ran = cold("rebuild")
    assert "Control is rebuilt from the store's copy" in ran.flat
    assert "All is well" in ran.out
    assert "control is there" in cold("rebuild", code=RequestError.exit_code).err
    assert "Nobody is there to answer" in cold("rebuild", "--replace", code=13).flat
    ran = cold("rebuild", "--replace", "--yes", "--from", "b.parquet", "--format", "json")
    assert ran.json["findings"] == []
    assert "control-before-" in ran.err
    assert "is there already" in cold("backup", "b.parquet", code=RequestError.exit_code).err
