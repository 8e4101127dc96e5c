"""A doctor says all that a lake needs, and each check finds what it looks for."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from killing import build, die

import isotherm
from ageing import policy
from command_line import CommandLine, owner, words, written
from conftest import MakeLake, lake_at, run_sql
from examined import only, said, warned, wrong
from isotherm.check import machine
from isotherm.check.doctor import State
from isotherm.control import migrations
from isotherm.lake import Lake
from isotherm.model.errors import AuditError
from isotherm.model.person import DataSubject
from isotherm.opening import init_lake, utc_now
from servers import S3Server, free_port
from turns import places_in_turn

CONFIG = policy(STANDARD="6 months", GLACIER="15 months").replace(
    'clock = "pickup"', 'clock = "pickup"\nsubject = ["id"]'
)
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
NEWEST = len(migrations.MIGRATIONS)
PROCESSES = multiprocessing.get_context("spawn")


@pytest.fixture
def file(make_lake: MakeLake) -> Path:
    """Return the config of a lake with rows in three tiers, that nobody holds."""
    return aged(make_lake(CONFIG))


def aged(lake: Lake) -> Path:
    run_sql(lake, TABLE)
    lake.apply(lake.plan(as_of=datetime(2018, 10, 1), even_if_uneconomic=True))
    lake.erasing.new_key()
    lake.close()
    return lake.config.file


@pytest.mark.parametrize(
    "where", places_in_turn(["duckdb", "postgres", "duckdb on moto", "postgres on rgw"], 2)
)
def test_of_a_lake_where_all_is_well_every_check_says_so(
    request: pytest.FixtureRequest, where: str, tmp_path: Path
) -> None:
    file = aged(lake_at(request, where, CONFIG))
    before = written(tmp_path)
    examined = isotherm.doctor(file)
    assert {check.state for check in examined.checks} == {State.OK}, examined
    assert examined.well
    assert written(tmp_path) == before
    expected = ["versions", "config", "control", "dataset trips", "half done", "store"]
    expected += ["permissions", "catalogue", "key", "space"]
    expected += ["server", "lease", "clock"] if "postgres" in where else ["warehouse"]
    expected += ["lifecycle", "clock", "extensions"] if "on" in where.split() else []
    assert set(expected) <= set(said(examined))
    assert "trips" in only(examined, "catalogue").found


def test_without_a_config_there_is_one_line_of_it(command: CommandLine) -> None:
    assert list(wrong(isotherm.doctor())) == ["config"]
    Path("isotherm.toml").write_text("[storage]\nurll = 'file:objects'\n")
    ran = command("doctor", code=AuditError.exit_code)
    words(ran.flat, ["urll", "did you mean", "duckdb 1.5", "whatever it names", "1 thing not"])
    assert written(".") == {"isotherm.toml"}


def test_where_init_was_not_run_nothing_is_made(tmp_path: Path) -> None:
    file = tmp_path / "isotherm.toml"
    file.write_text(CONFIG)
    found = wrong(isotherm.doctor(file))
    assert {"warehouse", "store", "catalogue"} == set(found)
    assert written(tmp_path) == {"isotherm.toml"}
    (tmp_path / "objects").mkdir()
    duckdb.connect(tmp_path / "warehouse.duckdb").close()
    found = wrong(isotherm.doctor(file))
    assert found["control"] == ["this lake was not set up yet"]
    assert written(tmp_path) == {"isotherm.toml", "warehouse.duckdb"}


def test_who_holds_the_warehouse_is_named_and_the_rest_is_looked_at(file: Path) -> None:
    ready, go = PROCESSES.Event(), PROCESSES.Event()
    writer = PROCESSES.Process(target=hold, args=(file, ready, go))
    writer.start()
    assert ready.wait(60)
    examined = isotherm.doctor(file)
    go.set()
    writer.join(30)
    assert f"PID {writer.pid}" in only(examined, "warehouse").found
    assert {"store", "permissions", "catalogue", "space"} <= set(said(examined, State.OK))
    assert examined.well
    assert set(warned(examined)) == {"warehouse", "not looked at"}


def hold(file: Path, ready: object, go: object) -> None:
    with isotherm.open(file):
        ready.set()  # type: ignore[attr-defined]
        go.wait(60)  # type: ignore[attr-defined]


def test_a_server_that_is_down_is_named_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "isotherm.toml"
    init_lake(file, CONFIG)
    url = f"postgresql://mover:geheim@127.0.0.1:{free_port()}/lake"
    file.write_text(f'warehouse.url = "{url}"\n{CONFIG}')
    examined = isotherm.doctor(file)
    (found,) = wrong(examined)["warehouse"]
    words(found, ["127.0.0.1/lake", "cannot be opened", "refused"])
    assert "geheim" not in str(examined)
    assert {"store", "permissions", "catalogue", "extensions"} <= set(said(examined, State.OK))


@pytest.mark.parametrize(
    ("sql", "name", "expected"),
    [
        (
            f"DELETE FROM isotherm.migrations WHERE version = {NEWEST}",
            "control",
            "an older Isotherm",
        ),
        (
            f"UPDATE isotherm.migrations SET version = 99 WHERE version = {NEWEST}",
            "control",
            "version 99",
        ),
        ("UPDATE isotherm.settings SET value = '/x' WHERE name = 'store'", "config", "made at /x"),
        ("UPDATE isotherm.datasets SET unit = 'day'", "config", "cut by the day"),
        ("UPDATE isotherm.settings SET value = 'y' WHERE name = 'lake'", "store", "another lake"),
        ("ALTER TABLE trips RENAME pickup TO taken", "dataset trips", "no column 'pickup'"),
        ("ALTER TABLE trips ADD COLUMN big HUGEINT", "dataset trips", "HUGEINT"),
    ],
)
def test_what_stands_in_the_warehouse_is_held_against_the_config(
    file: Path, sql: str, name: str, expected: str
) -> None:
    owner(sql, file=str(file.with_name("warehouse.duckdb")))
    found = wrong(isotherm.doctor(file))
    assert expected in found[name][0]


def test_a_table_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "isotherm.toml"
    init_lake(file, policy(STANDARD="6 months"))
    examined = isotherm.doctor(file)
    assert examined.well
    assert "does not exist" in warned(examined)["dataset trips"][0]


def test_a_file_in_a_folders_place_and_a_folder_that_is_gone_are_found(file: Path) -> None:
    archive = file.parent / "objects" / "GLACIER"
    archive.write_text("in its place")
    examined = isotherm.doctor(file)
    assert wrong(examined) == {"permissions": [f"a file in {archive}: Not a directory"]}
    assert wrong(isotherm.doctor(file, read_only=True))["permissions"]
    shutil.rmtree(file.parent / "objects")
    examined = isotherm.doctor(file)
    assert "is not there" in wrong(examined)["store"][0]
    assert "control" in said(examined, State.OK)


def test_a_doctor_that_only_reads_puts_nothing(file: Path) -> None:
    tried = only(isotherm.doctor(file, read_only=True), "permissions").found
    assert f"looking into {file.parent / 'objects'}" in tried
    assert "a file in" not in tried


def test_a_catalogue_that_is_gone_or_has_lost_a_table_is_found(file: Path) -> None:
    catalog = file.with_name("catalog.db")
    catalog.rename(catalog.with_suffix(".kept"))
    assert "catalogue" in wrong(isotherm.doctor(file))
    assert not catalog.exists()
    init_lake(file, "")
    assert "trips has cold rows" in wrong(isotherm.doctor(file))["catalogue"][0]
    catalog.write_bytes(b"no database at all" * 1000)
    assert "catalogue" in wrong(isotherm.doctor(file))


def test_what_a_doctor_says_of_a_catalogue_that_is_gone_mends_it(cold: CommandLine) -> None:
    Path("catalog.db").unlink()
    assert "isotherm rebuild --replace" in cold("doctor", code=AuditError.exit_code).out
    cold("rebuild", "--replace", "--yes")
    assert "trips" in only(isotherm.doctor(), "catalogue").found
    assert isotherm.doctor().well


def test_the_key_of_certificates_is_there_and_its_owners_alone(file: Path) -> None:
    key = file.with_name("certificate.key")
    key.chmod(0o640)
    assert "mode 640" in wrong(isotherm.doctor(file))["key"][0]
    key.write_text("no key")
    assert "no key to sign with" in wrong(isotherm.doctor(file))["key"][0]
    key.unlink()
    examined = isotherm.doctor(file)
    assert (only(examined, "key").state, examined.well) == (State.WARNING, True)


def test_somebody_who_should_be_forgotten_by_now_is_found(
    file: Path,
) -> None:
    with isotherm.open(file) as lake:
        lake.erasing.ask("trips", [DataSubject.parse("id=7")], "DSR-1")
    assert isotherm.doctor(file).well
    late = isotherm.doctor(file, clock=lambda: utc_now() + timedelta(days=31))
    words(wrong(late)["half done"][0], ["DSR-1", "was due on"])
    assert "isotherm erase trips --request DSR-1" in [check.mend for check in late.checks]
    file.with_name("certificate.key").unlink()
    assert "asked to be forgotten" in wrong(isotherm.doctor(file))["key"][0]


def test_what_waits_for_somebody_is_found(file: Path) -> None:
    with isotherm.open(file) as lake:
        lake.pause("trips")
        run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2018-03-05', 1000)")
    examined = isotherm.doctor(file)
    assert "trips is paused since" in warned(examined)["half done"][0]
    assert only(examined, "half done").mend == "isotherm resume trips"
    with isotherm.open(file) as lake:
        lake.resume("trips")
        lake.apply(lake.plan(as_of=datetime(2018, 10, 1), even_if_uneconomic=True))
    assert not warned(isotherm.doctor(file))
    later = isotherm.doctor(file, clock=lambda: utc_now() + timedelta(days=2))
    assert "should have gone more than a day ago" in warned(later)["half done"][0]


def test_a_move_whose_process_was_killed_is_found(tmp_path: Path) -> None:
    mover = multiprocessing.get_context("fork").Process(target=killed, args=(str(tmp_path),))
    mover.start()
    mover.join(60)
    assert mover.exitcode == -signal.SIGKILL
    examined = isotherm.doctor(tmp_path / "isotherm.toml")
    assert "unload of trips" in warned(examined)["half done"][0]
    assert examined.well


def killed(folder: str) -> None:
    build("unload", folder)
    die("unload", folder, 4, "")


def test_a_disk_with_too_little_room_is_found(file: Path) -> None:
    disk = [("objects", file.parent / "not" / "yet")]
    (check,) = machine.space(disk)
    assert check.state is State.OK
    (check,) = machine.space(disk, 10**18)
    assert check.state is State.WARNING
    words(check.found, ["objects at", str(file.parent), "the largest hot partition"])


def test_what_is_not_installed_is_found() -> None:
    missing, rest = machine.versions({"no-such-package": "s3"})
    assert (missing.state, rest.state) == (State.WRONG, State.OK)
    assert missing.mend == "Install it: pip install '.[s3]' in the clone of Isotherm."
    (check,) = machine.extensions(["no_such_extension"])
    assert check.state is State.WRONG
    assert "no_such_extension" in check.found


def test_the_store_that_cannot_be_reached_is_named(tmp_path: Path, s3: S3Server) -> None:
    file = tmp_path / "isotherm.toml"
    init_lake(file, f'storage.url = "{s3.url(s3.bucket())}"\n{CONFIG}')
    nowhere = f"s3://lake/lake?endpoint=http://127.0.0.1:{free_port()}&region=us-east-1"
    for url, expected in ((nowhere, "cannot be reached"), (s3.url("no-bucket"), "NoSuchBucket")):
        file.write_text(f'storage.url = "{url}"\n{CONFIG}')
        examined = isotherm.doctor(file)
        assert expected in wrong(examined)["store"][0]
        assert {"control", "half done", "space"} <= set(said(examined, State.OK))
        assert "the Iceberg tables" in warned(examined)["not looked at"][0]


def test_the_command_line_marks_each_check_and_says_what_mends_it(
    cold: CommandLine,
) -> None:
    ran = cold("doctor")
    words(ran.out, ["✓ versions", "✓ warehouse", "✓ permissions", "Nothing is wrong"])
    Path("objects/isotherm.lake").unlink()
    ran = cold("doctor", code=AuditError.exit_code)
    words(ran.flat, ["✗ store", "Mount it", "! not looked at", "1 thing not as it should be"])
    examined = cold("doctor", "--read-only", "--format", "json", code=AuditError.exit_code).json
    assert examined["version"] == 1
    states = {item["name"]: item["state"] for item in examined["checks"]}
    assert states["store"] == "wrong"
    assert states["control"] == "ok"
    assert {key for item in examined["checks"] for key in item} == {
        "name",
        "state",
        "found",
        "mend",
    }
