"""Queries of eight shapes over rows that are hot, cold, or both: against plain tables and files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

import isotherm
from isotherm.lake import Lake
from isotherm.opening import init_lake

from . import data
from .ratio import Found, Point, Ratio, point_of, ratio_of, say, seconds
from .s3 import reach, server
from .sides import start_of

MONTHS = 12
ROWS = 500_000
"""A month."""
FULL_ROWS = 5_000_000
TIMES = 5
SHAPES = {
    "count": "SELECT count(*) FROM {trips}",
    "selective filter": "SELECT * FROM {trips} WHERE {day} AND fare > 90",
    "group by": "SELECT month(pickup), payment, count(*), sum(fare) FROM {trips} GROUP BY ALL",
    "join": "SELECT borough, count(*), sum(fare) FROM {trips} JOIN zones ON from_zone = zone "
    "GROUP BY borough",
    "top n": "SELECT * FROM {trips} ORDER BY fare DESC, trip_id LIMIT 10",
    "distinct": "SELECT count(DISTINCT driver_id) FROM {trips}",
    "window": "SELECT max(fare - before) FROM (SELECT fare, lag(fare) OVER (PARTITION BY driver_id "
    "ORDER BY pickup, trip_id) AS before FROM {trips} WHERE {middle})",
}
FIRST = "first row"
"""Of all rows with all columns: how long until the first of them are there."""
ALL = "SELECT * FROM {trips}"
ZONES = "SELECT i::INTEGER AS zone, 'borough ' || i % 6 AS borough FROM range(263) t(i)"
COLD = {"all hot": 0.0, "mixed": 0.5, "all cold": 1.0}
"""What share of the months is cold."""


@dataclass(frozen=True)
class Asked:
    """One who is asked: how to get all rows of a query, and how the first ones."""

    name: str
    all: Callable[[str], object]
    first: Callable[[str], object]


def measure(folder: Path) -> Found:
    """Ask on six million rows."""
    return curve(folder / "shapes", ROWS)


def measure_full(folder: Path) -> Found:
    """Ask on sixty million rows."""
    return curve(folder / "shapes", FULL_ROWS)


def measure_s3(folder: Path) -> Found:
    """Ask on six million rows that lie on Ceph's gateway."""
    return on_s3(folder / "shapes-s3", ROWS)


def measure_s3_full(folder: Path) -> Found:
    """Ask on sixty million rows that lie on Ceph's gateway."""
    return on_s3(folder / "shapes-s3", FULL_ROWS)


def curve(folder: Path, rows: int, times: int = TIMES, months: int = MONTHS) -> Found:
    """Ask everybody everything, in turn."""
    shutil.rmtree(folder, ignore_errors=True)
    base = _base(folder / "base.duckdb", rows, months)
    found: list[Ratio | Point] = []
    for state, share in COLD.items():
        _make(folder / state, base, round(share * months))
    with (
        data.plain(base) as connection,
        isotherm.open(folder / "all cold" / "isotherm.toml") as cold_lake,
    ):
        plain = [
            by_hand("plain tables", connection, "trips"),
            by_hand("read_parquet", connection, _files(cold_lake)),
        ]
        found += _asked("all cold", cold_lake, plain, times)
        for state in ("mixed", "all hot"):
            with isotherm.open(folder / state / "isotherm.toml") as lake:
                found += _asked(state, lake, plain, times)
    shutil.rmtree(folder)
    return found


def on_s3(folder: Path, rows: int, times: int = TIMES, months: int = MONTHS) -> Found:
    """Ask a lake whose rows are all on S3, and read_parquet of the same objects."""
    shutil.rmtree(folder, ignore_errors=True)
    base = _base(folder / "base.duckdb", rows, months)
    with server() as started:
        _make(folder / "lake", base, months, started.url(started.bucket()))
        with (
            isotherm.open(folder / "lake" / "isotherm.toml") as lake,
            data.plain(base) as connection,
        ):
            reach(connection, started)
            plain = [by_hand("read_parquet", connection, _files(lake))]
            found = _asked("all cold, S3", lake, plain, times)
    shutil.rmtree(folder)
    return found


def by_hand(name: str, connection: duckdb.DuckDBPyConnection, rows: str) -> Asked:
    """Return one who reads rows by DuckDB alone."""

    def run(query: str) -> duckdb.DuckDBPyConnection:
        return connection.execute(query.format(trips=rows))

    return Asked(
        name,
        lambda query: run(query).to_arrow_table(),
        lambda query: run(query).to_arrow_reader(2_048).read_next_batch(),
    )


def by_isotherm(lake: Lake) -> Asked:
    """Return one who asks a lake."""

    def first(query: str) -> object:
        with lake.sql(query.format(trips="trips")) as result:
            return next(result.batches(2_048))

    return Asked(
        "Isotherm",
        lambda query: lake.sql(query.format(trips="trips")).arrow(),
        first,
    )


def _asked(state: str, lake: Lake, plain: Sequence[Asked], times: int) -> Found:
    """Ask a lake and the plain ones every query, each of them first every so many times."""
    found: list[Ratio | Point] = []
    sides = [by_isotherm(lake), *plain]
    for shape, query in _queries(len(lake.inventory("trips").partitions)).items():
        if shape != FIRST:
            _compare(shape, [side.all(query) for side in sides])
        taken: dict[str, list[float]] = {side.name: [] for side in sides}
        for number in range(times):
            for place in range(len(sides)):
                side = sides[(place + number) % len(sides)]
                act = side.first if shape == FIRST else side.all
                taken[side.name].append(seconds(lambda act=act, query=query: act(query)))
        ours = taken["Isotherm"]
        found.append(point_of(f"seconds, {state}", "Isotherm", shape, ours))
        for one in plain:
            ratios = [own / hand for own, hand in zip(ours, taken[one.name], strict=True)]
            name = f"sql, {state}, {shape}: against {one.name}"
            found += [
                ratio_of(name, ratios, None),
                point_of(f"shapes, {one.name}", state, shape, ratios),
                point_of(f"seconds, {state}", one.name, shape, taken[one.name]),
            ]
        middle = {name: sorted(each)[times // 2] for name, each in taken.items()}
        say(f"  {state}, {shape}: " + ", ".join(f"{n} {s:.3f} s" for n, s in middle.items()))
    return found


def _compare(shape: str, answers: Sequence[object]) -> None:
    """See that all have given the same answer."""
    tables = [sorted(map(repr, answer.to_pylist())) for answer in answers]  # type: ignore[attr-defined]
    if not tables[0] or any(table != tables[0] for table in tables):
        raise AssertionError(f"{shape}: the answers differ, or there are none")


def _make(folder: Path, base: Path, cold: int, store: str = "") -> None:
    """Make a lake of which so many months are cold."""
    folder.mkdir(parents=True)
    shutil.copyfile(base, folder / "warehouse.duckdb")
    storage = f'storage.url = "{store}"\n' if store else ""
    init_lake(folder / "isotherm.toml", storage + data.CONFIG.format(period="month"))
    now = start_of(cold)
    with isotherm.open(folder / "isotherm.toml", clock=lambda: now) as lake:
        taken = seconds(lambda: lake.apply(lake.plan("trips", even_if_uneconomic=True)))
        parts = lake.inventory("trips").parts
    if len(parts) != cold:
        raise AssertionError(f"{len(parts)} months are cold, not {cold}")
    say(f"  {cold} months unloaded in {taken:.0f} s")


def _base(file: Path, rows: int, months: int) -> Path:
    """Make the rows, so many a month, and the small table that they are joined with."""
    query = " UNION ALL ".join(
        f"({data.few(rows, 28, start=f'{start_of(number):%F}', first=number * rows)})"
        for number in range(months)
    )
    data.warehouse(file, query)
    with data.plain(file) as connection:
        connection.execute(f"CREATE TABLE zones AS {ZONES}")
    return file


def _files(lake: Lake) -> str:
    """Return the objects of a lake as a table function that reads them."""
    urls = (lake.storage.url(part.location) for part in lake.inventory("trips").parts)
    return f"read_parquet([{', '.join(repr(url.removeprefix('file://')) for url in urls)}])"


def _queries(months: int) -> dict[str, str]:
    """Return the queries, with a day of the second month and the two months in the middle."""
    day, half = start_of(1), months // 2
    times = {
        "day": _between(day.replace(day=11), day.replace(day=12)),
        "middle": _between(start_of(half - 1), start_of(half + 1)),
    }
    return {
        name: query.format(trips="{trips}", **times)
        for name, query in {**SHAPES, FIRST: ALL}.items()
    }


def _between(first: datetime, last: datetime) -> str:
    return f"pickup >= TIMESTAMP '{first}' AND pickup < TIMESTAMP '{last}'"
