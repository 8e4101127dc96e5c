"""The policy that `isotherm iam` prints suffices, and with one action less something fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import isotherm
from ageing import Clock, age, ids, policy, tiers_of, untidy
from command_line import CommandLine, words
from conftest import run_sql
from isotherm.lake import Lake
from isotherm.model.errors import IsothermError
from isotherm.model.period import Duration, Period
from isotherm.opening import init_lake
from servers import S3Server

TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
CONFIG = policy(STANDARD="6 months", GLACIER="15 months", expire="30 months").replace(
    'clock = "pickup"', 'clock = "pickup"\ntransition = "lifecycle"'
)
UNTESTED = {
    "s3:RestoreObject": "Ceph has no archive to restore from; moto's test is below",
    "s3:AbortMultipartUpload": "only an upload that fails asks for it",
}


@pytest.fixture
def guarded(
    command: CommandLine, s3_server: Callable[[str], S3Server], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Lake]]:
    """Return a function that opens a lake as a user who may do all that is printed but one."""
    server = s3_server("rgw")
    bucket, client = server.bucket(), server.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "otherother")
    opened: list[Lake] = []

    def enter(missing: str) -> Lake:
        config = f'storage.url = "{server.url(bucket)}"\n{CONFIG}'
        write(config)
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


@pytest.mark.parametrize(
    "missing",
    [
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
    ],
)
def test_one_action_less_fails(guarded: Callable[[str], Lake], missing: str) -> None:
    with pytest.raises((IsothermError, AssertionError)):
        live(guarded(missing))


def test_only_actions_of_which_it_is_said_why_are_not_taken_away(command: CommandLine) -> None:
    taken = {mark.args[1][i] for mark in _marks() for i in range(len(mark.args[1]))}
    write(f'storage.url = "s3://bucket/lake"\n{CONFIG}')
    printed = command("iam", "--versioned").json
    every = {action for statement in printed["Statement"] for action in statement["Action"]}
    assert every == taken | set(UNTESTED)


def _marks() -> list[Any]:
    return [m for m in test_one_action_less_fails.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]


def test_what_a_config_does_not_need_is_not_printed(command: CommandLine) -> None:
    write(f'storage.url = "s3://bucket/lake"\n{policy(STANDARD="6 months")}')
    (bucket, objects) = command("iam").json["Statement"]
    assert bucket["Resource"] == ["arn:aws:s3:::bucket"]
    assert objects["Resource"] == ["arn:aws:s3:::bucket/lake/*"]
    actions = bucket["Action"] + objects["Action"]
    assert not {"s3:RestoreObject", "s3:PutLifecycleConfiguration"} & set(actions)
    assert not [action for action in actions if "Version" in action]


def test_a_store_of_folders_needs_no_policy(command: CommandLine) -> None:
    command("init")
    words(command("iam").err, ["is a folder"])
