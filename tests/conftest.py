"""What all tests share: real lakes in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest

import isotherm
import turns
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.lake import Lake
from isotherm.opening import init_lake

pytest_plugins = (
    "sharing",
    "servers",
    "databases",
    "overlapping",
    "spark_servers",
    "aged",
    "command_line",
    "mounts",
)

TRIPS = """
[datasets.trips]
table = "trips"
clock = "pickup"

[datasets.trips.policy]
STANDARD = "6 months"
STANDARD_IA = "12 months"
GLACIER = "15 months"
expire = "12 years"
"""

MakeLake = Callable[..., Lake]
SLOW = ("faults/test_kill", "faults/test_lost_control", "faults/test_random_walk", "/stories/")
SHARED_LAKES = ("aged", "plain_aged", "named")
"""They take seconds to make, and no test changes them: one worker makes each, for all tests."""


hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_engine_as_it_is = DuckDBEngine.__init__


def _engine_of_one_thread(self: DuckDBEngine, *, threads: int | None = None, **rest: Any) -> None:
    """Of rows as few as here, threads that wait for each other take a fifth of all time."""
    _engine_as_it_is(self, threads=threads or 1, **rest)


_connect_as_it_is = duckdb.connect


def _connect_trusting(*given: Any, **named: Any) -> duckdb.DuckDBPyConnection:
    """To check an extension's signature takes a tenth of a second, each time that one is loaded."""
    config = {"allow_unsigned_extensions": "true", **(named.pop("config", None) or {})}
    return _connect_as_it_is(*given, config=config, **named)


if turns.TURN != "all":
    duckdb.connect = _connect_trusting
    DuckDBEngine.__init__ = _engine_of_one_thread  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker ends long after the others."""
    items.sort(key=lambda item: not any(name in item.path.as_posix() for name in SLOW))
    for item in items:
        for name in set(getattr(item, "fixturenames", ())).intersection(SHARED_LAKES):
            given = item.callspec.params.get(name, "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"{name} {given}"))


def pytest_report_header() -> str:
    """Say how this run can be repeated."""
    return f"what is tried in turn: {turns.ENVIRONMENT}={turns.TURN}"


@contextmanager
def making(where: Path) -> Iterator[MakeLake]:
    """Yield a function that sets up a lake by its config and opens it; all are closed after."""
    opened: list[Lake] = []

    def make(
        config: str = TRIPS, *, folder: str = ".", warehouse: str = "", **options: object
    ) -> Lake:
        file = where / folder / "isotherm.toml"
        init_lake(file, f'warehouse.url = "{warehouse}"\n{config}' if warehouse else config)
        opened.append(isotherm.open(file, **options))
        return opened[-1]

    yield make
    for lake in opened:
        lake.close()


@pytest.fixture
def make_lake(tmp_path: Path) -> Iterator[MakeLake]:
    """Return a function that sets up a lake in the test's own folder."""
    with making(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeLake]:
    """Return a function that sets up a lake for all tests of a file that change nothing of it."""
    with making(tmp_path_factory.mktemp("lakes")) as make:
        yield make


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real trips beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real trips: there is no folder {folder}")
    return folder


def lake_at(request: pytest.FixtureRequest, where: str, config: str, **options: object) -> Lake:
    """Set up a lake on real parts: `duckdb`, `postgres`, either of them `on moto` or `on rgw`."""
    database, _, store = where.partition(" on ")
    if store:
        server = request.getfixturevalue("s3_server")(store)
        config = f'storage.url = "{server.url(server.bucket())}"\n{config}'
    url = request.getfixturevalue("postgres").database() if database == "postgres" else ""
    make_lake: MakeLake = request.getfixturevalue("make_lake")
    return make_lake(config, warehouse=url, **options)


def run_sql(lake: Lake, *statements: str) -> list[tuple[object, ...]]:
    """Run statements as the table's owner, past Isotherm, and return the last one's rows."""
    session = lake.warehouse.session()
    try:
        rows: list[tuple[object, ...]] = []
        for statement in statements:
            rows = session.execute(statement)
        return rows
    finally:
        session.close()


def catalogs(lake: Lake, prefix: str) -> set[str]:
    """Return the catalogs of the lake's engine whose names begin so."""
    session = lake.warehouse.engine.session()
    rows = session.execute("SELECT database_name FROM duckdb_databases()")
    session.close()
    return {name for (name,) in rows if name.startswith(prefix)}


def make_trips(rows: int = 6_000, start: str = "2018-01-01", minutes: int = 131) -> str:
    """Return the statement that makes a table of trips; 131 minutes apart is about 18 months."""
    return f"""CREATE TABLE trips AS
        SELECT TIMESTAMP '{start}' + INTERVAL (i * {minutes}) MINUTE AS pickup,
               i::INTEGER AS id, ((i % 97) * 1.25)::DECIMAL(9,2) AS fare, 'x' || (i % 50) AS tag
        FROM range({rows}) t(i)"""
