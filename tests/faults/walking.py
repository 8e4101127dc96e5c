"""A lake on a random walk, beside the plain table that it has to equal whatever happens to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import duckdb
from danger import in_danger
from walk_rows import Group, Kept, Row, Wanted, Writer, period_of, same

import isotherm
from ageing import Clock, set_config, untidy
from conftest import run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import ArchivedError
from isotherm.model.part import Part
from isotherm.model.period import Period
from isotherm.moves.applying import Watch
from isotherm.opening import init_lake, rebuild_lake

T = TypeVar("T")
COLUMNS = "pickup, id, rider_id, fare"
HOT = "hot"
Place = tuple[str, str]
"""The period, if it is cold, and the tier."""
BEGIN = datetime(2020, 1, 10, 12)
HALF_DONE = ("has not ended", "is not at the pin")
"""What an audit may find between a kill and the next apply."""


class Killed(BaseException):
    """The process has come to its end."""


class Fuse:
    """Ends the process at the n-th step; nothing that it still tries comes to anything."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, step: str) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed(step)


@dataclass
class Beside:
    """What happens beside an act, before the n-th step of its moves.

    Attributes:
        write: A statement of the table's owner; see `World.write`.
        look: Before which step everything is read.
        jump: How far the clock jumps then.

    """

    write: tuple[int, str, str] | None = None
    look: int | None = None
    jump: timedelta = timedelta()


class World:
    """The lake, and what has to be in it.

    Attributes:
        rows: All that was loaded and written, less what was erased or has expired.
        made: How often what was done.
        half_done: Whether somebody was killed, and no apply came after that.

    """

    def __init__(self, folder: Path, config: str, url: str = "") -> None:
        self.clock, self.folder, self.writer = Clock(BEGIN), folder, Writer()
        self.ports = f'warehouse.url = "{url}"\n' if url else ""
        init_lake(folder / "isotherm.toml", self.ports + config)
        self.lake = isotherm.open(folder / "isotherm.toml", clock=self.clock)
        self.rows: Counter[Row] = Counter()
        self.holds: list[Kept] = []
        self.made: Counter[str] = Counter()
        self.half_done = False
        self._loose: Counter[Row] = Counter()
        run_sql(
            self.lake,
            "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, rider_id INTEGER, fare INTEGER)",
        )
        self.lake.erasing.new_key()

    def reopen(self, config: str | None = None) -> None:
        """Let another process take over, with another config."""
        if config:
            set_config(self.lake, self.ports + config)
        self.lake.close()
        self.lake = isotherm.open(self.folder / "isotherm.toml", clock=self.clock)

    def rebuild(self) -> None:
        """Lose control, and rebuild it from the store and the warehouse."""
        run_sql(self.lake, "DROP SCHEMA isotherm CASCADE")
        self.lake.close()
        file = self.folder / "isotherm.toml"
        rebuild_lake(file, clock=self.clock)
        self.lake = isotherm.open(file, clock=self.clock)

    # -- acting

    def act(
        self,
        what: Callable[[Lake], T],
        kill: int = 0,
        *,
        come: Counter[Row] | None = None,
        go: Callable[[T | None], Iterable[Group]] = lambda _: (),
        may: Callable[[Row], bool] = lambda _: False,
    ) -> T | None:
        """Do something, be killed at its n-th step, and look what is there afterwards.

        Args:
            come: Rows that are new if it is done.
            go: Which rows go, by what was returned; by None if it was killed.
            may: Whether a row that is written beside it may go, too.

        Returns:
            What it returns; None if it was killed.

        """
        done: T | None = None
        try:
            if kill:
                with in_danger(self.lake, Fuse(kill)) as lake:
                    done = what(lake)
            else:
                done = what(self.lake)
        except Killed as killed:
            self.made[f"killed {killed}"] += 1
            self.half_done = True
            self.reopen()
        there = self.read()
        if come and (done is not None or not (come - there)):
            self.rows += come
        self.rows = self.after(there, go(done), may)
        self._loose.clear()
        same(there, self.rows)
        return done

    def after(
        self, there: Counter[Row], go: Iterable[Group], may: Callable[[Row], bool]
    ) -> Counter[Row]:
        """Return what is to be there: whole groups may have gone, and what was written beside."""
        groups = list(go)
        found = Counter({row: n for row, n in self._loose.items() if may(row)}) - there
        come = groups[0].come if groups else None
        for group in groups:
            rows = (group.rows & self.rows) - self._loose
            left = rows & there
            if group.happens is not None:
                wrong = left if group.happens else rows - there
                assert not wrong, f"{group.happens}: {wrong} of {rows}"
            assert not left or left == rows, f"half of a group: {rows - left} went, {left} stayed"
            found += rows - left
        new: Counter[Row] = Counter()
        for row in found.elements() if come else ():
            new[come(row)] += 1
        return self.rows - found + new

    def watch(
        self, beside: Beside, go: Callable[[], Iterable[Group]], may: Callable[[Row], bool]
    ) -> Watch:
        """Return who writes and looks while an act goes on."""
        steps, here = 0, threading.current_thread()

        def step(*_: object) -> None:
            nonlocal steps
            if threading.current_thread() is not here:  # who commits would not wait for the look
                return
            steps += 1
            if beside.write and beside.write[0] == steps:
                self.catch_up(list(go()), may)
                self.write(*beside.write[1:])
            if beside.look == steps:
                self.clock.forward(beside.jump)
                there = self.read()
                same(there, self.after(there, go(), may))

        return Watch(step=step)

    def catch_up(self, go: Sequence[Group], may: Callable[[Row], bool]) -> None:
        """Take in what an act that goes on has done so far: somebody may write over it."""
        there = self.read()
        self.rows = self.after(there, go, may)
        self._loose &= there
        same(there, self.rows)

    def write(self, statement: str, which: str) -> None:
        """Change rows as the table's owner, who is told yes or no.

        Args:
            which: The condition of the rows, before and after; it speaks of ids alone.

        """
        session = self.lake.warehouse.session()
        try:
            session.execute("BEGIN")
            before = session.execute(f"SELECT {COLUMNS} FROM trips WHERE {which}")
            session.execute(statement)
            after = session.execute(f"SELECT {COLUMNS} FROM trips WHERE {which}")
            session.execute("COMMIT")
        except duckdb.Error:
            return
        finally:
            session.close()
        assert not Counter(before) - self.rows
        self.rows = self.rows - Counter(before) + Counter(after)
        self._loose += Counter(after)

    # -- looking

    def read(self) -> Counter[Row]:
        """Return all rows; of the archive the objects themselves are read."""
        closed = [part for part in self.parts() if not self.is_open(part)]
        query = f"select {COLUMNS} from trips"
        found = Counter(self.lake.sql(query, archived="skip").fetchall())
        if not closed:
            assert Counter(self.lake.sql(query).fetchall()) == found
            return found
        try:
            self.lake.sql(query)
        except ArchivedError:
            pass
        else:
            raise AssertionError(f"a query read past {closed}")
        return found + self._read_objects([part.location for part in closed])

    def parts(self) -> tuple[Part, ...]:
        with self.lake.warehouse.snapshot() as tx:
            return parts.of_dataset(tx, "trips")

    def is_open(self, part: Part) -> bool:
        margin = self.lake.config.settings.restore_margin
        return part.readable_at(margin.after(self.clock()))

    def places(self) -> dict[Place, Counter[Row]]:
        """Return which rows are where."""
        found: dict[Place, Counter[Row]] = {}
        found["", HOT] = Counter(run_sql(self.lake, f"SELECT {COLUMNS} FROM trips"))  # type: ignore[arg-type]
        for part in self.parts():
            place = str(part.period), part.tier.name
            found[place] = found.get(place, Counter()) + self._read_objects([part.location])
        return found

    def _read_objects(self, locations: Sequence[object]) -> Counter[Row]:
        session = self.lake.warehouse.session()
        try:
            source = session.parquet([self.lake.storage.url(item) for item in locations])  # type: ignore[arg-type]
            return Counter(session.execute(f"SELECT {COLUMNS} FROM {source}"))
        finally:
            session.close()

    def check(self) -> None:
        """Look at everything that has to hold at any time."""
        audited = self.lake.audit(share=1.0)
        wrong = list(audited.findings)
        if self.half_done:
            wrong = [f for f in wrong if not any(words in f.what for words in HALF_DONE)]
        else:
            assert not untidy(self.lake)
        assert not wrong
        (hot,) = run_sql(self.lake, "SELECT count(*) FROM trips")
        assert audited.rows + hot[0] == self.rows.total()  # type: ignore[operator]

    def look_at(self, period: Period) -> None:
        """Ask for one month: it is whole, or refused because a part of it is archived."""
        closed = [p for p in self.parts() if p.period == period and not self.is_open(p)]
        try:
            found = self.lake.sql(
                f"select {COLUMNS} from trips where pickup >= TIMESTAMP '{period.start}' "
                f"and pickup < TIMESTAMP '{period.end}'"
            ).fetchall()
        except ArchivedError:
            found = None
        assert (found is None) == bool(closed)
        if found is not None:
            same(Counter(found), self.of(period))

    # -- what the oracle knows

    def of(self, period: Period) -> Counter[Row]:
        """Return the rows of one month."""
        return Counter({row: n for row, n in self.rows.items() if period_of(row) == period})

    def months(self) -> list[Period]:
        return sorted({period for row in self.rows if (period := period_of(row))})

    def is_held(self, row: Row) -> bool:
        return any(hold.keeps(row) for hold in self.holds)

    def is_wanted(self, wanted: Wanted, row: Row) -> bool:
        return wanted.is_about(row) and not self.is_held(row)

    def wanted(self, wanted: Wanted) -> Counter[Row]:
        """Return the rows that a request is about, and that no case keeps."""
        return Counter({row: n for row, n in self.rows.items() if self.is_wanted(wanted, row)})

    def remembered(self, wanted: Wanted) -> Iterator[Row]:
        """Yield the rows that a request was about in any object, needed or not."""
        store = self.folder / "objects"
        every = {*store.rglob("*.parquet")} - {*(store / "control").rglob("*.parquet")}
        if not (objects := sorted(every)):
            return
        session = self.lake.warehouse.session()
        source = session.parquet([str(path) for path in objects])
        for row in session.execute(f"SELECT {COLUMNS} FROM {source}"):
            if self.is_wanted(wanted, row):
                yield row
        session.close()
