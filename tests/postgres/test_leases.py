"""Several processes that could apply at a time: one does, and no other is harmed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy, waiting
from conftest import MakeLake, run_sql
from databases import PostgresServer
from isotherm.lake import Lake
from isotherm.model.errors import BusyError, MovesFailed
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step

CONFIG = policy(STANDARD="6 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)
SHORT = 6.0
"""The length, in seconds, of the lease of a process that will be stopped."""
PROCESSES = multiprocessing.get_context("spawn")


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
def lake(make_lake: MakeLake, url: str) -> Lake:
    made = make_lake(CONFIG, warehouse=url, clock=Clock())
    run_sql(made, TABLE)
    return made


def another(lake: Lake, **options: object) -> Lake:
    """Open the lake once more, as another process does."""
    return isotherm.open(lake.config.file, clock=lake.clock, **options)  # type: ignore[arg-type]


def test_of_two_applies_at_once_one_works_and_the_other_says_who_holds_the_lease(
    lake: Lake,
) -> None:
    said = []

    def watch(move: Move, step: Step) -> None:
        if step is Step.COPY and not said:
            with another(lake) as other, pytest.raises(BusyError) as busy:
                age(other)
            said.append(busy.value.message)

    lake.apply(plan_of(lake), watch=Watch(step=watch))
    assert f"process {os.getpid()} on" in said[0]
    assert "is at work on this lake" in said[0]
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert ids(lake) == list(range(200))


def test_who_waits_for_the_lease_gets_it_when_the_other_is_done(lake: Lake) -> None:
    with another(lake, wait=20.0) as other, PROCESSES.Pool(1) as pool:
        with lake.warehouse.lease():
            late = pool.apply_async(_wait_and_age, (str(lake.config.file),))
            time.sleep(2)
            assert not late.ready()
        assert late.get(60) == {"2018-03": "STANDARD", "2018-04": "STANDARD", "2018-05": "STANDARD"}
        age(other)


def _wait_and_age(file: str) -> dict[str, str]:
    with isotherm.open(file, clock=Clock(), wait=30.0) as lake:
        age(lake)
        return tiers_of(lake)


def test_a_lease_is_over_with_the_apply(lake: Lake, url: str, postgres: PostgresServer) -> None:
    age(lake)
    assert rows(postgres, url, "SELECT * FROM isotherm.leases") == []


def test_the_lease_of_a_killed_process_is_taken_at_once(lake: Lake) -> None:
    _stop_before_commit(lake, signal.SIGKILL)
    age(lake)
    _whole(lake)


def test_a_process_that_is_stopped_beyond_its_lease_does_no_harm_when_it_goes_on(
    lake: Lake,
) -> None:
    process, report = _stop_before_commit(lake, signal.SIGSTOP)
    try:
        with pytest.raises(BusyError, match=f"process {process.pid} on"):
            age(lake)
        with another(lake, wait=2 * SHORT) as other:
            age(other)
        _whole(lake)
    finally:
        assert process.pid
        os.kill(process.pid, signal.SIGCONT)
    process.join(60)
    assert process.exitcode == 0
    said = json.loads(report.read_text())
    assert said["error"] == MovesFailed.__name__
    assert said["done"] == 0
    _whole(lake)


def test_a_lease_that_was_not_renewed_in_time_stops_the_moves_that_follow(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isotherm.warehouse.lease.LENGTH", 0.0)
    with pytest.raises(MovesFailed, match="has not renewed its lease in time"):
        age(lake)
    assert set(tiers_of(lake).values()) == {"hot"}


def test_a_lease_is_renewed(
    lake: Lake, url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isotherm.warehouse.lease.LENGTH", 2.0)
    with lake.warehouse.lease() as check:
        before = rows(postgres, url, "SELECT until FROM isotherm.leases")
        time.sleep(3)
        assert rows(postgres, url, "SELECT until FROM isotherm.leases") > before
        check()


def rows(server: PostgresServer, url: str, sql: str) -> list[tuple[object, ...]]:
    with server.connect(url) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]


def _stop_before_commit(
    lake: Lake, how: signal.Signals
) -> tuple[multiprocessing.process.BaseProcess, Path]:
    """Have another process begin to apply, and stop it before its first commit."""
    report = lake.config.folder / "report.json"
    process = PROCESSES.Process(target=_apply_and_stop, args=(lake.config.file, how, report))
    process.start()
    end = time.monotonic() + 60
    while _state(process.pid) not in ("T", "Z"):
        assert time.monotonic() < end
        time.sleep(0.05)
    return process, report


def _state(pid: int | None) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _apply_and_stop(file: Path, how: signal.Signals, report: Path) -> None:
    told = {"error": "", "done": -1}

    def watch(move: Move, step: Step) -> None:
        if step is Step.COMMIT and told["done"] < 0:
            told["done"] = 0
            os.kill(os.getpid(), how)

    with pytest.MonkeyPatch.context() as patch, isotherm.open(file, clock=Clock()) as lake:
        patch.setattr("isotherm.warehouse.lease.LENGTH", SHORT)
        try:
            lake.apply(plan_of(lake), watch=Watch(step=watch))
        except MovesFailed as failed:
            told = {"error": type(failed).__name__, "done": len(failed.applied.done)}
        except BaseException as error:
            told = {"error": repr(error), "done": -1}
    report.write_text(json.dumps(told), encoding="utf-8")


def _whole(lake: Lake) -> None:
    """Check that everything is moved, is there once, and nothing is left over."""
    assert ids(lake) == list(range(200))
    assert set(tiers_of(lake).values()) == {"STANDARD"}
    assert isinstance(lake.clock, Clock)
    lake.clock.forward(timedelta(hours=2))
    age(lake)
    assert not untidy(lake)
    assert not waiting(lake)
