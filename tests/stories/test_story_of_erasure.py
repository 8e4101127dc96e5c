"""Somebody asks to be forgotten: found in every tier, taken out of it, and that is proven."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ageing import Clock, age, tiers_of, untidy, waiting
from command_line import CommandLine, words
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, ConfigError, JournalError, RequestError
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.privacy import certificate
from riders import CONFIG, NOW, TABLE, THREE, about_riders, finish, riding
from servers import S3Server
from turns import places_in_turn


@pytest.fixture(params=places_in_turn(["duckdb", "postgres"], 2))
def lake(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


@pytest.fixture(
    params=places_in_turn(["duckdb", "postgres", "duckdb on moto", "postgres on rgw"], 4)
)
def anywhere(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


def everything(lake: Lake) -> list[tuple[object, ...]]:
    """Return all rows, the archived ones, too."""
    closed = [period for period, tier in tiers_of(lake).items() if tier == "GLACIER"]
    periods = [Period.parse(period) for period in closed]
    lake.apply(lake.restore_plan("trips", periods, Duration.parse("1 hour")))
    return lake.sql("select id, rider_id, email, fare from trips order by id").fetchall()


def test_somebody_is_forgotten_in_every_tier_and_nobody_else(anywhere: Lake) -> None:
    lake = anywhere
    before = everything(lake)
    tiers = tiers_of(lake)
    found = lake.erasing.find("trips", [THREE])
    assert found.hot[None] == 1
    assert found.rows + sum(p.rows for p in found.archived) > 0
    made = lake.erasing.ask("trips", [THREE], "DSR-7", who="ann")
    erased = lake.erasing.run("DSR-7")
    assert not erased.request.proven_at
    assert "grace" in erased.waits_for
    left = [row for row in before if row[1] != 3]
    assert everything(lake) == left
    erased = finish(lake, "DSR-7")
    assert everything(lake) == left
    assert tiers_of(lake) == tiers
    said = json.loads(erased.request.certificate or "")
    assert sum(item["rows"] for item in said["removed"]) == len(before) - len(left)
    assert {item["tier"] for item in said["removed"]} >= {"hot", "STANDARD", "STANDARD_IA"}
    hot = {item["where"]: item["rows"] for item in said["removed"] if item["tier"] == "hot"}
    assert hot == {str(period or "hot"): rows for period, rows in found.hot.items()}
    assert said["second_search"]["rows"] == 0
    assert said["subjects"] == list(made.hashes)
    assert said["in_time"]
    assert lake.erasing.verify(json.dumps(said)).request == said["request"]
    assert not untidy(lake)
    assert erased.request.subjects == ()


def test_no_row_no_object_and_no_metadata_speaks_of_them_afterwards(lake: Lake) -> None:
    with lake.warehouse.snapshot() as tx:
        old = {str(part.location): part for part in _parts(tx)}
    lake.erasing.ask("trips", [THREE], "DSR-7")
    erased = finish(lake, "DSR-7")
    with lake.warehouse.snapshot() as tx:
        new = {str(part.location) for part in _parts(tx)}
    gone = old.keys() - new
    assert gone
    for name in gone:
        assert lake.storage.size(old[name].location) is None
    assert not waiting(lake)
    seen = lake.catalog.look("trips")
    assert seen
    for snapshot in seen.table.metadata.snapshots:
        for manifest in snapshot.manifests(seen.table.io):
            for entry in manifest.fetch_manifest_entry(seen.table.io, discard_deleted=True):
                assert not any(entry.data_file.file_path.endswith(name) for name in gone)
    shown = json.dumps([entry.detail for entry in lake.journal()]) + str(erased.request.certificate)
    assert not re.search(r"r3@x\.org|rider_id=3", shown)


def _parts(tx: object) -> tuple[object, ...]:
    from isotherm.control import parts

    return parts.of_dataset(tx, "trips")  # type: ignore[arg-type,return-value]


def test_what_a_case_holds_stays_and_the_certificate_says_so(lake: Lake) -> None:
    lake.hold("SDNY-1", "trips", [Period.parse("2019-03")], reason="subpoena")
    lake.hold("SDNY-2", "trips", subjects=[DataSubject.parse("rider_id=4")], reason="subpoena")
    before = everything(lake)
    march = lake.sql("select id from trips where date_trunc('month', pickup) = '2019-03-01'")
    held = {row[0] for row in march.fetchall()}
    lake.erasing.ask("trips", [THREE, DataSubject.parse("rider_id=4")], "DSR-8")
    erased = finish(lake, "DSR-8")
    after = everything(lake)
    kept = [row for row in before if row[1] != 3 or row[0] in held]
    assert after == kept
    said = json.loads(erased.request.certificate or "")
    assert sum(item["rows"] for item in said["kept"]) == len(
        [row for row in kept if row[1] in (3, 4)]
    )
    why = {item["where"]: item["why"] for item in said["kept"]}
    assert why["2018-03"] == ["SDNY-2"]
    assert ["SDNY-1", "SDNY-2"] in why.values()


def test_what_others_have_tagged_and_the_order_of_rows_stay(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> None:
    server = s3_server("moto")
    bucket, client = server.bucket(), server.client()
    config = about_riders(STANDARD="6 months")
    lake = make_lake(f'storage.url = "{server.url(bucket)}"\n{config}', clock=Clock(NOW))
    run_sql(lake, *TABLE)
    age(lake)
    lake.erasing.new_key()
    before = {part.period: part for part in lake.explain("trips", Period.parse("2018-05"))[0].parts}
    (old,) = before.values()
    tags = [{"Key": "team", "Value": "blue"}]
    client.put_object_tagging(Bucket=bucket, Key=f"lake/{old.location}", Tagging={"TagSet": tags})
    read = "select id from read_parquet('{}')"
    session = lake.warehouse.session()
    order = [row[0] for row in session.execute(read.format(lake.storage.url(old.location)))]
    lake.erasing.ask("trips", [THREE], "DSR-7")
    lake.erasing.run("DSR-7")
    (new,) = lake.explain("trips", Period.parse("2018-05"))[0].parts
    after = [row[0] for row in session.execute(read.format(lake.storage.url(new.location)))]
    session.close()
    assert after == [id_ for id_ in order if id_ % 10 != 3]
    found = client.get_object_tagging(Bucket=bucket, Key=f"lake/{new.location}")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"team": "blue", "ageing": "14"}


def test_rows_that_come_while_it_goes_on_are_found_by_the_next_search(lake: Lake) -> None:
    lake.erasing.ask("trips", [DataSubject.parse("email=r3@x.org")], "DSR-9")
    assert not lake.erasing.run("DSR-9").request.proven_at
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2019-06-03', 2000, 3, 'r3@x.org', 1)")
    finish(lake, "DSR-9")
    assert not [row for row in everything(lake) if row[1] == 3]


# -- at the command line


@pytest.fixture
def small(command: CommandLine, make_lake: MakeLake) -> CommandLine:
    Path("isotherm.toml").write_text(CONFIG)
    command("init")
    import isotherm

    with isotherm.open("isotherm.toml") as lake:
        run_sql(lake, *TABLE)
    return command


def test_the_command_line_finds_forgets_and_lists(small: CommandLine) -> None:
    small("apply", "--as-of", "2019-07", "--even-if-uneconomic", "--yes")
    found = small("erase", "trips", "--subject", "rider_id=3", "--plan-only")
    words(found.out, ["warehouse", "STANDARD", "to be searched once restored", "rows found"])
    named = ("erase", "trips", "--subject", "rider_id=3")
    words(small(*named, "--yes", code=ConfigError.exit_code).err, ["no key", "--new-key"])
    done = small(*named, "--new-key", "--request", "DSR-1", "--yes")
    words(
        done.flat,
        ["certificate.key", "due by", "replaced files go when their grace", "--request DSR-1"],
    )
    listed = small("erase", "list").out
    words(listed, ["DSR-1", "forgotten", "29 days"])
    assert small.rows("select count(*) from trips where rider_id = 3", "--archived", "skip") == [
        (0,)
    ]
    words(
        small(*named, "--request", "DSR-1", "--yes", code=RequestError.exit_code).err,
        ["there is a request DSR-1 already"],
    )
    words(
        small("erase", "trips", "--request", "DSR-2", "--yes", code=13).err, ["Did you mean DSR-1"]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--subject", "fare=3"), "fare is no column that identifies people"),
        (("--subject", "rider_id=abc"), "value 1 of rider_id is no INTEGER"),
        ((), "nobody is named"),
        (("--file", "nobody.csv"), "nobody.csv cannot be read"),
        (("--file", "empty.csv"), "names nobody"),
        (("--file", "torn.csv"), "torn.csv, line 3: it names nobody"),
    ],
)
def test_what_names_nobody_is_refused(
    small: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    Path("empty.csv").write_text("rider_id\n")
    Path("torn.csv").write_text("rider_id\n3\n4,5\n")
    ran = small("erase", "trips", *arguments, "--new-key", "--yes", code=RequestError.exit_code)
    words(ran.err, [said])
    assert small.rows("select count(*) from trips") == [(702,)]


def test_a_certificate_that_was_changed_is_none(tmp_path: Path) -> None:
    key = certificate.Key.make(tmp_path / "key")
    signed = key.sign({"rows": 3, "subjects": ["ab"]})
    assert certificate.verify(signed)
    for changed in ({**signed, "rows": 4}, {"rows": 3, "subjects": ["ab"]}, {**signed, "x": 1}):
        with pytest.raises(JournalError, match="not what was signed"):
            certificate.verify(changed)
    with pytest.raises(ConfigError, match="there is a key already"):
        certificate.Key.make(tmp_path / "key")
    assert certificate.Key.read(tmp_path / "key").of_hashes == key.of_hashes
    (tmp_path / "other").write_text("nothing")
    with pytest.raises(ConfigError, match="no key to sign with"):
        certificate.Key.read(tmp_path / "other")


def test_everything_about_somebody_is_written_and_nothing_left_out_silently(
    small: CommandLine,
) -> None:
    small("apply", "--as-of", "2018-12", "--even-if-uneconomic", "--yes")
    small("export", "trips", "--subject", "rider_id=3", "--out", "three.csv")
    lines = Path("three.csv").read_text().splitlines()
    assert lines[0] == "pickup,id,rider_id,email,fare"
    assert len(lines) == 1 + 71
    assert all(",3,r3@x.org," in line for line in lines[1:])
    Path("some.csv").write_text("email\nr3@x.org\nr4@x.org\n")
    small("export", "trips", "--file", "some.csv", "--out", "some.json")
    assert len(json.loads(Path("some.json").read_text())) == 142
    small("apply", "--as-of", "2019-07", "--even-if-uneconomic", "--yes")
    refused = small("export", "trips", "--subject", "rider_id=3", code=ArchivedError.exit_code)
    words(refused.err, ["may need archived partitions", "isotherm restore trips"])
    some = small("export", "trips", "--subject", "rider_id=3", "--archived", "skip")
    words(some.err, ["left out, archived"])


def test_a_request_that_is_withdrawn_is_over_and_forgets_whom_it_was_about(lake: Lake) -> None:
    before = everything(lake)
    lake.erasing.ask("trips", [THREE], "DSR-7")
    lake.erasing.ask("trips", [DataSubject.parse("rider_id=4")], "DSR-8")
    withdrawn = lake.erasing.withdraw("DSR-7", "it was the wrong person", who="ann")
    assert (withdrawn.subjects, withdrawn.is_over, withdrawn.proven_at) == ((), True, None)
    for act in (lake.erasing.plan, lake.erasing.run):
        with pytest.raises(RequestError, match="was withdrawn"):
            act("DSR-7")
    assert lake.erasing.withdraw("DSR-7", "twice") == withdrawn
    (noted,) = [entry for entry in lake.journal() if entry.event == "withdrawn"]
    assert noted.detail["who"] == "ann"
    assert noted.detail["reason"] == "it was the wrong person"
    with lake.warehouse.snapshot() as tx:
        kept = tx.execute("SELECT * FROM isotherm.erasures WHERE case_name = 'DSR-7'")
        assert "rider_id" not in str(kept)
    finish(lake, "DSR-8")
    assert everything(lake) == [row for row in before if row[1] != 4]


def test_what_was_done_for_a_request_before_it_was_withdrawn_stays_done(lake: Lake) -> None:
    lake.erasing.ask("trips", [THREE], "DSR-7")
    lake.erasing.run("DSR-7")
    lake.erasing.withdraw("DSR-7", "enough")
    assert lake.erasing.find("trips", [THREE]).rows == 0
    with pytest.raises(RequestError, match="not proven yet"):
        lake.erasing.certificate("DSR-7")


def test_the_command_line_withdraws_by_name_and_for_a_reason(small: CommandLine) -> None:
    small("apply", "--as-of", "2019-07", "--even-if-uneconomic", "--yes")
    ask = ("erase", "trips", "--subject", "rider_id=3", "--request", "R-1", "--new-key", "--yes")
    small(*ask)
    withdraw = ("erase", "trips", "--request", "R-1", "--yes", "--withdraw")
    small(*withdraw, " ", code=RequestError.exit_code)
    words(small(*withdraw, "a mistake").out, ["R-1 is withdrawn"])
    words(small("erase", "list").out, ["R-1", "withdrawn"])
    words(small(*withdraw, "again").out, ["R-1 is withdrawn"])
    small("erase", "trips", "--subject", "rider_id=3", "--withdraw", "why", "--yes", code=64)
