"""Lakes with rows in every tier, beside the same rows in plain tables; tests only look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

import isotherm
from ageing import Clock
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError
from isotherm.model.period import Duration, Period, between
from isotherm.opening import init_lake
from turns import in_turn

Rows = list[tuple[object, ...]]
NOW = datetime(2020, 1, 15)
ARCHIVED = tuple(str(p) for p in (*between("2018-01..2018-04"), *between("2018-06..2018-12")))
"""The months that a query may not read. 2018-05 is restored, 2019-01 to 2019-09 are cold."""

CONFIG = """
[datasets.trips]
table = "main.rides"
clock = "pickup"

[datasets.trips.policy]
STANDARD = "4 months"
STANDARD_IA = "8 months"
GLACIER = "13 months"
"""
ROWS = """
SELECT (TIMESTAMP '2018-01-01 00:30:07' + INTERVAL (i * 1279) MINUTE)::{clock} AS pickup,
       i::INTEGER AS id, ((i % 97) * 1.25)::DECIMAL(9,2) AS fare, 'x' || (i % 7) AS tag,
       (i % 11)::SMALLINT AS seats, CASE WHEN i % 5 > 0 THEN i % 13 END AS stops
FROM range(860) t(i)
UNION ALL
SELECT NULL, (10000 + i)::INTEGER, i::DECIMAL(9,2), 'null', 1::SMALLINT, NULL FROM range(9) t(i)
"""
LATE = """
SELECT (TIMESTAMP '{month}-11 03:17:01' + INTERVAL (i) DAY)::{clock} AS pickup,
       ({first} + i)::INTEGER AS id, 7.5::DECIMAL(9,2) AS fare, 'late' AS tag,
       2::SMALLINT AS seats, 3 AS stops
FROM range(4) t(i)
"""


@dataclass(frozen=True)
class Aged:
    """A lake and its twins.

    `everything` holds all rows, `readable` those of the months that a query may read.
    """

    lake: Lake
    clock_type: str

    def twin(self, query: str, table: str) -> list[tuple[object, ...]]:
        """Return what a query answers on a plain table instead of `trips`."""
        session = self.lake.warehouse.session()
        try:
            return session.execute(query.replace("trips", table))
        finally:
            session.close()


def make(folder: Path, clock_type: str) -> Aged:
    """Make a lake with hot, cold, archived, restored, late and ageless rows."""
    file = folder / "isotherm.toml"
    init_lake(file, CONFIG)
    lake = isotherm.open(file, clock=Clock(NOW))
    session = lake.warehouse.session()
    session.execute(f"CREATE TABLE rides AS {ROWS.format(clock=clock_type)}")
    lake.apply(lake.plan(even_if_uneconomic=True))
    lake.apply(lake.restore_plan("trips", [Period.parse("2018-05")], Duration.parse("30d")))
    for month, first in (("2018-03", 20_000), ("2019-02", 30_000)):
        late = LATE.format(month=month, first=first, clock=clock_type)
        session.execute(f"INSERT INTO rides {late}")
    session.execute(
        "CREATE TABLE dims AS SELECT i AS seats, 'd' || i AS name FROM range(0, 9) t(i)"
    )
    late = " UNION ALL ".join(
        LATE.format(month=month, first=first, clock=clock_type)
        for month, first in (("2018-03", 20_000), ("2019-02", 30_000))
    )
    session.execute(f"CREATE TABLE everything AS {ROWS.format(clock=clock_type)} UNION ALL {late}")
    session.execute("CREATE SEQUENCE counter")
    session.execute("CREATE TABLE s0 AS SELECT 1 AS x")  # as Isotherm calls a table's stand-in
    gone = ", ".join(f"'{month}'" for month in ARCHIVED)
    session.execute(
        "CREATE TABLE readable AS SELECT * FROM everything WHERE pickup IS NULL OR tag = 'late' "
        f"OR strftime(pickup, '%Y-%m') NOT IN ({gone})"
    )
    session.close()
    return Aged(lake, clock_type)


def reached(ask: Callable[[], Rows]) -> tuple[set[Period], Rows]:
    """Return the archived months for which a query is refused, or else its rows."""
    try:
        return set(), ask()
    except ArchivedError as error:
        spans = [f"{first}..{last}" for _, first, last in error.partitions]
        return {period for text in spans for period in between(text)}, []


def same(one: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> bool:
    """Say whether two answers have the same rows, in whatever order."""
    return Counter(one) == Counter(other)


@pytest.fixture(scope="session", params=in_turn(["TIMESTAMP", "TIMESTAMPTZ", "DATE"], 3))
def aged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aged]:
    """Return a lake with rows in every tier, once for each type of clock."""
    made = make(tmp_path_factory.mktemp("aged"), request.param)
    yield made
    made.lake.close()


@pytest.fixture(scope="session")
def plain_aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aged]:
    """Return a lake with rows in every tier, its clock a TIMESTAMP."""
    made = make(tmp_path_factory.mktemp("plain"), "TIMESTAMP")
    yield made
    made.lake.close()
