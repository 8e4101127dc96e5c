"""The life of a month on two sides: by Isotherm, and by hand; each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import isotherm
from isotherm.model.period import Duration, Period
from isotherm.moves.applying import Limits, Watch
from isotherm.moves.runner import Outcome
from isotherm.opening import init_lake
from isotherm.plan.plan import Move, Plan
from isotherm.plan.steps import Step

from . import data
from .applying import month, unload
from .room import told

CONFIG = """{storage}
settings.moves_at_once = 1  # so that each step is timed by itself
[datasets.trips]
table = "main.trips"
clock = "pickup"

[datasets.trips.policy]
{policy}
"""
RESTORED_FOR = Duration.parse("7 days")
LATER = timedelta(hours=2)
"""The grace of what was replaced is over by then."""


@dataclass(frozen=True)
class Done:
    """What an act did.

    Attributes:
        bytes: Of the objects that it wrote or removed, or of the file that it loaded.
        steps: Seconds of each step.
        moves: The kind of each move, its target, and its seconds.

    """

    rows: int = 0
    bytes: int = 0
    steps: Mapping[Step, float] = field(default_factory=dict)
    moves: Sequence[tuple[str, str, float]] = ()


@dataclass(frozen=True)
class Taken:
    """What an act did and took.

    Attributes:
        peak: Gigabytes of memory that the process had at most meanwhile.

    """

    done: Done
    seconds: float
    peak: float


class Side:
    """A process that holds one side; it does what it is asked, and measures itself."""

    def __init__(self, make: Callable[..., Any], *given: object) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        try:
            self._pool.submit(told, _hold, make, given).result()
        except BaseException:
            self._pool.shutdown()
            raise

    def __call__(self, act: str, *given: object) -> Taken:
        return self._pool.submit(told, _act, act, given).result()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._pool.submit(_close).result()
        finally:
            self._pool.shutdown()


_held: list[Any] = []


def _hold(make: Callable[..., Any], given: tuple[object, ...]) -> None:
    _held.append(make(*given))


def _act(act: str, given: tuple[object, ...]) -> Taken:
    Path("/proc/self/clear_refs").write_text("5")  # Linux then tells the peak from here on
    begun = time.perf_counter()
    done = getattr(_held[0], act)(*given)
    return Taken(done, time.perf_counter() - begun, peak())


def _close() -> None:
    _held.pop().close()


def peak() -> float:
    """Return the gigabytes of memory that this process has had at most."""
    said = Path("/proc/self/status").read_text().split()
    return int(said[said.index("VmHWM:") + 1]) * 1024 / 1e9


class Stopwatch:
    """Tells the steps apart that it is told of."""

    def __init__(self) -> None:
        self.seconds: dict[Step, float] = defaultdict(float)
        self._step: Step | None = None
        self._since = 0.0

    def __call__(self, step: Step | None) -> None:
        now = time.perf_counter()
        if self._step:
            self.seconds[self._step] += now - self._since
        self._step, self._since = step, now


def start_of(number: int) -> datetime:
    """Return when a month begins; the first is 0."""
    start = datetime.fromisoformat(data.START)
    return start.replace(year=start.year + number // 12, month=number % 12 + 1)


class ByIsotherm:
    """A lake whose clock goes as the acts want it."""

    def __init__(self, folder: Path, policy: str, store: str = "") -> None:
        storage = f'storage.url = "{store}"' if store else ""
        init_lake(folder / "isotherm.toml", CONFIG.format(storage=storage, policy=policy))
        self.now = start_of(0)
        self.lake = isotherm.open(folder / "isotherm.toml", clock=lambda: self.now)
        self.lake.connection().execute(f"CREATE TABLE trips AS {data.few(0, 1)}")

    def fill(self, query: str) -> Done:
        """Insert rows as an application would."""
        self.lake.connection().execute(f"INSERT INTO trips {query}")
        return Done()

    def load(self, file: Path) -> Done:
        """Load a file."""
        (loaded,) = self.lake.load("trips", [file])
        return Done(loaded.rows, file.stat().st_size)

    def apply(self, months: int) -> Done:
        """Make what is due when so many months are over."""
        self.now = max(self.now, start_of(months))
        return self._apply(self.lake.plan("trips", even_if_uneconomic=True))

    def expire(self, months: int) -> Done:
        """Make what is due, and once the grace is over, remove what nobody needs any more."""
        done = self.apply(months)
        self.now += LATER
        self.apply(months)
        return done

    def restore(self, number: int) -> Done:
        """Restore a month from the archive."""
        period = Period.parse(f"{start_of(number):%Y-%m}")
        return self._apply(self.lake.restore_plan("trips", [period], RESTORED_FOR))

    def close(self) -> None:
        self.lake.close()

    def _apply(self, plan: Plan) -> Done:
        watch, begun = Stopwatch(), 0.0
        moves: list[tuple[str, str, float]] = []

        def step(_: Move, which: Step) -> None:
            nonlocal begun
            begun = time.perf_counter() if which is Step.INTENT else begun
            watch(which)

        def done(outcome: Outcome) -> None:
            watch(None)
            move = outcome.move
            kind = "end of a restore" if move.source == move.target else move.kind.value
            moves.append((kind, move.target.name, time.perf_counter() - begun))

        applied = self.lake.apply(plan, limits=Limits(expire=True), watch=Watch(step, done))
        if applied.untidy or applied.left or applied.waiting:
            raise AssertionError(f"not everything was done: {applied}")
        rows = sum(outcome.rows for outcome in applied.done)
        size = sum(outcome.bytes or outcome.move.bytes for outcome in applied.done)
        return Done(rows, size, dict(watch.seconds), moves)


class Raw(Protocol):
    """A store as one has it without Isotherm: names in classes."""

    def url(self, class_: str, name: str) -> str: ...

    def size(self, class_: str, name: str) -> int: ...

    def copy(self, source: str, target: str, name: str) -> None: ...

    def remove(self, class_: str, name: str) -> None: ...


class RawFolder:
    """A folder for each class."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, class_: str, name: str) -> Path:
        (self._folder / class_).mkdir(parents=True, exist_ok=True)
        return self._folder / class_ / name

    def url(self, class_: str, name: str) -> str:
        return str(self._path(class_, name))

    def size(self, class_: str, name: str) -> int:
        return self._path(class_, name).stat().st_size

    def copy(self, source: str, target: str, name: str) -> None:
        """Copy a file, and see that it is on the disk."""
        copied = shutil.copyfile(self._path(source, name), self._path(target, name))
        with copied.open("rb+") as file:
            os.fsync(file.fileno())

    def remove(self, class_: str, name: str) -> None:
        self._path(class_, name).unlink()


class ByHand:
    """A DuckDB file, and a store, handled by plain SQL and plain calls."""

    def __init__(self, folder: Path, store: Callable[[Any], Raw] | None = None) -> None:
        folder.mkdir(parents=True)
        self._connection = data.plain(folder / "plain.duckdb")
        self._connection.execute(f"CREATE TABLE trips AS {data.few(0, 1)}")
        self._store = store(self._connection) if store else RawFolder(folder / "objects")
        self._names: dict[int, list[str]] = defaultdict(list)

    def fill(self, query: str) -> Done:
        self._connection.execute(f"INSERT INTO trips {query}")
        return Done()

    def load(self, file: Path) -> Done:
        """INSERT what DuckDB reads of a CSV file."""
        rows = self._connection.execute(f"INSERT INTO trips SELECT * FROM read_csv('{file}')")
        counted = rows.fetchone()
        assert counted
        return Done(int(counted[0]), file.stat().st_size)

    def unload(self, number: int) -> Done:
        """COPY a month's rows, or the late ones, hash both sides, DELETE, CHECKPOINT."""
        name, watch = f"{number}-{len(self._names[number])}.parquet", Stopwatch()
        rows = unload(self._connection, month(number), self._store.url("STANDARD", name), watch)
        watch(None)
        self._names[number].append(name)
        return Done(rows, self._store.size("STANDARD", name), dict(watch.seconds))

    def retier(self, number: int, source: str, target: str) -> Done:
        """Copy a month's files to another class, and remove them from where they were."""
        done = self.restore(number, source, target)
        for name in self._names[number]:
            self._store.remove(source, name)
        return done

    def restore(self, number: int, source: str, target: str) -> Done:
        """Copy a month's files to another class."""
        size = 0
        for name in self._names[number]:
            self._store.copy(source, target, name)
            size += self._store.size(target, name)
        return Done(0, size)

    def expire(self, number: int, *classes: str) -> Done:
        """Remove a month's files from some classes."""
        for name in self._names.pop(number):
            for class_ in classes:
                self._store.remove(class_, name)
        return Done()

    def close(self) -> None:
        self._connection.close()
