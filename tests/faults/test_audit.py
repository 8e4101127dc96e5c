"""An audit finds whatever is missing, changed, orphaned or half done, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_objects import delete, flip_a_bit, part_of, path_of, swap, truncate

from ageing import NOW, Clock, age, plan_of, policy
from command_line import CommandLine, words
from conftest import MakeLake, lake_at, run_sql
from isotherm.backup import copies
from isotherm.check.audit import Audited
from isotherm.check.reading import Readings
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import AuditError
from isotherm.model.part import Location, Part
from isotherm.model.period import Duration, Period
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage
from servers import S3Server

CONFIG = policy(STANDARD="6 months", GLACIER="15 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)


@pytest.fixture(params=["duckdb", "postgres", "duckdb on moto"])
def lake(request: pytest.FixtureRequest) -> Lake:
    made = lake_at(request, request.param, CONFIG, clock=Clock())
    run_sql(made, TABLE)
    age(made)
    made.apply(made.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7 days")))
    return made


@pytest.fixture
def plain(make_lake: MakeLake) -> Lake:
    made = make_lake(CONFIG, clock=Clock())
    run_sql(made, TABLE)
    age(made)
    return made


def on_moto(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> tuple[Lake, Any, dict[str, str]]:
    """Make a lake in a bucket of moto; return it with a client, and what names the bucket."""
    server = s3_server("moto")
    bucket = server.bucket()
    lake = make_lake(f'storage.url = "{server.url(bucket)}"\n{CONFIG}', clock=Clock())
    run_sql(lake, TABLE)
    age(lake)
    return lake, server.client(), {"Bucket": bucket}


def said(audited: Audited) -> list[str]:
    return [f"{finding.where} {finding.what}" for finding in audited.findings]


def test_of_a_lake_where_all_is_well_nothing_is_said(lake: Lake) -> None:
    audited = lake.audit(share=1.0)
    assert said(audited) == []
    assert (audited.partitions, audited.objects, audited.hashed, audited.rows) == (3, 3, 3, 200)
    assert audited.journal > 0
    assert lake.audit(share=0.0).hashed == 0
    assert lake.audit("trips", share=0.01).hashed == 1


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (delete, "is missing"),
        (truncate, "bytes"),
        (flip_a_bit, "is changed: its SHA-256 was"),
        (swap, "2018-03 of trips"),
    ],
)
@pytest.mark.parametrize("period", ["2018-03", "2018-05"])
def test_a_damaged_object_is_found(
    plain: Lake, damage: Callable[[Path, Path], None], found: str, period: str
) -> None:
    damage(path_of(plain, period), path_of(plain, "2018-04"))
    (finding,) = plain.audit(share=1.0).findings
    assert found.replace("2018-03", period) in f"{finding.where} {finding.what}"
    assert finding.mend == "Put it back from a backup."


def test_an_orphan_is_found_and_what_is_to_be_removed_is_none(plain: Lake) -> None:
    part: Part = part_of(plain, "2018-05")
    orphan = Location("STANDARD", "trips/2018-05/nobody-0.parquet")
    plain.storage.copy(part.location, orphan, part.sha256)
    assert said(plain.audit()) == [f"object {orphan} is nobody's"]
    plain.storage.remove(orphan)
    run_sql(plain, "INSERT INTO trips VALUES (TIMESTAMP '2018-05-02', 1000)")
    age(plain)
    assert said(plain.audit()) == []


def test_a_move_that_has_not_ended_is_found_and_is_no_orphan(plain: Lake) -> None:
    seen: list[list[str]] = []

    def watch(move: Move, step: Step) -> None:
        if step is Step.FENCE:
            seen.append(said(plain.audit()))

    run_sql(plain, "INSERT INTO trips VALUES (TIMESTAMP '2018-05-02', 1000)")
    plain.apply(plan_of(plain), watch=Watch(step=watch))
    assert len(seen) == 1
    assert ["has not ended" in text for text in seen[0]] == [True]


def test_rows_that_control_and_iceberg_count_otherwise_are_found(plain: Lake) -> None:
    run_sql(plain, "UPDATE isotherm.parts SET rows = rows + 1 WHERE period = '2018-05'")
    (text,) = said(plain.audit())
    assert "rows of" in text
    run_sql(plain, "DELETE FROM isotherm.parts WHERE period = '2018-05'")
    found = said(plain.audit())
    assert any("which control does not know" in text for text in found)
    assert any("is nobody's" in text for text in found)


def test_a_tampered_journal_is_found(plain: Lake) -> None:
    run_sql(plain, "UPDATE isotherm.journal SET detail = '{}' WHERE seq = 3")
    (text,) = said(plain.audit())
    assert text.startswith("the journal")
    assert "3" in text


def test_the_command_line_says_one_line_or_what_is_wrong(cold: CommandLine) -> None:
    words(cold("audit", "--hash", "100").out, ["All is well", "cold partitions", "journal rows"])
    victim = next(Path("objects/STANDARD").rglob("*.parquet"))
    victim.unlink()
    ran = cold("audit", code=AuditError.exit_code)
    words(ran.flat, [victim.name, "is missing", "from a backup", "1 thing not as it should be"])
    found = cold("audit", "--format", "json", code=AuditError.exit_code).json
    assert [victim.name in item["where"] for item in found["findings"]] == [True]


def test_an_object_that_somebody_else_has_archived_is_found(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> None:
    lake, client, name = on_moto(make_lake, s3_server)
    part = part_of(lake, "2018-05")
    name["Key"] = f"lake/{part.location}"
    client.copy_object(**name, CopySource=name, StorageClass="DEEP_ARCHIVE")
    found = said(lake.audit(share=0.0))
    assert found == [
        f"object {part.location}, 2018-05 of trips is in DEEP_ARCHIVE, and should be in STANDARD"
    ]


def test_rows_that_are_in_the_warehouse_and_in_an_object_are_named(plain: Lake) -> None:
    part = part_of(plain, "2018-05")
    source = plain.storage.url(part.location)
    run_sql(plain, f"INSERT INTO trips SELECT pickup, id FROM '{source}'")
    (found,) = said(plain.audit())
    assert "2018-05" in found
    assert f"has {part.rows} rows, most of which are in main.trips as well" in found
    run_sql(plain, "UPDATE trips SET id = -1 WHERE id = (SELECT min(id) FROM trips)")
    assert len(said(plain.audit())) == 1
    run_sql(plain, "ALTER TABLE trips ADD COLUMN born_later INTEGER")
    assert len(said(plain.audit())) == 1
    run_sql(plain, "DELETE FROM trips WHERE pickup >= '2018-05-02'")
    assert said(plain.audit()) == []


def test_tags_that_somebody_has_taken_away_are_found_and_written_anew(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> None:
    lake, client, name = on_moto(make_lake, s3_server)
    part = part_of(lake, "2018-05")
    client.delete_object_tagging(**name, Key=f"lake/{part.location}")
    (found,) = said(lake.audit(share=0.0))
    assert f"{part.location}, 2018-05 of trips has not the tags" in found
    assert "gave it: ageing=14" in found
    assert lake.retag() == 3
    age(lake)
    assert said(lake.audit(share=0.0)) == []


def test_audits_read_one_object_after_the_other_until_all_were_read(plain: Lake) -> None:
    assert plain.audit(share=0.0).all_read_since is None
    clock = plain.clock
    assert isinstance(clock, Clock)
    begun = clock.now
    for _ in range(3):
        assert plain.audit(share=0.01).hashed == 1
        clock.forward(timedelta(days=1))
    audited = plain.audit(share=0.0)
    assert audited.all_read_since == begun
    assert plain.audit(share=0.34).all_read_since == begun + timedelta(days=1)


def test_a_restored_copy_is_read_as_its_object_is(plain: Lake) -> None:
    plain.audit(share=1.0)
    plain.apply(plain.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7 days")))
    assert plain.audit(share=0.0).all_read_since is None
    part = part_of(plain, "2018-03")
    assert part.restored
    assert isinstance(plain.storage, FolderStorage)
    path = plain.storage.path(part.restored)
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    audited = plain.audit(share=1.0)
    assert said(audited) == [
        f"object {part.restored}, 2018-03 of trips is changed: its SHA-256 was {part.sha256}"
    ]
    assert audited.all_read_since is None
    path.write_bytes(content)
    assert plain.audit(share=1.0).all_read_since


def test_an_audit_that_is_stopped_is_gone_on_with(plain: Lake) -> None:
    def stop(done: int, _all: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plain.audit(share=1.0, watch=stop)
    assert plain.audit(share=0.01).all_read_since


def test_an_audit_reads_no_faster_than_it_is_told(plain: Lake) -> None:
    waited: list[float] = []
    with plain.warehouse.snapshot() as tx:
        kept = parts.of_dataset(tx, "trips")
        readings = Readings(tx.session, plain.storage, NOW, 1_000.0, waited.append)
        assert all(readings.is_unchanged(part) for part in kept)
    assert sum(part.bytes for part in kept) / 1_000 - waited[-1] < 60
    assert waited == sorted(waited)


def test_a_record_of_readings_that_is_broken_is_as_if_there_was_none(plain: Lake) -> None:
    plain.audit(share=1.0)
    (place,) = plain.storage.list(copies.PLACE, "audits")
    assert isinstance(plain.storage, FolderStorage)
    for broken in (b"{", b"[1]", b"7", b"null", b'{"a": 1}'):
        plain.storage.path(place).write_bytes(broken)
        assert plain.audit(share=0.0).all_read_since is None
    assert plain.audit(share=1.0).all_read_since
