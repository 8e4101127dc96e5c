"""On S3 a doctor tries each permission that is needed, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from test_iam import ON_CEPH, ON_MOTO, Guard, allowed, grant

import isotherm
from ageing import policy
from command_line import CommandLine, words
from examined import only, said, warned, wrong
from isotherm.check.doctor import Examined, State
from isotherm.opening import init_lake, utc_now
from servers import S3Server, a_moto
from turns import in_turn

CONFIG = policy(STANDARD="6 months", STANDARD_IA="9 months", GLACIER="15 months")
VERSIONS = {"Status": "Enabled"}
NOT_TRIED = "s3:PutLifecycleConfiguration"


@pytest.fixture(params=in_turn(["moto", "rgw"], 2))
def server(request: pytest.FixtureRequest, s3_server: Callable[[str], S3Server]) -> S3Server:
    return s3_server(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "isotherm.toml"


def lake(file: Path, server: S3Server, bucket: str = "") -> str:
    """Set a lake up in a bucket, one of its own if not given, and return the bucket."""
    bucket = bucket or server.bucket()
    init_lake(file, f'storage.url = "{server.url(bucket)}"\n{CONFIG}')
    return bucket


def left(server: S3Server, bucket: str) -> list[str]:
    """Return the keys of all versions, markers and open uploads but those of control's copies."""
    client = server.client()
    found = client.list_object_versions(Bucket=bucket)
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    every = [*found.get("Versions", []), *found.get("DeleteMarkers", []), *uploads]
    return [item["Key"] for item in every if not item["Key"].startswith("lake/control/")]


def tried(examined: Examined) -> str:
    """Return what was tried and worked, and what was not tried, as it is said."""
    (found,) = said(examined, State.OK)["permissions"]
    return found


@pytest.mark.parametrize("versioned", [False, True])
def test_everything_is_tried_and_nothing_stays(
    file: Path, server: S3Server, versioned: bool
) -> None:
    bucket = lake(file, server)
    if versioned:
        server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration=VERSIONS)
    examined = isotherm.doctor(file)
    assert not wrong(examined)
    needed = {*ON_CEPH, *ON_MOTO, "the class STANDARD_IA", "the class GLACIER"}
    needed -= {"s3:DeleteObject"} if versioned else {"s3:DeleteObjectVersion"}
    needed -= set() if versioned else {"s3:ListBucketVersions"}
    worked, _, untried = tried(examined).removeprefix("tried: ").partition("; not tried: ")
    assert needed - {NOT_TRIED} == {*worked.split(", ")} - {"reading what was put"}
    assert untried.startswith(f"{NOT_TRIED} (")
    assert left(server, bucket) == ["lake/isotherm.lake"]
    assert ("versions are kept" if versioned else "no versions") in only(examined, "store").found


def test_a_doctor_that_only_reads_puts_nothing(file: Path, server: S3Server) -> None:
    lake(file, server)
    assert "s3:GetObject" in tried(isotherm.doctor(file, read_only=True))
    assert "s3:PutObject" not in tried(isotherm.doctor(file, read_only=True))


def test_where_a_lock_would_keep_an_object_none_is_put(file: Path, server: S3Server) -> None:
    bucket = server.bucket(ObjectLockEnabledForBucket=True)
    retention = {"Mode": "GOVERNANCE", "Days": 1}
    server.client().put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": retention},
        },
    )
    lake(file, server, bucket)
    examined = isotherm.doctor(file)
    assert not wrong(examined)
    words(only(examined, "store").found, ["object lock by default, GOVERNANCE, days: 1"])
    worked, _, untried = tried(examined).partition("; not tried: ")
    words(worked, ["s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion"])
    words(untried, ["an object in each class", "retention would keep"])
    assert left(server, bucket) == ["lake/isotherm.lake"]


ON_RGW = [name for name in ON_CEPH if name != NOT_TRIED]


@pytest.mark.parametrize("missing", in_turn(ON_RGW, 5))
def test_a_permission_that_is_missing_is_named(
    file: Path,
    missing: str,
    command: CommandLine,
    s3_server: Callable[[str], S3Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = s3_server("rgw")
    bucket = lake(file, server)
    if missing != "s3:DeleteObject":
        server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration=VERSIONS)
    grant(server.client(), bucket, command("iam", "--versioned").json, missing)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "otherother")
    examined = isotherm.doctor(file)
    denied = [text for text in wrong(examined)["permissions"] if text.startswith(f"{missing}: ")]
    words(denied[0], ["AccessDenied"])
    mends = [check.mend for check in examined.checks if denied[0] == check.found]
    assert "isotherm iam" in mends[0]
    more = [key for key in left(server, bucket) if key != "lake/isotherm.lake"]
    if missing == "s3:DeleteObjectVersion":  # nobody could know that versions are kept
        assert more[0] in wrong(examined)["permissions"][1]
        more = more[1:]
    assert not more


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guard]:
    """Start a server that asks for permissions to what Ceph does not have."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with a_moto(INITIAL_NO_AUTH_ACTION_COUNT="3") as server:
        owner = Guard(server, server).user({"Version": "2012-10-17", "Statement": [everything]})
        yield Guard(server, owner)


@pytest.mark.parametrize("missing", in_turn(ON_MOTO, 3))
def test_a_permission_that_only_an_archive_or_a_failed_upload_needs_is_tried(
    missing: str,
    file: Path,
    guarded: Guard,
    command: CommandLine,
    aws_environment: Callable[[S3Server], None],
) -> None:
    bucket = guarded.owner.bucket()
    config = f'storage.url = "{guarded.server.url(bucket)}"\n{CONFIG}'
    aws_environment(guarded.user(allowed(command, config, missing)))
    init_lake(file, config)
    (found,) = wrong(isotherm.doctor(file))["permissions"]
    assert found.startswith(f"{missing}: AccessDenied")
    assert left(guarded.owner, bucket) == ["lake/isotherm.lake"]


def test_what_a_bucket_is_like_need_not_be_asked(
    file: Path, guarded: Guard, command: CommandLine, aws_environment: Callable[[S3Server], None]
) -> None:
    bucket = guarded.owner.bucket()
    config = f'storage.url = "{guarded.server.url(bucket)}"\n{CONFIG}'
    aws_environment(guarded.user(allowed(command, config, "")))
    init_lake(file, config)
    examined = isotherm.doctor(file)
    assert not wrong(examined)
    words(only(examined, "store").found, ["versions not known"])
    words(tried(examined), ["s3:PutObject", "s3:DeleteObject,", "the class GLACIER"])
    assert left(guarded.owner, bucket) == ["lake/isotherm.lake"]


@pytest.mark.parametrize("older", [True, False])
def test_where_nobody_may_ask_for_locks_no_object_is_put_in_a_bucket_with_versions(
    older: bool,
    file: Path,
    command: CommandLine,
    s3_server: Callable[[str], S3Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = s3_server("rgw")
    bucket, client = lake(file, server), server.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=VERSIONS)
    if not older:  # the mark itself has a version then
        name = {"Bucket": bucket, "Key": "lake/isotherm.lake"}
        content = client.get_object(**name)["Body"].read()
        client.delete_object(**name, VersionId="null")
        client.put_object(**name, Body=content)
    grant(client, bucket, command("iam", "--versioned").json, "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "otherother")
    examined = isotherm.doctor(file)
    assert not wrong(examined)
    worked, _, untried = tried(examined).partition("; not tried: ")
    words(worked, ["s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion"])
    words(untried, ["an object in each class", "nobody may ask"])
    assert left(server, bucket) == ["lake/isotherm.lake"]


def test_a_class_that_the_store_does_not_have_is_named(
    file: Path, s3_server: Callable[[str], S3Server]
) -> None:
    server = s3_server("rgw")
    lake(file, server)
    file.write_text(file.read_text().replace("GLACIER", "DEEP_ARCHIVE"))
    (found,) = wrong(isotherm.doctor(file))["permissions"]
    assert found.startswith("the class DEEP_ARCHIVE: ")


def test_wrong_keys_and_no_keys_are_named(
    file: Path,
    s3_server: Callable[[str], S3Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = s3_server("rgw")
    lake(file, server)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert "SignatureDoesNotMatch" in wrong(isotherm.doctor(file))["store"][0]
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "Partial credentials" in wrong(isotherm.doctor(file))["store"][0]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "there are no keys" in wrong(isotherm.doctor(file))["store"][0]


def test_a_rule_of_others_that_deletes_the_lakes_objects_is_found(
    file: Path, server: S3Server
) -> None:
    bucket = lake(file, server)
    rule = {
        "ID": "tidy",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 30},
    }
    server.client().put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}
    )
    words(wrong(isotherm.doctor(file))["lifecycle"][0], ["deletes", "tidy"])


def test_a_clock_that_is_wrong_is_found(file: Path, server: S3Server) -> None:
    lake(file, server)
    assert "clock" in said(isotherm.doctor(file), State.OK)
    slow = isotherm.doctor(file, clock=lambda: utc_now() - timedelta(minutes=2))
    assert "s behind that of the store" in warned(slow)["clock"][0]
    slow = isotherm.doctor(file, clock=lambda: utc_now() + timedelta(minutes=16))
    assert "refuses what it signs" in wrong(slow)["clock"][0]
