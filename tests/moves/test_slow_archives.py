"""An archive that takes its time: it is asked once, and a later apply finishes the restore."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

import isotherm
from ageing import Clock, age, ids, policy, set_config, tiers_of, untidy
from command_line import AS_OF, CommandLine, words
from conftest import MakeLake, make_trips, run_sql
from isotherm.control import requests
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError, MovesFailed, PendingError, StorageError
from isotherm.model.part import Location
from isotherm.model.period import Duration, Period
from isotherm.moves.applying import Applied
from isotherm.plan.plan import Kind
from isotherm.storage.folder import FolderStorage
from servers import S3Server

PENDING = PendingError.exit_code
MARCH, APRIL = Period.parse("2018-03"), Period.parse("2018-04")
OF_MARCH = "select count(*) from trips where date_trunc('month', pickup) = '2018-03-01'"


class SlowArchive:
    """Stands before a store whose archive takes hours."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.asked: list[tuple[str, int, bool]] = []
        self.ready = False
        self.refused = ""

    def restore(
        self, location: Location, speed: str = "Standard", days: int = 3, *, again: bool = False
    ) -> bool:
        if self.refused and self.refused in location.key:
            raise StorageError("AccessDenied")
        self.asked.append((speed, days, again))
        return self.ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    lake = make_lake(policy(STANDARD="6 months", GLACIER="12 months"), clock=Clock())
    run_sql(lake, make_trips(600, "2018-03-01", 200))
    age(lake)
    assert tiers_of(lake)["2018-03"] == "GLACIER"
    lake.storage = SlowArchive(lake.storage)  # type: ignore[assignment]
    return lake


def slow(lake: Lake) -> SlowArchive:
    assert isinstance(lake.storage, SlowArchive)
    return lake.storage


def restore(lake: Lake, *periods: Period) -> Applied:
    return lake.apply(lake.restore_plan("trips", periods, Duration.parse("7 days")))


def kinds(lake: Lake) -> list[tuple[Kind, str]]:
    return [(move.kind, move.span) for move in lake.plan().moves]


def tidy(lake: Lake) -> bool:
    lake.storage = slow(lake).storage
    return not untidy(lake)


def test_a_restore_that_is_under_way_is_finished_by_a_later_apply(lake: Lake) -> None:
    applied = restore(lake, MARCH, APRIL)
    assert [move.span for move in applied.waiting] == ["2018-03", "2018-04"]
    assert not applied.done
    assert not applied.failures
    with pytest.raises(ArchivedError):
        lake.sql(OF_MARCH)
    assert kinds(lake) == [(Kind.RESTORE, "2018-03"), (Kind.RESTORE, "2018-04")]
    assert "asked for until 2019-07-08" in lake.plan().moves[0].reason
    assert len(lake.apply().waiting) == 2
    slow(lake).ready = True
    assert len(lake.apply().done) == 2
    assert lake.sql(OF_MARCH).fetchall() == [(224,)]
    assert kinds(lake) == []
    with lake.warehouse.snapshot() as tx:
        assert requests.standing(tx) == ()
    assert ids(lake) == list(range(600))
    assert tidy(lake)


def test_an_archive_is_asked_for_the_days_and_at_the_speed_that_somebody_wants(lake: Lake) -> None:
    for speed in ("Bulk", "Bulk", "Expedited", "Expedited"):
        lake.apply(lake.restore_plan("trips", [MARCH], Duration.parse("7 days"), speed))
    assert lake.plan().moves[0].speed == "Expedited"
    lake.apply()
    assert slow(lake).asked == [
        ("Bulk", 7, False),
        ("Bulk", 7, False),
        ("Expedited", 7, True),
        *[("Expedited", 7, False)] * 2,
    ]


def test_what_the_policy_wants_back_stays_readable_until_the_next_months_apply(lake: Lake) -> None:
    set_config(lake, policy(STANDARD="6 months"))
    storage = lake.storage
    lake.close()
    with isotherm.open(lake.config.file, clock=Clock()) as again:
        again.storage = storage
        applied = again.apply()
        assert applied.waiting
        assert {days for _, days, _ in slow(again).asked} == {35}
        assert {move.dollars.once > 0 for move in again.plan().moves} == {True}
        slow(again).ready = True
        again.apply()
        assert set(tiers_of(again).values()) == {"STANDARD"}
        assert ids(again) == list(range(600))


def test_one_object_that_cannot_be_asked_for_keeps_no_other_from_being_asked(lake: Lake) -> None:
    slow(lake).refused = "/2018-03/"
    with pytest.raises(MovesFailed, match="AccessDenied"):
        restore(lake, MARCH, APRIL)
    assert len(slow(lake).asked) == 1
    assert kinds(lake) == [(Kind.RESTORE, "2018-03"), (Kind.RESTORE, "2018-04")]
    slow(lake).refused, slow(lake).ready = "", True
    assert len(lake.apply().done) == 2


def test_what_is_ready_does_not_wait_for_what_is_not(lake: Lake) -> None:
    restore(lake, MARCH)
    slow(lake).ready = True
    restore(lake, APRIL)
    assert kinds(lake) == [(Kind.RESTORE, "2018-03")]
    assert [outcome.move.span for outcome in lake.apply().done] == ["2018-03"]
    assert kinds(lake) == []


def test_a_restore_whose_time_is_over_before_it_came_is_not_made(lake: Lake) -> None:
    restore(lake, MARCH)
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(days=8))
    slow(lake).ready = True
    assert kinds(lake) == []


def test_the_other_moves_of_a_plan_are_made_while_one_waits(lake: Lake) -> None:
    restore(lake, MARCH)
    run_sql(
        lake, "INSERT INTO trips SELECT TIMESTAMP '2018-12-05', 1000 + i, 1, 'x' FROM range(9) t(i)"
    )
    applied = lake.apply(lake.plan(even_if_uneconomic=True))
    assert [(done.move.kind, done.move.span) for done in applied.done] == [(Kind.UNLOAD, "2018-12")]
    assert [move.span for move in applied.waiting] == ["2018-03"]


def test_an_archive_of_s3_is_asked_once_and_again_until_it_has_fetched(
    make_lake: MakeLake, s3_server: Callable[[str], S3Server]
) -> None:
    server = s3_server("ministack")
    bucket, client = server.bucket(), server.client()
    config = f'storage.url = "{server.url(bucket)}"\n' + policy(GLACIER="6 months")
    lake = make_lake(config, clock=Clock())
    run_sql(lake, make_trips(600, "2018-03-01", 200))
    age(lake)
    applied = restore(lake, MARCH)
    assert [move.span for move in applied.waiting] == ["2018-03"]
    with pytest.raises(ArchivedError):
        lake.sql(OF_MARCH)
    asked = [
        key
        for item in client.list_objects_v2(Bucket=bucket, Prefix="lake/GLACIER/")["Contents"]
        if "Restore" in client.head_object(Bucket=bucket, Key=(key := item["Key"]))
    ]
    assert ["/2018-03/" in key for key in asked] == [True]
    with pytest.raises(ClientError, match="RestoreAlreadyInProgress"):  # as a second ask would
        client.restore_object(Bucket=bucket, Key=asked[0], RestoreRequest={"Days": 1})
    end = time.monotonic() + 30
    while not (applied := lake.apply()).done:
        assert time.monotonic() < end
    assert [outcome.move.span for outcome in applied.done] == ["2018-03"]
    assert lake.sql(OF_MARCH).fetchall() == [(224,)]
    assert not untidy(lake)


def test_the_command_line_says_what_is_under_way_and_how_it_goes_on(
    cold: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "restore", lambda *_, **__: False)
        said = cold("restore", "trips", "2018-01..2018-02", "--yes", code=PENDING)
        words(said.err, ["2 of 2 restores are under way", "asked for, once", "isotherm apply"])
        assert "can be read" not in said.out
        words(cold("plan", "--as-of", AS_OF).flat, ["2018-01", "asked for until"])
        applied = cold("apply", "--as-of", AS_OF, "--yes", "--format", "json").json
        assert len(applied["waiting"]) == 2
    words(cold("apply", "--as-of", AS_OF, "--yes").flat, ["2 moves done"])
    cold("sql", "select count(*) from trips where pickup < '2018-03-01'")
