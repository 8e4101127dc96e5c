"""The story: a year and a half of taxi trips cool down, and one SQL still sees them all."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..config import DEFAULT_FILE
from ..model.errors import RequestError
from ..model.part import Inventory
from ..model.period import Period
from ..opening import open_lake
from . import trips
from .picture import Answer, Picture, draw
from .stage import Command, Run, Stage

ROWS = 1_000_000
ECONOMIC_ROWS = 600_000
"""With fewer rows some months are too small for their moves to pay back."""
MARK = ".isotherm-demo"
AS_OF = str(trips.AS_OF)
LATE = {Period.parse("2018-09"): 0.02, Period.parse("2018-02"): 0.001}
"""Months with rows that come late, and their share of a month's rows."""
FRESH = "pickup_datetime >= '2018-04-01'"

QUERIES = (
    (
        "Trips a quarter",
        "SELECT year(pickup_datetime) || ' Q' || quarter(pickup_datetime) AS quarter, "
        'count(*) AS trips, sum(total_amount) / 1e6 AS "$M" '
        f"FROM trips WHERE {FRESH} GROUP BY 1 ORDER BY 1",
    ),
    (
        "Busiest hours",
        "SELECT hour(pickup_datetime) || ':00' AS hour, count(*) AS trips, "
        "avg(trip_distance) AS miles "
        f"FROM trips WHERE {FRESH} GROUP BY 1 ORDER BY trips DESC, hour LIMIT 5",
    ),
    (
        "A column born in 2019",
        "SELECT strftime(pickup_datetime, '%Y-%m') AS month, "
        'count(congestion_surcharge) AS rows, sum(congestion_surcharge) AS "$" '
        f"FROM trips WHERE {FRESH} GROUP BY 1 HAVING month IN "
        "('2018-04', '2018-12', '2019-01', '2019-02', '2019-06') ORDER BY 1",
    ),
)


NEXT = (
    ("status trips", "as it is today"),
    (f"plan trips --as-of {trips.AS_OF.shifted(3)}", "three months later"),
    ("explain trips 2018-04", "when it goes back"),
    ('sql --explain "select count(*) from trips"', "what it reads"),
)


def play(folder: Path, rows: int, run: Run) -> None:
    """Generate the trips, play the story in a fresh folder and draw the picture.

    Args:
        run: Runs a command line and returns its exit code.

    Raises:
        RequestError: the folder is there, and no demo made it.

    """
    stage = Stage(run)
    folder = _fresh(folder)
    _generate(stage, folder, rows)
    even = () if rows >= ECONOMIC_ROWS else ("--even-if-uneconomic",)
    with chdir(folder):
        _set_up(stage)
        before = _inventory()
        _cool_down(stage, even)
        _late_rows(stage, even)
        _archive(stage)
        draw(stage.console, _picture(before))
    _farewell(stage, folder)


def _fresh(folder: Path) -> Path:
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file", hint="Name another one with --folder.")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise RequestError(
                f"{folder} is not empty, and no demo made it",
                hint="Name another one with --folder; the demo's own is made anew each time.",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    return folder


def _generate(stage: Stage, folder: Path, rows: int) -> None:
    began = time.monotonic()
    with Progress(
        TextColumn("Generating trips"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        console=stage.console,
        transient=True,
        disable=not stage.console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=len(trips.MONTHS))
        files = trips.write_trips(folder / "files", rows, lambda *_: progress.advance(task))
    late = {month: 1 + int(share * rows / len(files)) for month, share in LATE.items()}
    trips.write_late(folder / "late" / "trips_2018.csv", late)
    megabytes = sum(file.stat().st_size for file in files) / 2**20
    stage.say(
        f"Generated {len(files)} months of taxi trips, about {rows:,} rows and {megabytes:.0f} MB "
        f"of CSV and Parquet, in {time.monotonic() - began:.1f} s. They are as dirty as real ones: "
        "pickups outside the file's month and one in 2008, negative fares, missing passenger "
        "counts, a column that is born in 2019, CRLF in two files."
    )
    stage.shell(f"cd {folder.name}")


def _set_up(stage: Stage) -> None:
    stage.chapter("Set up")
    stage.play(Command(("init", "--clock", "pickup_datetime")))
    _uncomment("earliest")
    stage.shell("sed -i 's/^# earliest/earliest/' isotherm.toml")
    stage.shell("grep -A 4 policy isotherm.toml")
    lines = Path(DEFAULT_FILE).read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if "policy]" in line)
    stage.say("\n".join(lines[first : first + 5]))
    stage.chapter("Load: exactly once, whatever the format")
    files = ("files/*.csv", "files/*.parquet")
    stage.play(Command(("load", "trips", *files)))


def _cool_down(stage: Stage, even: tuple[str, ...]) -> None:
    as_of = ("trips", "--as-of", AS_OF)
    stage.chapter(f"Status: what is where, and what is due as of {AS_OF}")
    stage.play(Command(("status", *as_of), head=8, tail=8))
    stage.chapter("Plan: every move with its reason and its dollars")
    stage.play(Command(("plan", *as_of, *even)))
    stage.chapter("Apply: one transaction a move; copied, verified, committed, then deleted")
    stage.play(Command(("apply", *as_of, "--yes", *even), head=0, tail=1))
    stage.play(Command(("explain", "trips", "2018-09", "--as-of", AS_OF)))


def _late_rows(stage: Stage, even: tuple[str, ...]) -> None:
    september = _counting("date_trunc('month', pickup_datetime) = '2018-09-01'")
    stage.chapter("Late rows: seen at once, and appended by the next apply")
    stage.play(Command(("sql", september)))
    stage.play(Command(("load", "trips", "late/trips_2018.csv"), tail=4))
    stage.play(Command(("sql", september)))
    stage.play(Command(("apply", "trips", "--as-of", AS_OF, "--yes", *even), tail=10))


def _archive(stage: Stage) -> None:
    stage.chapter("The archive: never a silent gap")
    everything, fresh = _counting(), _counting(FRESH)
    stage.play(Command(("sql", everything), code=5))
    stage.play(Command(("sql", everything, "--archived", "skip")))
    stage.chapter("Restore: quoted first, readable for a week, and paid once")
    stage.play(Command(("sql", fresh), code=5))
    stage.play(Command(("restore", "trips", "2018-04", "--for", "7d", "--yes")))
    stage.play(Command(("sql", fresh)))
    stage.chapter("The journal: a hash chain, and its head in every Iceberg snapshot")
    stage.play(Command(("journal", "trips", "--limit", "6")))
    stage.play(Command(("journal", "--verify")))


def _counting(condition: str = "") -> str:
    where = f"\n    where {condition}" if condition else ""
    return f"select count(*) as trips, sum(fare_amount)::int as fares from trips{where}"


def _uncomment(key: str) -> None:
    file = Path(DEFAULT_FILE)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"\n# {key}", f"\n{key}", 1), encoding="utf-8")


def _inventory() -> Inventory:
    with open_lake(read_only=True) as lake:
        return lake.inventory("trips")


def _picture(before: Inventory) -> Picture:
    with open_lake(read_only=True) as lake:
        answers = [_answer(lake.sql, title, query) for title, query in QUERIES]
        return Picture(trips.AS_OF, before, lake.inventory("trips"), lake.prices, answers)


def _answer(sql: Callable[[str], Any], title: str, query: str) -> Answer:
    began = time.monotonic()
    result = sql(query)
    rows = result.fetchall()
    took = time.monotonic() - began
    shown = [tuple(map(_written, row)) for row in rows]
    return Answer(title, result.columns, shown, took)


def _written(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _farewell(stage: Stage, folder: Path) -> None:
    place = str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)
    stage.say(f"\nPlayed in {stage.seconds:.0f} s. All of it is in {place}. What to try next:\n")
    activate = Path(sys.argv[0]).with_name("activate")
    if not shutil.which("isotherm") and activate.is_file():
        activate = activate.absolute()
        here = activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate
        stage.shell(f"source {here}")
    stage.shell(f"cd {place}")
    for command, why in NEXT:
        stage.shell(f"isotherm {command:<42}  # {why}")
