"""Tags and rules on real servers: what an object carries, and who moves it when."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.period import Duration, Period
from servers import S3Server
from turns import in_turn

TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
MONTHS = ("2018-03", "2018-04", "2018-05")
BOTH = policy(STANDARD="6 months", GLACIER="15 months")
BY_RULES = BOTH.replace('clock = "pickup"', 'clock = "pickup"\ntransition = "lifecycle"')
THEIRS = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"Prefix": "logs/"},
    "Expiration": {"Days": 30},
}


class Bucket:
    """A lake's bucket as its owner sees it."""

    def __init__(self, server: S3Server) -> None:
        self.client, self.name = server.client(), server.bucket()
        self.url = server.url(self.name)

    def objects(self) -> dict[str, str]:
        """Return the storage class of each data object by its key."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        data = [o for o in found if o["Key"].endswith(".parquet") and "/control/" not in o["Key"]]
        return {o["Key"]: o["StorageClass"] for o in data}

    def tags(self) -> dict[str, dict[str, str]]:
        """Return the tags of each data object by its period, restored copies apart."""
        return {
            key.split("/")[-2] + (" restored" if "/restored/" in key else ""): self.tags_of(key)
            for key in self.objects()
        }

    def tags_of(self, key: str) -> dict[str, str]:
        found = self.client.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def put_tags(self, key: str, tags: dict[str, str]) -> None:
        listed = [{"Key": name, "Value": value} for name, value in tags.items()]
        self.client.put_object_tagging(Bucket=self.name, Key=key, Tagging={"TagSet": listed})

    def rules(self) -> list[Any]:
        found = self.client.get_bucket_lifecycle_configuration(Bucket=self.name)
        return list(found["Rules"])

    def put_rules(self, *rules: Any) -> None:
        self.client.put_bucket_lifecycle_configuration(
            Bucket=self.name, LifecycleConfiguration={"Rules": list(rules)}
        )


@pytest.fixture(params=in_turn(["moto", "rgw"], 2))
def bucket(request: pytest.FixtureRequest, s3_server: Callable[[str], S3Server]) -> Bucket:
    return Bucket(s3_server(request.param))


def make(make_lake: MakeLake, bucket: Bucket, config: str, now: datetime | None = None) -> Lake:
    clock = Clock(now) if now else Clock()
    lake = make_lake(f'storage.url = "{bucket.url}"\n{config}', clock=clock)
    run_sql(lake, TABLE)
    return lake


def later(lake: Lake, time_: timedelta = timedelta(hours=2)) -> None:
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(time_)
    age(lake)


def test_every_object_says_how_old_it_is_and_other_tags_stay(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    lake = make(make_lake, bucket, policy(STANDARD="6 months"))
    age(lake)
    expected = {"2018-03": "16", "2018-04": "15", "2018-05": "14"}
    assert bucket.tags() == {month: {"ageing": n} for month, n in expected.items()}
    for key in bucket.objects():
        bucket.put_tags(key, {"team": "a+b = c", "ageing": "99"} | bucket.tags_of(key))
    later(lake, timedelta(days=31))
    older = {month: str(int(n) + 1) for month, n in expected.items()}
    assert bucket.tags() == {m: {"team": "a+b = c", "ageing": n} for m, n in older.items()}


def test_ageing_twice_on_a_day_writes_nothing(
    make_lake: MakeLake, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, bucket, policy(STANDARD="6 months"))
    age(lake)
    monkeypatch.setattr("isotherm.storage.bucket.Bucket.tag", _never)
    later(lake)
    monkeypatch.undo()
    assert bucket.tags()["2018-03"] == {"ageing": "16"}


def _never(*_: object) -> None:
    raise AssertionError("a tag was written again")


def test_an_object_that_is_gone_is_named_and_the_others_are_tagged(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    lake = make(make_lake, bucket, policy(STANDARD="6 months"))
    age(lake)
    gone, *_ = bucket.objects()
    bucket.client.delete_object(Bucket=bucket.name, Key=gone)
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(days=31))
    applied = age(lake)
    assert [gone in error.message for error in applied.untidy] == [True]
    assert [tags["ageing"] for tags in bucket.tags().values()] == ["16", "15"]


def test_by_rules_an_object_stays_until_no_reader_needs_it_and_is_tagged_then(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    lake = make(make_lake, bucket, BY_RULES, datetime(2019, 2, 1))
    age(lake)
    before = bucket.objects()
    assert isinstance(lake.clock, Clock)
    lake.clock.now = datetime(2019, 7, 1)
    age(lake)
    assert tiers_of(lake) == dict(zip(MONTHS, ("GLACIER", "GLACIER", "STANDARD"), strict=True))
    assert bucket.objects() == before
    assert "isotherm-class" not in bucket.tags()["2018-03"]
    assert lake.sql("select count(*) from trips where pickup >= '2018-05-01'").fetchall()
    later(lake)
    assert {month: tags.get("isotherm-class") for month, tags in bucket.tags().items()} == {
        "2018-03": "GLACIER",
        "2018-04": "GLACIER",
        "2018-05": None,
    }
    assert not untidy(lake)
    explained, _ = lake.explain("trips", Period.parse("2018-03"))
    assert list(lake.classes_of(explained.parts).values()) == ["STANDARD"]
    seen = {str(line.period): dict(line.on_s3) for line in lake.status().datasets[0].partitions}
    assert seen == {"2018-03": {"STANDARD": 1}, "2018-04": {"STANDARD": 1}, "2018-05": {}}


def test_the_class_of_an_object_that_is_gone_or_not_to_be_seen_is_said_to_be_so(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    lake = make(make_lake, bucket, BY_RULES)
    age(lake)
    parts = lake.explain("trips", Period.parse("2018-03"))[0].parts
    bucket.client.delete_object(Bucket=bucket.name, Key=f"lake/{parts[0].location}")
    assert list(lake.classes_of(parts).values()) == ["missing"]
    for item in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]:
        bucket.client.delete_object(Bucket=bucket.name, Key=item["Key"])
    bucket.client.delete_bucket(Bucket=bucket.name)
    assert list(lake.classes_of(parts).values()) == ["unknown"]
    assert lake.status().datasets[0].partitions[0].on_s3 == {"unknown": 1}


def test_a_copy_of_an_object_that_is_tagged_for_a_class_is_not(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    """Else the rule would take the readable copy away, too."""
    lake = make(make_lake, bucket, BY_RULES)
    age(lake)
    later(lake)
    assert bucket.tags()["2018-03"]["isotherm-class"] == "GLACIER"
    for key in bucket.objects():
        bucket.put_tags(key, {"team": "x"} | bucket.tags_of(key))
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7d")))
    copy = bucket.tags()["2018-03 restored"]
    assert copy == {"team": "x", "ageing": "16"}
    assert bucket.tags()["2018-03"]["isotherm-class"] == "GLACIER"
    assert ids(lake) == list(range(200))


def test_rules_are_merged_read_back_and_drift_is_shown(
    make_lake: MakeLake, bucket: Bucket, command: CommandLine
) -> None:
    lake = make(make_lake, bucket, BY_RULES)
    bucket.put_rules(THEIRS)
    assert "isotherm lifecycle apply" in lake.plan().warnings[0]
    lake.close()
    words(command("plan").flat, ["Beware", "isotherm lifecycle apply"])
    words(command("lifecycle", "show").out, ["-GLACIER", "theirs", "isotherm-class=GLACIER"])
    words(command("lifecycle", "diff", code=2).out, ["missing", "-GLACIER", "-uploads"])
    words(command("lifecycle", "apply", "--yes").out, ["to be added", "-GLACIER", "read back"])
    words(command("lifecycle", "diff").out, ["are those of the policies"])
    words(command("lifecycle", "apply").out, ["are those of the policies"])
    found = bucket.rules()
    (theirs,) = [rule for rule in found if rule["ID"] == "theirs"]
    assert theirs["Expiration"] == {"Days": 30}
    assert len(found) == 3
    bucket.put_rules(*[rule for rule in found if "uploads" not in rule["ID"]])
    words(command("lifecycle", "diff", code=2).out, ["missing"])


def test_a_rule_added_behind_our_back_is_reported_by_plan(
    make_lake: MakeLake, bucket: Bucket
) -> None:
    lake = make(make_lake, bucket, policy(STANDARD="6 months"))
    assert lake.plan().warnings == ()
    bucket.put_rules({**THEIRS, "Filter": {"Prefix": ""}})
    (warning,) = lake.plan().warnings
    assert "deletes objects of the lake by their days alone: theirs" in warning


def test_on_ceph_the_buckets_own_engine_moves_what_is_tagged_and_nothing_else(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> None:
    bucket = Bucket(s3_server("rgw"))
    lake = make(make_lake, bucket, BY_RULES)
    lake.lifecycle.apply()
    age(lake)
    later(lake)
    keys = {key.split("/")[-2]: key for key in bucket.objects()}
    end = time.monotonic() + 60
    while _class(bucket, keys["2018-03"]) != "GLACIER" and time.monotonic() < end:
        time.sleep(0.5)
    assert _class(bucket, keys["2018-03"]) == "GLACIER"
    assert _class(bucket, keys["2018-04"]) == "GLACIER"
    assert _class(bucket, keys["2018-05"]) == "STANDARD"
    assert not untidy(lake)
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7d")))
    assert ids(lake) == list(range(200))
    assert not plan_of(lake).moves


def _class(bucket: Bucket, key: str) -> str:
    found = bucket.client.head_object(Bucket=bucket.name, Key=key)
    return str(found.get("StorageClass") or "STANDARD")


def test_a_store_of_folders_has_no_rules(command: CommandLine) -> None:
    command("init")
    words(command("lifecycle", "show", code=13).err, ["is a folder, and has no lifecycle rules"])
