"""What an S3 store does beyond what every storage does."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import MakeLake, make_trips, run_sql
from isotherm.model.address import Address
from isotherm.model.errors import IsothermError, MovesFailed, StorageError
from isotherm.model.part import Location
from isotherm.model.tier import CLASSES
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage import bucket as buckets
from isotherm.storage.answers import class_of
from isotherm.storage.s3 import S3Storage
from servers import S3Server

CONTENT = b"rows" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Store:
    """A store in a bucket of its own, and the bucket as others see it."""

    def __init__(self, server: S3Server) -> None:
        self.client, self.bucket = server.client(), server.bucket()
        self.storage = S3Storage(Address.parse(server.url(self.bucket)))
        self.storage.claim("5eed")

    def put(self, location: Location, content: bytes = CONTENT) -> None:
        Path(self.storage.stage(location)).write_bytes(content)
        self.storage.publish(location)

    def head(self, location: Location) -> Any:
        return self.client.head_object(
            Bucket=self.bucket, Key=f"lake/{location.tier}/{location.key}"
        )


@pytest.fixture
def store(s3: S3Server) -> Store:
    return Store(s3)


@pytest.mark.parametrize("tier", CLASSES)
def test_an_object_gets_the_class_of_its_tier_and_an_archive_only_once_it_is_settled(
    store: Store, tier: str
) -> None:
    location = Location(tier, "trips/2018-03/1-0.parquet")
    store.put(location)
    archived = tier in ("GLACIER", "DEEP_ARCHIVE")
    assert class_of(store.head(location)) == ("STANDARD" if archived else tier)
    store.storage.settle(location)
    assert class_of(store.head(location)) == tier
    if archived:
        with pytest.raises(store.client.exceptions.InvalidObjectState):
            store.client.get_object(Bucket=store.bucket, Key=f"lake/{tier}/{location.key}")
    assert store.storage.sha256(location) == SHA


def test_a_second_writer_cannot_overwrite_an_object(store: Store) -> None:
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    store.put(location)
    with pytest.raises(StorageError, match="is there already"):
        store.put(location, b"other rows")
    assert store.storage.sha256(location) == SHA


def test_an_upload_whose_answer_was_lost_is_found_to_be_done(store: Store) -> None:
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    store.put(location)
    store.put(location)  # as the SDK does when it hears nothing
    assert store.storage.sha256(location) == SHA


def test_a_large_object_goes_up_in_parts_that_are_checked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "PART_BYTES", 5 * 1024**2)
    content = os.urandom(12 * 1024**2)
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    store.put(location, content)
    assert store.head(location)["ETag"].endswith('-3"')
    assert store.storage.sha256(location) == hashlib.sha256(content).hexdigest()


def test_an_upload_that_breaks_off_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "PART_BYTES", 5 * 1024**2)
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    staged = Path(store.storage.stage(location))
    staged.write_bytes(os.urandom(12 * 1024**2))
    client = store.storage._bucket.client
    monkeypatch.setattr(client, "complete_multipart_upload", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.storage.publish(location)
    assert store.storage.size(location) is None
    assert not store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads")


def test_an_archived_object_is_asked_for_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = Location("GLACIER", "trips/2018-03/1-0.parquet")
    store.put(location)
    store.storage.settle(location)
    asked = []
    client = store.storage._bucket.client
    restore = client.restore_object

    def count(**arguments: Any) -> Any:
        asked.append(arguments["Key"])
        return restore(**arguments)

    monkeypatch.setattr(client, "restore_object", count)
    for _ in range(3):
        store.storage.restore(location)
    assert len(asked) == 1


def test_a_removed_object_leaves_no_readable_version(store: Store) -> None:
    name = {"Bucket": store.bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    store.client.put_bucket_versioning(**name)
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    neighbour = Location("STANDARD", "trips/2018-03/1-0.parquet.too")
    for _ in range(2):  # the second time there is an older version and a marker below
        store.put(location)
        store.put(neighbour)
        store.storage.remove(location)
    store.storage.remove(location)
    found = store.client.list_object_versions(Bucket=store.bucket, Prefix="lake/STANDARD")
    assert {item["Key"] for item in found["Versions"]} == {f"lake/STANDARD/{neighbour.key}"}
    assert "DeleteMarkers" not in found


def test_an_object_under_a_lock_is_not_removed_and_named(s3: S3Server) -> None:
    client, bucket = s3.client(), s3.bucket(ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    storage = S3Storage(Address.parse(s3.url(bucket)))
    location = Location("STANDARD", "trips/2018-03/1-0.parquet")
    Path(storage.stage(location)).write_bytes(CONTENT)
    storage.publish(location)
    with pytest.raises(StorageError, match=r"2018-03/1-0.parquet cannot be removed"):
        storage.remove(location)
    found = client.list_object_versions(Bucket=bucket)
    assert "DeleteMarkers" not in found
    body = client.get_object(Bucket=bucket, Key=found["Versions"][0]["Key"])
    assert body["Body"].read() == CONTENT


def test_an_archived_object_leaves_no_version_in_the_class_it_was_read_in(store: Store) -> None:
    name = {"Bucket": store.bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    location = Location("GLACIER", "trips/2018-03/1-0.parquet")
    store.put(location)  # before there are versions
    store.client.put_bucket_versioning(**name)
    store.storage.settle(location)
    store.put(other := Location("GLACIER", "trips/2018-04/1-0.parquet"))
    store.storage.settle(other)
    found = store.client.list_object_versions(Bucket=store.bucket, Prefix="lake/GLACIER")
    assert [item["StorageClass"] for item in found["Versions"]] == ["GLACIER", "GLACIER"]


@pytest.mark.parametrize("parts", [False, True])
def test_a_copy_keeps_the_tags_of_others(
    store: Store, parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Location("STANDARD", "trips/2018-03/1-0.parquet")
    target = Location("STANDARD_IA", "trips/2018-03/2-0.parquet")
    content = os.urandom(9 * 1024**2)
    store.put(source, content)
    key = f"lake/STANDARD/{source.key}"
    tags = [{"Key": "legal-hold", "Value": "a+b = c/d"}, {"Key": "ageing", "Value": "3"}]
    store.client.put_object_tagging(Bucket=store.bucket, Key=key, Tagging={"TagSet": tags})
    if parts:
        monkeypatch.setattr(buckets, "ONE_COPY_BYTES", 10)
    store.storage.copy(source, target, hashlib.sha256(content).hexdigest())
    copied = f"lake/STANDARD_IA/{target.key}"
    found = store.client.get_object_tagging(Bucket=store.bucket, Key=copied)["TagSet"]
    assert found == tags[:1]


def test_rules_are_written_with_what_the_bucket_says_of_them_all(store: Store) -> None:
    client, sent = store.storage._bucket.client, []
    said = {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}
    store.storage.put_rules([rule])
    client.meta.events.register(
        "after-call.s3.GetBucketLifecycleConfiguration",
        lambda parsed, **_: parsed.update(said),
    )
    client.meta.events.register(
        "before-send.s3.PutBucketLifecycleConfiguration",
        lambda request, **_: sent.append(dict(request.headers)),
    )
    store.storage.put_rules([rule])
    name = "x-amz-transition-default-minimum-object-size"
    assert [headers[name] for headers in sent] == [b"varies_by_storage_class"]


def test_a_small_body_is_sent_with_its_request_and_a_large_one_is_asked_for(store: Store) -> None:
    asked: dict[int, bool] = {}
    store.storage._bucket.client.meta.events.register(
        "before-send.s3.PutObject",
        lambda request, **_: asked.update(
            {int(request.headers["Content-Length"]): "Expect" in request.headers}
        ),
    )
    for size in (100, 2 * 2**20):
        store.put(Location("STANDARD", f"trips/2019-03/{size}.parquet"), b"x" * size)
    assert asked == {100: False, 2 * 2**20: True}


def test_the_region_is_the_buckets_own(s3: S3Server) -> None:
    region = {"LocationConstraint": "eu-west-1"}
    name = s3.bucket(CreateBucketConfiguration=region)
    assert S3Storage(Address.parse(s3.url(name))).access().region == "eu-west-1"


def test_a_profile_that_is_not_there_is_named(s3: S3Server, command: CommandLine) -> None:
    url = f"{s3.url(s3.bucket())}&profile=nobody"
    words(command("init", "--storage", url, code=10).err, ["profile", "nobody"])


def test_a_bucket_that_is_not_there_is_named(s3: S3Server) -> None:
    storage = S3Storage(Address.parse(s3.url("no-such-bucket")))
    with pytest.raises(StorageError, match="no-such-bucket"):
        storage.claim("5eed")


def test_a_store_without_keys_says_where_they_are_looked_for(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.url(s3.bucket())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", "/nowhere")
    storage = S3Storage(Address.parse(url))
    with pytest.raises(StorageError, match="no keys"):
        storage.access()


def test_what_is_where_is_shown_without_keys(
    s3: S3Server, make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.url(s3.bucket())
    lake = make_lake(f'[storage]\nurl = "{url}"\n{policy(STANDARD="6 months")}', clock=Clock())
    run_sql(lake, make_trips(100))
    age(lake)
    lake.close()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", "/nowhere")
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        assert tiers_of(again)["2018-01"] == "STANDARD"
        assert not again.plan().moves
        with pytest.raises(StorageError, match="no keys"):
            again.sql("select count(*) from trips")


def _interrupted(**arguments: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        ("AWS_SECRET_ACCESS_KEY", "not the secret", "The keys are wrong"),
        ("AWS_ACCESS_KEY_ID", "nobody", "The keys are wrong"),
    ],
)
def test_wrong_keys_are_said_to_be_wrong(
    s3_server: Callable[[str], S3Server],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    wrong: str,
    hint: str,
) -> None:
    server = s3_server("rgw")  # it looks at signatures
    bucket = server.bucket()
    monkeypatch.setenv(name, wrong)
    storage = S3Storage(Address.parse(server.url(bucket)))
    with pytest.raises(StorageError) as error:
        storage.rules()
    assert hint in error.value.hint


def test_a_clock_that_is_wrong_is_said_to_be(
    s3_server: Callable[[str], S3Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = s3_server("rgw")
    bucket = server.bucket()
    late = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: late)
    storage = S3Storage(Address.parse(server.url(bucket)))
    with pytest.raises(StorageError) as error:
        storage.rules()
    assert "clock" in error.value.hint


def test_a_permission_that_is_lost_in_the_middle_stops_what_needs_it_and_nothing_else(
    s3_server: Callable[[str], S3Server], make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = s3_server("rgw")
    bucket, client = server.bucket(), server.client()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "otherother")

    def allow(denied: str = "") -> None:
        everything = {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam:::user/other"]},
            "Action": ["s3:*"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        nothing = {**everything, "Effect": "Deny", "Action": [denied]}
        rules = [everything, nothing] if denied else [everything]
        policy_ = json.dumps({"Version": "2012-10-17", "Statement": rules}, separators=(",", ":"))
        client.put_bucket_policy(Bucket=bucket, Policy=policy_)

    allow()
    ports = f'[settings]\nmoves_at_once = 1\n[storage]\nurl = "{server.url(bucket)}"\n'
    config = ports + policy(STANDARD="6 months")
    lake = make_lake(config, clock=Clock())
    run_sql(lake, make_trips(600, "2018-03-01", 200))

    def watch(move: Move, step: Step) -> None:
        if step is Step.COPY:
            allow("s3:PutObject" if str(move.periods[0]) == "2018-04" else "")

    with pytest.raises(MovesFailed, match="2018-04") as failed:
        lake.apply(plan_of(lake), watch=Watch(step=watch))
    assert len(failed.value.applied.failures) == 1
    assert "isotherm iam" in failed.value.hint
    allow()
    assert tiers_of(lake)["2018-03"] == tiers_of(lake)["2018-05"] == "STANDARD"
    assert tiers_of(lake)["2018-04"] == "hot"
    assert ids(lake) == list(range(600))
    age(lake)
    assert tiers_of(lake)["2018-04"] == "STANDARD"
    assert not untidy(lake)


@pytest.mark.parametrize("gone", [True, False])
def test_an_object_that_was_deleted_or_changed_behind_our_back_is_named(
    s3: S3Server, make_lake: MakeLake, gone: bool
) -> None:
    bucket, client = s3.bucket(), s3.client()
    both = policy(STANDARD="6 months", STANDARD_IA="14 months")
    clock = Clock(datetime(2019, 2, 1))
    lake = make_lake(f'[storage]\nurl = "{s3.url(bucket)}"\n{both}', clock=clock)
    run_sql(lake, make_trips(300, "2018-03-01", 200))
    age(lake)
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    (key,) = [key for key in keys if "/2018-03/" in key]
    if gone:
        client.delete_object(Bucket=bucket, Key=key)
    else:
        client.put_object(Bucket=bucket, Key=key, Body=b"something else")
    clock.now = datetime(2019, 6, 1)
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    assert [key in error.message for error in failed.value.applied.failures.values()] == [True]
    assert ("is missing" if gone else "is not the one that was written") in failed.value.message
    assert tiers_of(lake)["2018-03"] == "STANDARD"
    assert tiers_of(lake)["2018-04"] == "STANDARD_IA"
    with pytest.raises(IsothermError, match="2018-03"):
        lake.sql("select sum(id) from trips where pickup < '2018-04-01'").fetchall()
