"""`erase`: what finding one person reads, and what forgetting a thousand takes, against COPY."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

import duckdb

import isotherm
from isotherm.lake import Lake
from isotherm.model.person import DataSubject

from . import data
from .ratio import Ratio, ratio_of, say, seconds
from .reading import bytes_read

MONTHS = 24
ROWS = 250_000
"""A month."""
FULL_MONTHS = 144
FULL_ROWS = 1_000_000
RIDERS = 5_000_000
"""Each of them rides in any month: the hardest case, because no file is without most of them."""
PEOPLE = 1_000
REQUESTS = 3
SEARCHES = 9
TOOL = 44 / 3_600
"""Objects a second of the best-known tool, on 4 cores."""


def measure(folder: Path) -> list[Ratio]:
    """Find and erase in two years of small months."""
    return _measure(folder / "erase", MONTHS, ROWS)


def measure_full(folder: Path) -> list[Ratio]:
    """Find and erase in twelve years of a million rows a month."""
    return _measure(folder / "erase-full", FULL_MONTHS, FULL_ROWS)


def _measure(folder: Path, months: int, rows: int) -> list[Ratio]:
    make(folder, months, rows)
    searches = [_search(folder / "lake", number) for number in range(SEARCHES)]
    with isotherm.open(folder / "lake" / "isotherm.toml") as lake:
        size = sum(part.bytes for part in lake.inventory("trips").parts)
        say(f"  {months} files of {rows:,} rows, {size / months / rows:.0f} bytes a row")
        return [
            ratio_of("erase, finding one person: share of the bytes read", searches, 0.02),
            *_erase(lake, folder / "plain"),
        ]


def make(folder: Path, months: int, rows: int) -> None:
    """Make a lake whose months are all cold."""
    shutil.rmtree(folder, ignore_errors=True)
    data.lake(folder / "lake", None, subject="rider_id").close()
    with data.plain(folder / "lake" / "warehouse.duckdb") as connection:
        connection.execute(f"CREATE TABLE trips AS {data.trips(0, 1)}")
        for number in range(months):
            start = f"{2026 - months // 12 + number // 12}-{number % 12 + 1:02}-01"
            rider = f"(hash(trip_id + {number * rows}) % {RIDERS})::BIGINT AS rider_id"
            connection.execute(
                f"INSERT INTO trips SELECT * REPLACE ({rider}) "
                f"FROM ({data.trips(rows, 28, start=start)})"
            )
    with isotherm.open(folder / "lake" / "isotherm.toml") as lake:
        plan = lake.plan("trips", even_if_uneconomic=True)
        say(f"  unloaded in {seconds(lambda: lake.apply(plan)):.0f} s")
        lake.erasing.new_key()


def _search(folder: Path, number: int) -> float:
    """Look for one person by an engine that has read nothing yet, and return the share it reads.

    All that this process reads meanwhile counts, whatever it is for.
    """
    with isotherm.open(folder / "isotherm.toml") as lake:
        size = sum(part.bytes for part in lake.inventory("trips").parts)
        before, begun = bytes_read(), time.perf_counter()
        found = lake.erasing.find("trips", _people(number, 1))
        taken, share = time.perf_counter() - begun, (bytes_read() - before) / size
    say(
        f"  {found.rows} rows in {len(found.cold)} of {found.objects} files, {taken:.2f} s, "
        f"{share:.2%} of the bytes"
    )
    return share


def _erase(lake: Lake, folder: Path) -> list[Ratio]:
    """Serve one request after the other, and rewrite by hand what each of them rewrites."""
    folder.mkdir()
    rate: list[float] = []
    speed: list[float] = []
    careful: list[float] = []
    with data.plain() as connection:
        connection.execute("SET preserve_insertion_order = true")
        for number in range(REQUESTS):
            people = _people(SEARCHES + number * PEOPLE, PEOPLE)
            case = lake.erasing.ask("trips", people, f"BENCH-{number}").case
            # As a table: listed as literals, a thousand take three times as long.
            values = ", ".join(f"({subject.values[0][1]})" for subject in people)
            connection.execute(
                f"CREATE OR REPLACE TABLE people AS FROM (VALUES {values}) AS p(rider_id)"
            )
            parts = lake.inventory("trips").parts
            sources = [lake.storage.url(part.location).removeprefix("file://") for part in parts]

            run = partial(lake.erasing.run, case)
            own = seconds(run) if number % 2 else 0.0  # each side first every other time
            hand, check = _by_hand(connection, sources, folder)
            own = own or seconds(run)
            say(
                f"  {len(sources)} objects: erase {own:.1f} s, by hand {hand:.1f} s "
                f"and {check:.1f} s of hashes"
            )
            rate.append(len(sources) / own)
            speed.append(hand / own)
            careful.append((hand + check) / own)
            for source in sources:  # room for the next: they would wait for the end of the grace
                Path(source).unlink()
    checked = "erase, 1,000 people: its speed, by hand with hashes of both sides"
    return [
        ratio_of("erase, 1,000 people: its speed", speed, 0.7, less_is_better=False),
        ratio_of(checked, careful, None, less_is_better=False),
        ratio_of("erase, objects a second", rate, 50 * TOOL, less_is_better=False),
    ]


def _by_hand(
    connection: duckdb.DuckDBPyConnection, sources: list[str], folder: Path
) -> tuple[float, float]:
    """Rewrite objects as a person would who knows which; return what copying and hashing take."""
    copying = hashing = 0.0
    pairs = [(source, folder / f"{number}.parquet") for number, source in enumerate(sources)]
    for pair in pairs:
        copying += seconds(partial(_rewrite, connection, *pair))
        hashing += seconds(partial(_check, connection, *pair))
    for _, target in pairs:
        target.unlink()
    return copying, hashing


def _rewrite(connection: duckdb.DuckDBPyConnection, source: str, target: Path) -> None:
    """Write one file anew without some people."""
    names = [r[0] for r in connection.execute(f"DESCRIBE FROM read_parquet('{source}')").fetchall()]
    ids = ", ".join(f'"{name}": {number}' for number, name in enumerate(names, start=1))
    connection.execute(
        f"COPY (SELECT * FROM read_parquet('{source}') WHERE rider_id NOT IN (FROM people)) "
        f"TO '{target}' (FORMAT parquet, PARQUET_VERSION v1, COMPRESSION zstd, "
        f"FIELD_IDS {{{ids}}}, ROW_GROUP_SIZE 122880)"
    )


def _check(connection: duckdb.DuckDBPyConnection, source: str, target: Path) -> None:
    """Count and hash what was to stay, and what has come of it."""
    hash_ = "SELECT count(*), sum(hash(t)::HUGEINT), bit_xor(hash(t)) FROM"
    stays = f"(FROM read_parquet('{source}') WHERE rider_id NOT IN (FROM people)) t"
    stay = connection.execute(f"{hash_} {stays}").fetchone()
    made = connection.execute(f"{hash_} read_parquet('{target}') t").fetchone()
    if stay != made:
        raise AssertionError(f"{stay} were to stay, {made} have")


def _people(first: int, many: int) -> list[DataSubject]:
    return [
        DataSubject((("rider_id", str((number * 1_299_709 + 2_499_989) % RIDERS)),))
        for number in range(first, first + many)
    ]
