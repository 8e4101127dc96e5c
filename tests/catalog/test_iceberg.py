"""Iceberg tables: what a move registers, what readers of main see, and what stays small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import stamina
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import visitors
from pyiceberg.table import StaticTable

from isotherm.catalog.iceberg import IcebergCatalog, Pin
from isotherm.model.errors import ConflictError, SchemaError, StorageError
from isotherm.model.part import Location, Part
from isotherm.model.period import Period, Unit
from isotherm.model.schema import Column
from isotherm.model.tier import STANDARD

COLUMNS = (Column("pickup", "TIMESTAMP"), Column("id", "INTEGER"), Column("tag", "VARCHAR"))


class Table:
    """One dataset's table, and the files that the test writes for it."""

    def __init__(self, root: Path, lake: str = "5eed", unit: Unit = Unit.MONTH) -> None:
        self.root, self.unit = root, unit
        self.engine = duckdb.connect()
        self.catalog = IcebergCatalog(f"sqlite:///{root}/catalog.db", f"file://{root}", lake)
        self.first = self.create(*COLUMNS)
        self.moves = 0

    def create(self, *columns: Column) -> Pin:
        url = f"file://{self.root}/trips"
        return self.catalog.create("trips", columns, "pickup", self.unit, url)

    def write(self, period: str, rows: int = 3, sql: str = "") -> Part:
        """Write an object of one period."""
        start = Period.parse(period).start
        self.moves += 1
        location = Location("STANDARD", f"{period}-{self.moves}.parquet")
        ids = ", ".join(f'"{n}": {i}' for n, i in self.field_ids.items())
        select = sql or (
            f"SELECT TIMESTAMP '{start}' + INTERVAL (i) SECOND AS pickup, i::INTEGER AS id, "
            f"'x' AS tag FROM range({rows}) t(i)"
        )
        self.engine.execute(
            f"COPY ({select}) TO '{self.root}/{location.key}' (FORMAT parquet, FIELD_IDS {{{ids}}})"
        )
        when = datetime(2019, 7, 1)
        return Part(
            f"p{self.moves}", "trips", Period.parse(period), STANDARD, location, rows, 1, "", when
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self.catalog.columns("trips").values())

    @property
    def field_ids(self) -> dict[str, int]:
        return {column.name: id_ for id_, column in self.catalog.columns("trips").items()}

    def url(self, part: Part) -> str:
        return f"file://{self.root}/{part.location.key}"

    def register(
        self, base: Pin, add: tuple[Part, ...] = (), remove: tuple[Part, ...] = (), move: str = ""
    ) -> Pin:
        return self.catalog.register(
            "trips",
            base,
            move or f"m{self.moves}",
            self.catalog.describe("trips", [self.url(part) for part in add]),
            {self.url(part): part for part in remove},
            {"isotherm.journal": "7:abc"},
        )

    def publish(self, pin: Pin, *ended: str) -> None:
        seen = self.catalog.look("trips")
        assert seen
        self.catalog.publish("trips", seen, pin, ended or seen.moves)

    def add(self, base: Pin, period: str) -> tuple[Part, Pin]:
        part = self.write(period)
        pin = self.register(base, (part,))
        self.publish(pin)
        return part, pin

    @property
    def iceberg(self) -> Any:
        seen = self.catalog.look("trips")
        assert seen
        return seen.table

    def files(self, pin: Pin | None = None) -> list[str]:
        """Return the files of a pin, or of main."""
        scan = self.iceberg.scan(snapshot_id=pin.snapshot if pin else None)
        return sorted(Path(task.file.file_path).name for task in scan.plan_files())

    def metadata_versions(self) -> int:
        return len(list((self.root / "trips" / "metadata").glob("*.metadata.json")))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=8)
    yield
    stamina.set_testing(False)


def test_a_table_is_made_empty_in_one_commit_and_kept_if_it_is_there(table: Table) -> None:
    assert table.files() == []
    assert table.metadata_versions() == 1
    assert table.create(*COLUMNS) == table.first
    assert table.metadata_versions() == 1
    assert table.columns == COLUMNS
    assert table.iceberg.properties["gc.enabled"] == "false"


def test_a_table_that_another_mover_has_just_made_is_as_good(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table.catalog, "exists", lambda dataset: False)
    assert table.create(*COLUMNS) == table.first


def test_a_register_is_seen_by_nobody_until_it_is_published(table: Table) -> None:
    part = table.write("2018-03")
    pin = table.register(table.first, (part,))
    assert table.files() == []
    assert table.files(pin) == [part.location.key]
    assert table.catalog.notes("trips", pin)["isotherm.journal"] == "7:abc"
    table.publish(pin)
    assert table.files() == [part.location.key]
    assert list(table.iceberg.refs()) == ["main"]


def test_a_register_starts_at_the_pin_and_not_at_main(table: Table) -> None:
    given_up = table.write("2018-03")
    table.register(table.first, (given_up,))
    part, pin = table.add(table.first, "2018-04")
    assert table.files(pin) == table.files() == [part.location.key]


def test_a_snapshot_adds_and_removes_files_at_once(table: Table) -> None:
    old, pin = table.add(table.first, "2018-03")
    other, pin = table.add(pin, "2018-04")
    new = table.write("2018-03")
    swapped = table.register(pin, (new,), (old,))
    assert table.files() == sorted([old.location.key, other.location.key])
    table.publish(swapped)
    assert table.files() == sorted([new.location.key, other.location.key])
    gone = table.register(swapped, (), (new, other), move="last")
    table.publish(gone)
    assert table.files() == []


@pytest.mark.parametrize("unit", Unit)
def test_files_of_every_unit_of_period_are_removed_and_found(tmp_path: Path, unit: Unit) -> None:
    table = Table(tmp_path, unit=unit)
    periods = {
        Unit.MONTH: ("1969-12", "2018-03"),
        Unit.DAY: ("1969-12-31", "2018-03-05"),
        Unit.HOUR: ("1969-12-31T23", "2018-03-05T07"),
    }[unit]
    old, pin = table.add(table.first, periods[0])
    new, pin = table.add(pin, periods[1])
    table.publish(table.register(pin, (), (old,), move="gone"))
    assert table.files() == [new.location.key]


def test_a_file_that_the_base_does_not_hold_cannot_be_removed(table: Table) -> None:
    part, pin = table.add(table.first, "2018-03")
    stranger = table.write("2018-03")
    with pytest.raises(StorageError, match=stranger.location.key):
        table.register(pin, (), (stranger,), move="wrong")
    table.publish(pin)
    assert table.files() == [part.location.key]


def test_threads_that_look_for_a_file_in_several_manifests_do_not_mislead_each_other(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [table.write("2018-03"), table.write("2018-07")]
    pin = table.first
    for part in parts:
        pin = table.register(pin, (part,))
    asked: dict[visitors._ManifestEvalVisitor, Any] = {}
    visit = visitors.visit

    def visit_beside_another_thread(expression: Any, visitor: Any) -> Any:
        """Have who is asked for the second time answer for what the first thread asks of."""
        if isinstance(visitor, visitors._ManifestEvalVisitor):
            visitor.partition_fields = asked.setdefault(visitor, visitor.partition_fields)
        return visit(expression, visitor)

    monkeypatch.setattr(visitors, "visit", visit_beside_another_thread)
    for part, other in (parts, parts[::-1]):
        left = table.register(pin, remove=(part,), move=f"without-{part.id}")
        assert set(table.catalog.files("trips", left.snapshot)) == {table.url(other)}


def test_a_file_of_two_periods_is_refused(table: Table) -> None:
    part = table.write(
        "2018-03",
        sql="SELECT unnest([TIMESTAMP '2018-03-31', TIMESTAMP '2018-04-01']) AS pickup, "
        "1::INTEGER AS id, 'x' AS tag",
    )
    with pytest.raises(StorageError, match="trips cannot be read or written"):
        table.register(table.first, (part,))
    assert table.files() == []


def test_a_commit_that_meets_others_is_made_again_and_loses_none_of_the_files(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, pin = table.add(table.first, "2018-03")
    part = table.write("2018-04")
    catalog = table.catalog._catalog
    commit, meetings = catalog.commit_table, [1, 2, 3]

    def meeting(*args: Any) -> Any:
        if meetings:
            meetings.pop()
            raise CommitFailedException("somebody was first")
        return commit(*args)

    monkeypatch.setattr(catalog, "commit_table", meeting)
    made = table.register(pin, (part,))
    assert not meetings
    assert table.files(made) == sorted([old.location.key, part.location.key])


def test_a_commit_that_always_meets_others_is_a_conflict(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meeting(*args: Any) -> Any:
        raise CommitFailedException("somebody was first")

    part = table.write("2018-04")
    monkeypatch.setattr(table.catalog._catalog, "commit_table", meeting)
    with pytest.raises(ConflictError, match="changed by others"):
        table.register(table.first, (part,))


def test_publishing_what_was_seen_too_early_is_a_conflict_or_harmless(table: Table) -> None:
    seen = table.catalog.look("trips")
    assert seen
    part, pin = table.add(table.first, "2018-03")
    with pytest.raises(StorageError, match="does not hold snapshot"):
        table.catalog.publish("trips", seen, pin, ())
    table.catalog.publish("trips", seen, table.first, ())
    assert table.files() == [part.location.key]


def test_snapshots_go_that_came_before_the_pin_or_were_given_up(table: Table) -> None:
    pin = table.first
    for month in range(1, 6):
        _, pin = table.add(pin, f"2018-0{month}")
    table.register(pin, (table.write("2018-06"),), move="given up")
    table.register(pin, (table.write("2018-07"),), move="under way")
    assert len(table.iceberg.metadata.snapshots) == 3
    table.publish(pin, "given up")
    moves = {s.summary.additional_properties["isotherm.move"] for s in table.iceberg.snapshots()}
    assert moves == {"m5", "under way"}
    assert set(table.iceberg.refs()) == {"main", "move-under way"}


def test_a_branch_or_tag_that_others_made_is_kept(table: Table) -> None:
    _, pin = table.add(table.first, "2018-03")
    table.iceberg.manage_snapshots().create_tag(pin.snapshot, "audit").commit()
    _, pin = table.add(pin, "2018-04")
    assert set(table.iceberg.refs()) == {"main", "audit"}
    assert len(table.files()) == 2


def test_a_reader_of_an_older_pin_reads_on_after_its_snapshot_is_gone(table: Table) -> None:
    part, pin = table.add(table.first, "2018-03")
    table.publish(table.register(pin, (), (part,), move="gone"))
    static = StaticTable.from_metadata(pin.metadata)
    found = [task.file.file_path for task in static.scan(snapshot_id=pin.snapshot).plan_files()]
    assert found == [table.url(part)]


def test_planning_and_commits_stay_small_over_many_moves(tmp_path: Path) -> None:
    table = Table(tmp_path, unit=Unit.DAY)
    pin, parts = table.first, []
    for day in range(22):
        part, pin = table.add(pin, str(Period.parse("2018-03-01").shifted(day)))
        parts.append(part)
    for part in parts:  # as many swaps: an overwrite merges, too
        new = table.write(str(part.period))
        pin = table.register(pin, (new,), (part,))
        table.publish(pin)
    assert len(table.files()) == 22
    metadata = table.iceberg.metadata
    assert len(metadata.snapshots) == 1
    assert len(metadata.metadata_log) <= 10
    assert len(metadata.snapshot_by_id(pin.snapshot).manifests(table.iceberg.io)) <= 21
    assert len(table.catalog.metadata_files("trips")) <= 23


def test_the_files_of_metadata_are_those_that_the_table_needs(table: Table) -> None:
    _, pin = table.add(table.first, "2018-03")
    _, pin = table.add(pin, "2018-04")
    files = table.catalog.metadata_files("trips")
    there = {f"file://{p}" for p in (table.root / "trips" / "metadata").iterdir()}
    assert files < there
    for url in there - files:
        Path(url.removeprefix("file://")).unlink()
    fresh = IcebergCatalog(f"sqlite:///{table.root}/catalog.db", f"file://{table.root}", "5eed")
    seen = fresh.look("trips")
    assert seen
    assert len(list(seen.table.scan().plan_files())) == 2
    assert seen.table.scan().to_arrow().num_rows == 6


def test_a_table_evolves_in_one_commit(table: Table) -> None:
    before = table.metadata_versions()
    table.catalog.evolve(
        "trips",
        (
            Column("pickup", "TIMESTAMP"),
            Column("id", "BIGINT"),
            Column("label", "VARCHAR"),
            Column("tag", "DOUBLE"),
        ),
        {"tag": "label"},
    )
    assert table.metadata_versions() == before + 1
    assert table.columns == (
        Column("pickup", "TIMESTAMP"),
        Column("id", "BIGINT"),
        Column("label", "VARCHAR"),
        Column("tag", "DOUBLE"),
    )
    ids = table.field_ids
    assert (ids["label"], ids["tag"]) == (3, 4)


def test_a_rename_that_was_made_is_not_made_again_when_the_old_name_returns(table: Table) -> None:
    renamed = {"tag": "label"}
    columns = (*COLUMNS[:2], Column("label", "VARCHAR"))
    table.catalog.evolve("trips", columns, renamed)
    with_new = (*columns, Column("tag", "INTEGER"))
    table.catalog.evolve("trips", with_new, renamed)
    table.catalog.evolve("trips", with_new, renamed)
    assert table.columns == with_new


def test_a_type_that_cannot_be_widened_is_refused_and_nothing_is_changed(table: Table) -> None:
    before = table.metadata_versions()
    changed = (*COLUMNS[:1], Column("id", "DOUBLE"), Column("new", "VARCHAR"))
    with pytest.raises(SchemaError, match="column id of trips is DOUBLE now, but its cold rows"):
        table.catalog.evolve("trips", changed)
    assert table.metadata_versions() == before


def test_a_narrower_column_keeps_the_wider_cold_type(table: Table) -> None:
    wide = (COLUMNS[0], Column("id", "BIGINT"), COLUMNS[2])
    table.catalog.evolve("trips", wide)
    table.catalog.evolve("trips", COLUMNS)
    assert table.columns == wide


def test_another_lakes_table_is_not_touched(table: Table) -> None:
    _, pin = table.add(table.first, "2018-03")
    other = IcebergCatalog(f"sqlite:///{table.root}/catalog.db", f"file://{table.root}", "0ther")
    for act in (
        lambda: other.head("trips"),
        lambda: other.look("trips"),
        lambda: other.create("trips", COLUMNS, "pickup", Unit.MONTH, "file:///nowhere"),
        lambda: other.evolve("trips", (*COLUMNS, Column("new", "VARCHAR"))),
        lambda: other.register("trips", pin, "m9", (), {}, {}),
        lambda: other.describe("trips", []),
        lambda: other.metadata_files("trips"),
    ):
        with pytest.raises(StorageError, match=r"belongs to another lake \(5eed\)"):
            act()


def test_a_catalogue_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="catalogue"):
        IcebergCatalog(f"sqlite:///{tmp_path}/no/such/catalog.db", f"file://{tmp_path}", "5eed")


def test_a_metadata_file_that_is_gone_is_named(table: Table) -> None:
    for file in (table.root / "trips" / "metadata").glob("*.metadata.json"):
        file.unlink()
    fresh = IcebergCatalog(f"sqlite:///{table.root}/catalog.db", f"file://{table.root}", "5eed")
    with pytest.raises(StorageError, match=r"metadata\.json"):
        fresh.head("trips")


def test_bounds_are_written_of_the_clock_alone(table: Table) -> None:
    part = table.write("2018-03")
    table.publish(table.register(table.first, (part,)))
    (task,) = table.iceberg.scan().plan_files()
    ids = table.field_ids
    assert set(task.file.lower_bounds) == set(task.file.upper_bounds) == {ids["pickup"]}
    assert set(task.file.value_counts) == set(ids.values())
