"""What `isotherm grants` prints suffices for a role that is no superuser, and is needed."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from command_line import CommandLine, edit, words
from databases import PostgresServer

AS_OF = ("--as-of", "2019-07", "--even-if-uneconomic", "--yes")
TABLE = """
CREATE TABLE trips (pickup timestamp NOT NULL, id int);
INSERT INTO trips SELECT timestamp '2018-03-01' + i * interval '8 hours', i
FROM generate_series(0, 199) i;
REVOKE ALL ON SCHEMA public FROM public;
"""


@pytest.fixture
def role(postgres: PostgresServer) -> str:
    name = f"mover_{uuid.uuid4().hex[:8]}"
    with postgres.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[arg-type]
    return name


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    url = postgres.database()
    with postgres.connect(url) as connection:
        connection.execute(TABLE)
    return url.rpartition("/")[2]


def printed(command: CommandLine, postgres: PostgresServer, role: str, database: str) -> list[str]:
    """Write a config, and return the statements that `isotherm grants` prints for it."""
    Path("isotherm.toml").write_text(
        f'warehouse.url = "{postgres.url(database, role)}"\n'
        f'catalog.url = "{postgres.url(database, role)}"\n'
        '[datasets.trips]\ntable = "trips"\nclock = "pickup"\n'
        '[datasets.trips.policy]\nSTANDARD = "6 months"\n'
    )
    lines = command("grants").out.splitlines()
    return [line for line in lines if not line.startswith("--")]


def grant(postgres: PostgresServer, database: str, statements: list[str]) -> None:
    with postgres.connect(postgres.url(database)) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def test_what_is_printed_suffices(
    command: CommandLine, postgres: PostgresServer, role: str, database: str
) -> None:
    grant(postgres, database, printed(command, postgres, role, database))
    command("init")
    command("apply", *AS_OF)
    assert command.tiers() == dict.fromkeys(("2018-03", "2018-04", "2018-05"), "STANDARD")
    assert command.rows("select count(*), sum(id) from trips") == [(200, 19900)]
    edit('STANDARD = "6 months"', "")
    command("apply", *AS_OF)
    assert set(command.tiers().values()) == {"hot"}
    assert command.rows("select count(*), sum(id) from trips") == [(200, 19900)]


@pytest.mark.parametrize("missing", ["CREATE SCHEMA", "USAGE ON SCHEMA", "SELECT", "DELETE"])
def test_one_grant_less_fails_and_changes_nothing(
    command: CommandLine, postgres: PostgresServer, role: str, database: str, missing: str
) -> None:
    statements = printed(command, postgres, role, database)
    if missing in ("SELECT", "DELETE"):
        less = [statement.replace(f"{missing}, ", "") for statement in statements]
        less = [statement.replace(f", {missing} ON", " ON") for statement in less]
    else:
        less = [statement for statement in statements if missing not in statement]
    assert less != statements
    grant(postgres, database, less)
    said = ""
    for arguments in (("init",), ("apply", *AS_OF)):
        from isotherm.cli import main

        if main.run(arguments):
            said = "failed"
            break
    assert said
    with postgres.connect(postgres.url(database)) as connection:
        assert connection.execute("SELECT count(*) FROM trips").fetchall() == [(200,)]


def test_a_warehouse_in_a_file_needs_no_grants(command: CommandLine) -> None:
    command("init")
    words(command("grants").err, ["duckdb:warehouse.duckdb is a file"])
