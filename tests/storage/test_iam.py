"""The policy that `isotherm iam` prints suffices, and with one action less something fails."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import isotherm
from ageing import Clock, age, ids, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.address import Address
from isotherm.model.errors import IsothermError, MovesFailed, StorageError
from isotherm.model.period import Duration, Period
from isotherm.opening import init_lake
from isotherm.storage import bucket
from isotherm.storage.bucket import Bucket
from isotherm.storage.s3 import S3Storage
from servers import S3Server, a_moto
from turns import in_turn

TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
CONFIG = policy(STANDARD="6 months", GLACIER="15 months", expire="30 months").replace(
    'clock = "pickup"', 'clock = "pickup"\ntransition = "lifecycle"'
)
DIRECT = policy(STANDARD="6 months", GLACIER="15 months", expire="30 months")


@pytest.fixture
def guarded(
    command: CommandLine, s3_server: Callable[[str], S3Server], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Lake]]:
    """Return a function that opens a lake as a user who may do all that is printed but one."""
    server = s3_server("rgw")
    bucket, client = server.bucket(), server.client()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "otherother")
    opened: list[Lake] = []

    def enter(missing: str) -> Lake:
        config = f'storage.url = "{server.url(bucket)}"\n{CONFIG}'
        write(config)
        if missing != "s3:DeleteObject":  # where versions are kept, they alone are deleted
            versions = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versions)
        printed = command("iam", "--versioned").json
        grant(client, bucket, printed, missing)
        init_lake("isotherm.toml", config)
        opened.append(isotherm.open("isotherm.toml", clock=Clock(datetime(2019, 2, 1))))
        return opened[-1]

    yield enter
    for lake in opened:
        lake.close()


def write(config: str) -> None:
    Path("isotherm.toml").write_text(config, encoding="utf-8")


def grant(client: Any, bucket: str, printed: Any, missing: str) -> None:
    """Give another user what is printed, without one action."""
    for statement in printed["Statement"]:
        statement["Principal"] = {"AWS": ["arn:aws:iam:::user/other"]}
        statement["Action"] = [action for action in statement["Action"] if action != missing]
    if missing:  # on Ceph who has put an object owns it, and may read it: so it is denied
        resources = [part for s in printed["Statement"] for part in s["Resource"]]
        who = {"AWS": ["arn:aws:iam:::user/other"]}
        denied = {"Effect": "Deny", "Principal": who, "Action": [missing], "Resource": resources}
        printed["Statement"].append(denied)
    # Ceph reads a policy without blanks alone.
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(printed, separators=(",", ":")))


def live(lake: Lake) -> None:
    """Do everything that a lake does in its life."""
    run_sql(lake, TABLE)
    lake.lifecycle.apply()
    assert lake.plan().warnings == ()
    age(lake)
    assert isinstance(lake.clock, Clock)
    for now in (datetime(2019, 2, 2), datetime(2019, 7, 1), datetime(2019, 7, 2)):
        lake.clock.now = now
        applied = age(lake)
        assert not applied.untidy
    assert tiers_of(lake) == {"2018-03": "GLACIER", "2018-04": "GLACIER", "2018-05": "STANDARD"}
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7d")))
    assert ids(lake) == list(range(200))
    for now in (datetime(2021, 1, 1), datetime(2021, 1, 2)):
        lake.clock.now = now
        applied = age(lake)
        assert not applied.untidy
    assert ids(lake) == []
    assert not untidy(lake)


def test_what_is_printed_suffices(guarded: Callable[[str], Lake]) -> None:
    live(guarded(""))


ON_CEPH = (
    "s3:ListBucket",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:ListBucketVersions",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:GetObjectTagging",
    "s3:PutObjectTagging",
    "s3:DeleteObjectVersion",
)
ON_MOTO = ("s3:RestoreObject", "s3:AbortMultipartUpload")
"""What Ceph, which has no archive, never asks for, and what only an upload that fails needs."""


@pytest.mark.parametrize("missing", in_turn(ON_CEPH, 5))
def test_one_action_less_fails(guarded: Callable[[str], Lake], missing: str) -> None:
    with pytest.raises((IsothermError, AssertionError)):
        live(guarded(missing))


@dataclass(frozen=True)
class Guard:
    """A moto server that asks for permissions, and its owner, who has given himself all."""

    server: S3Server
    owner: S3Server
    names: dict[str, str] = field(default_factory=dict)

    def user(self, policy: Any) -> S3Server:
        """Return the server as a new user sees it, who may do what a policy says."""
        iam, name = self.owner.client("iam"), uuid.uuid4().hex
        iam.create_user(UserName=name)
        said = json.dumps(policy)
        iam.put_user_policy(UserName=name, PolicyName="lake", PolicyDocument=said)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.names[key["AccessKeyId"]] = name
        return replace(self.server, key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    def end(self, user: S3Server) -> None:
        """Make a user's key worthless."""
        name = self.names[user.key]
        self.owner.client("iam").delete_access_key(UserName=name, AccessKeyId=user.key)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    # The three requests that make the owner need no permission.
    with a_moto(INITIAL_NO_AUTH_ACTION_COUNT="3") as server:
        owner = Guard(server, server).user({"Version": "2012-10-17", "Statement": [everything]})
        yield Guard(server, owner)


@pytest.mark.parametrize("missing", in_turn(["", "s3:RestoreObject"], 2))
def test_an_archive_is_restored_by_who_may_restore(
    missing: str,
    guard: Guard,
    command: CommandLine,
    aws_environment: Callable[[S3Server], None],
    make_lake: MakeLake,
) -> None:
    url = guard.server.url(guard.owner.bucket())
    config = f'storage.url = "{url}"\n{DIRECT}'
    aws_environment(guard.user(allowed(command, config, missing)))
    lake = make_lake(config, clock=Clock(), folder="lake")
    run_sql(lake, TABLE)
    age(lake)
    restore = lake.restore_plan("trips", [Period.parse("2018-03")], Duration.parse("7d"))
    if missing:
        with pytest.raises(MovesFailed, match="AccessDenied"):
            lake.apply(restore)
    else:
        assert lake.apply(restore).done
    assert tiers_of(lake) == {"2018-03": "GLACIER", "2018-04": "GLACIER", "2018-05": "STANDARD"}


def test_keys_that_are_renewed_while_a_lake_is_open_are_used(
    guard: Guard,
    command: CommandLine,
    aws_environment: Callable[[S3Server], None],
    make_lake: MakeLake,
) -> None:
    config = f'storage.url = "{guard.server.url(guard.owner.bucket())}"\n{DIRECT}'
    policy = allowed(command, config, "")
    first, second = guard.user(policy), guard.user(policy)
    aws_environment(first)
    lake = make_lake(config, clock=Clock(), folder="lake")
    run_sql(lake, TABLE)
    cold = "select count(*) from trips where pickup >= '2018-05-01'"
    before = lake.sql(cold).fetchall()
    age(lake, "2018-05")
    assert isinstance(lake.storage, S3Storage)
    keys = lake.storage._bucket._session.get_credentials()
    keys.access_key, keys.secret_key = second.key, second.secret  # as a role's are renewed
    guard.end(first)
    assert lake.sql(cold).fetchall() == before
    age(lake)
    assert tiers_of(lake) == {"2018-03": "GLACIER", "2018-04": "GLACIER", "2018-05": "STANDARD"}


@pytest.mark.parametrize("missing", in_turn(["", "s3:AbortMultipartUpload"], 2))
def test_the_parts_of_an_upload_that_failed_are_taken_away_by_who_may(
    missing: str,
    guard: Guard,
    command: CommandLine,
    aws_environment: Callable[[S3Server], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = guard.owner.bucket()
    address = Address.parse(guard.server.url(name))
    config = f'storage.url = "{address.url}"\n{DIRECT}'
    aws_environment(guard.user(allowed(command, config, missing)))
    monkeypatch.setattr(bucket, "PART_BYTES", 5 * 1024**2)
    file, size = BrokenFile(), 12 * 1024**2
    with pytest.raises(StorageError, match="the disk has failed"):
        Bucket(address).upload("lake/STANDARD/x", file, "0" * 64, size, "STANDARD")
    left = guard.owner.client().list_multipart_uploads(Bucket=name).get("Uploads", ())
    assert len(left) == bool(missing)


class BrokenFile(io.BytesIO):
    """Gives its first part and no other."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError("the disk has failed")
        self.write(bytes(size or 0))
        return bytes(size or 0)


def allowed(command: CommandLine, config: str, missing: str) -> Any:
    """Return what is printed for a config, without one action."""
    write(config)
    printed = command("iam").json
    for statement in printed["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != missing]
    return printed


def test_every_action_is_taken_away_once(command: CommandLine) -> None:
    write(f'storage.url = "s3://bucket/lake"\n{CONFIG}')
    printed = command("iam", "--versioned").json
    every = {action for statement in printed["Statement"] for action in statement["Action"]}
    assert every == {*ON_CEPH, *ON_MOTO}


def test_what_a_bucket_without_versions_does_not_need_is_not_printed(command: CommandLine) -> None:
    write(f'storage.url = "s3://bucket/lake"\n{policy(STANDARD="6 months")}')
    (bucket, objects) = command("iam").json["Statement"]
    assert bucket["Resource"] == ["arn:aws:s3:::bucket"]
    assert objects["Resource"] == ["arn:aws:s3:::bucket/lake/*"]
    actions = bucket["Action"] + objects["Action"]
    assert not [action for action in actions if "Version" in action]


def test_a_bucket_in_another_partition_is_named_there(command: CommandLine) -> None:
    write(f'storage.url = "s3://bucket/lake?region=cn-north-1"\n{CONFIG}')
    assert command("iam").json["Statement"][0]["Resource"] == ["arn:aws-cn:s3:::bucket"]


def test_a_store_of_folders_needs_no_policy(command: CommandLine) -> None:
    command("init")
    words(command("iam").err, ["is a folder"])
