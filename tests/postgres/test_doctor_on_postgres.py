"""On PostgreSQL a doctor asks for what its role may do, for its clock, and who is at work."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

import pytest

import isotherm
from ageing import plan_of, policy
from conftest import MakeLake, run_sql
from databases import PostgresServer
from examined import only, said, warned, wrong
from isotherm.check.doctor import Examined, State
from isotherm.engine.connecting import connecting
from isotherm.moves.applying import Watch
from isotherm.opening import utc_now
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.warehouse.grants import grants

CONFIG = policy(STANDARD="6 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 8) HOUR AS pickup, "
    "i::INTEGER AS id FROM range(200) t(i)"
)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.database()


@pytest.fixture
def file(make_lake: MakeLake, url: str) -> Path:
    lake = make_lake(CONFIG, warehouse=url)
    run_sql(lake, TABLE)
    lake.close()
    return lake.config.file


def as_owner(postgres: PostgresServer, url: str, *statements: str) -> None:
    with postgres.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture
def mover(postgres: PostgresServer, url: str, file: Path) -> str:
    """Have the lake opened by a role of its own, that may do what is printed."""
    role, database = f"mover_{uuid.uuid4().hex[:8]}", connecting(url, "").database
    as_owner(postgres, url, f"CREATE ROLE {role} LOGIN", "REVOKE ALL ON SCHEMA public FROM public")
    from isotherm.model.dataset import TableName

    as_owner(postgres, url, *grants(database, role, [TableName("public", "trips")]))
    as_owner(
        postgres,
        url,
        f"GRANT USAGE ON SCHEMA isotherm TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA isotherm TO {role}",
    )
    file.write_text(file.read_text().replace("postgres@", f"{role}@"))
    return role


def test_a_role_that_may_do_what_is_printed_lacks_nothing(file: Path, mover: str) -> None:
    examined = isotherm.doctor(file)
    assert {check.state for check in examined.checks} == {State.OK}, examined
    assert mover in only(examined, "server").found


@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("REVOKE DELETE ON trips FROM {role}", "dataset trips", "DELETE on public.trips"),
        ("REVOKE INSERT ON trips FROM {role}", "dataset trips", "INSERT on public.trips"),
        ("REVOKE SELECT ON trips FROM {role}", "dataset trips", "SELECT on public.trips"),
        ("REVOKE USAGE ON SCHEMA public FROM {role}", "dataset trips", "USAGE ON SCHEMA public"),
        ("ALTER TABLE trips ENABLE ROW LEVEL SECURITY", "dataset trips", "row-level security"),
        ("REVOKE UPDATE ON isotherm.intents FROM {role}", "control", "UPDATE on isotherm.intents"),
        ("REVOKE ALL ON isotherm.migrations FROM {role}", "control", "may not do that"),
        (
            "ALTER ROLE {role} SET default_transaction_read_only = on",
            "server",
            "lets nobody write",
        ),
        (
            "CREATE RULE keep AS ON DELETE TO trips DO INSTEAD NOTHING",
            "dataset trips",
            "the rule keep",
        ),
        ("ALTER TABLE trips ADD COLUMN area box", "dataset trips", "box"),
    ],
)
def test_what_is_not_granted_and_what_stands_in_the_way_is_named(
    postgres: PostgresServer,
    url: str,
    file: Path,
    mover: str,
    statement: str,
    name: str,
    expected: str,
) -> None:
    as_owner(postgres, url, statement.format(role=mover))
    examined = isotherm.doctor(file)
    assert expected in " ".join(wrong(examined)[name]), examined
    assert {"store", "permissions", "space"} <= set(said(examined, State.OK))


def test_who_applies_is_named_and_the_move_at_hand_is_no_fault(
    file: Path,
) -> None:
    seen: list[Examined] = []

    def watch(move: Move, step: Step) -> None:
        if step is Step.FENCE:
            seen.append(isotherm.doctor(file))

    with isotherm.open(file) as lake:
        lake.apply(plan_of(lake, "2018-03"), watch=Watch(step=watch))
    (examined,) = seen
    assert "applies; its lease holds for" in only(examined, "lease").found
    assert "is at it" in only(examined, "half done").found
    assert not wrong(examined)
    assert not warned(examined)
    assert only(isotherm.doctor(file), "lease").found == "nobody applies"


def test_a_lease_that_has_run_out_or_whose_holder_is_gone_is_found(
    postgres: PostgresServer, url: str, file: Path
) -> None:
    lease = "INSERT INTO isotherm.leases VALUES ('apply', 'x', 'process 7 on box', {until})"
    as_owner(postgres, url, lease.format(until="now() AT TIME ZONE 'UTC' + interval '1 minute'"))
    assert "no connection of it any more" in warned(isotherm.doctor(file))["lease"][0]
    as_owner(postgres, url, "UPDATE isotherm.leases SET until = until - interval '1 hour'")
    (found,) = warned(isotherm.doctor(file))["lease"]
    assert found.startswith("process 7 on box was at work, and is gone: its lease ran out 3,")


def test_a_clock_that_is_not_the_servers_is_found(file: Path) -> None:
    fast = isotherm.doctor(file, clock=lambda: utc_now() + timedelta(minutes=20))
    assert "s ahead of that of PostgreSQL" in warned(fast)["clock"][0]
    assert fast.well


def test_a_catalogue_on_a_server_is_looked_at_and_never_made(
    file: Path, postgres: PostgresServer
) -> None:
    other = postgres.database()
    file.write_text(f'catalog.url = "{other}"\n{file.read_text()}')
    (found,) = wrong(isotherm.doctor(file))["catalogue"]
    assert "has no catalogue" in found
    with postgres.connect(other) as connection:
        rows = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'isotherm'")
        assert rows.fetchall() == [(0,)]
