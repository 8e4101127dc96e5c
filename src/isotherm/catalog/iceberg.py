"""Iceberg tables through PyIceberg: one table a dataset, one branch a move.

A register starts at the pin's snapshot, on a branch of its own, so that readers and other engines
see nothing of it before the move has committed. `main` follows the pin; it never runs ahead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots
from pyiceberg.transforms import DayTransform, HourTransform, MonthTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from ..model.errors import SchemaError, StorageError
from ..model.period import Unit
from ..model.schema import Column, decimal, widens

NAMESPACE = "isotherm"
LAKE = "isotherm.lake"
"""The table property that says which lake a table belongs to."""
CLOCK_PARTITION_ID = 1000
_TRANSFORMS = {Unit.MONTH: MonthTransform, Unit.DAY: DayTransform, Unit.HOUR: HourTransform}
_TYPES: dict[str, IcebergType] = {
    "BOOLEAN": BooleanType(),
    "INTEGER": IntegerType(),
    "BIGINT": LongType(),
    "FLOAT": FloatType(),
    "DOUBLE": DoubleType(),
    "VARCHAR": StringType(),
    "BLOB": BinaryType(),
    "DATE": DateType(),
    "TIME": TimeType(),
    "TIMESTAMP": TimestampType(),
    "TIMESTAMP WITH TIME ZONE": TimestamptzType(),
    "UUID": UUIDType(),
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
PROPERTIES = {
    # Other engines' expiry honours it: objects are removed by Isotherm, after their grace.
    "gc.enabled": "false",
    # Without it commits and planning grow with every partition (0.67 s a commit after 300).
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "commit.retry.num-retries": "30",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """The Iceberg metadata file and snapshot that readers use."""

    metadata: str
    snapshot: int


class IcebergCatalog:
    """The Iceberg tables of the lake's datasets."""

    def __init__(self, uri: str, warehouse_url: str) -> None:
        self._catalog = SqlCatalog(NAMESPACE, uri=uri, warehouse=warehouse_url)
        with contextlib.suppress(NamespaceAlreadyExistsError):
            self._catalog.create_namespace(NAMESPACE)

    def create(
        self, dataset: str, lake: str, columns: Sequence[Column], clock: str, unit: Unit, url: str
    ) -> Pin:
        """Create the dataset's table, empty, and return its first pin; keep one that is there.

        Raises:
            StorageError: the table that is there belongs to another lake.

        """
        if self.exists(dataset):
            self._check_owner(dataset, lake)
            return self.head(dataset)
        fields = [
            NestedField(number, column.name, _type(column))
            for number, column in enumerate(columns, start=1)
        ]
        clock_id = next(field.field_id for field in fields if field.name == clock)
        spec = PartitionSpec(
            PartitionField(clock_id, CLOCK_PARTITION_ID, _TRANSFORMS[unit](), f"{clock}_{unit}")
        )
        table = self._catalog.create_table(
            (NAMESPACE, dataset),
            Schema(*fields),
            url,
            spec,
            properties={**PROPERTIES, LAKE: lake},
        )
        # A branch needs a snapshot to start at: an empty one.
        with table.transaction() as change, change.update_snapshot().fast_append():
            pass
        return self.head(dataset)

    def exists(self, dataset: str) -> bool:
        """Say whether the dataset has a table."""
        return self._catalog.table_exists((NAMESPACE, dataset))

    def head(self, dataset: str) -> Pin:
        """Return where `main` of the dataset's table is now."""
        table = self._table(dataset)
        snapshot = table.metadata.current_snapshot_id
        if snapshot is None:
            raise StorageError(f"the Iceberg table of {dataset} has no snapshot")
        return Pin(table.metadata_location, snapshot)

    def columns(self, dataset: str) -> tuple[Column, ...]:
        """Return the columns of the dataset's Iceberg table."""
        return tuple(
            Column(field.name, _name(field.field_type))
            for field in self._table(dataset).schema().fields
        )

    def field_ids(self, dataset: str) -> dict[str, int]:
        """Return the Iceberg field id of each column."""
        return {f.name: f.field_id for f in self._table(dataset).schema().fields}

    def evolve(
        self, dataset: str, columns: Iterable[Column], renamed: Mapping[str, str] | None = None
    ) -> None:
        """Add the columns that are new, widen those that Iceberg can widen, rename as told.

        Args:
            columns: As they are kept once cold.
            renamed: The new name of a column by its old one.

        Raises:
            SchemaError: a column's type cannot be widened; nothing was changed.

        """
        table = self._table(dataset)
        names = dict(renamed or {})
        known = {names.get(f.name, f.name): _name(f.field_type) for f in table.schema().fields}
        stale = [f.name for f in table.schema().fields if f.name in names]
        added, widened = [], []
        for column in columns:
            old = known.get(column.name)
            if old is None:
                added.append(column)
            elif old != column.type and not widens(column.type, old):
                if not widens(old, column.type):
                    raise SchemaError(
                        f"column {column.name} of {dataset} is {column.type} now, but its cold "
                        f"rows are {old}, which Iceberg cannot widen to it",
                        hint=f"Alter it back, or keep it as it was: "
                        f'[datasets.{dataset}.cast] {column.name} = "{old}"',
                    )
                widened.append(column)
        if not (added or widened or stale):
            return
        with table.update_schema() as update:
            for name in stale:
                update.rename_column(name, names[name])
        with table.update_schema() as update:
            for column in added:
                update.add_column(column.name, _type(column))
            for column in widened:
                update.update_column(column.name, _type(column))

    def register(
        self,
        dataset: str,
        base: Pin,
        move: str,
        add: Sequence[str],
        remove: Collection[str],
        notes: Mapping[str, str],
    ) -> Pin:
        """Add and remove files on the branch of a move, which starts at `base`.

        Args:
            add: URLs of Parquet files with field ids, one period each.
            remove: URLs of files that the base snapshot holds.
            notes: Properties of the snapshot.

        Returns:
            The pin that readers take once the move has committed.

        Raises:
            StorageError: a file to be removed is not in the base snapshot.

        """
        table = self._table(dataset)
        branch = branch_of(move)
        old = _files(table, base, remove)
        with table.transaction() as change:
            _manage(change, table, branch, base.snapshot)
            new = parquet_files_to_data_files(table.io, change.table_metadata, iter(add))
            update = change.update_snapshot(
                snapshot_properties={"isotherm.move": move, **notes}, branch=branch
            )
            with update.overwrite() as overwrite:
                for file in old:
                    overwrite.delete_data_file(file)
                for file in new:
                    overwrite.append_data_file(file)
        return Pin(table.metadata_location, table.refs()[branch].snapshot_id)

    def publish(
        self, dataset: str, pin: Pin, keep: Collection[int], moves: Collection[str] = ()
    ) -> None:
        """Set `main` to the pin, remove the branches of moves that are over, expire snapshots.

        Args:
            keep: Snapshots that a pin within the grace still names.
            moves: The moves whose branches may go.

        """
        table = self._table(dataset)
        refs = table.refs()
        branches = [branch for move in moves if (branch := branch_of(move)) in refs]
        behind = table.metadata.current_snapshot_id != pin.snapshot
        kept = {pin.snapshot, *keep} | {
            ref.snapshot_id for name, ref in refs.items() if name not in ("main", *branches)
        }
        stale = [s.snapshot_id for s in table.metadata.snapshots if s.snapshot_id not in kept]
        if not (behind or branches or stale):
            return
        with table.transaction() as change:
            manage = ManageSnapshots(change)
            if behind:
                manage = manage.set_current_snapshot(pin.snapshot)
            for branch in branches:
                manage = manage.remove_branch(branch)
            manage.commit()
            if stale:
                ExpireSnapshots(change).by_ids(stale).commit()

    def branches(self, dataset: str) -> tuple[str, ...]:
        """Return the moves that have a branch."""
        prefix = branch_of("")
        return tuple(
            name.removeprefix(prefix)
            for name in self._table(dataset).refs()
            if name.startswith(prefix)
        )

    def notes(self, dataset: str, pin: Pin) -> dict[str, str]:
        """Return the properties that the pin's snapshot was written with."""
        snapshot = self._table(dataset).snapshot_by_id(pin.snapshot)
        if snapshot is None or snapshot.summary is None:
            return {}
        return dict(snapshot.summary.additional_properties)

    def _check_owner(self, dataset: str, lake: str) -> None:
        owner = self._table(dataset).properties.get(LAKE)
        if owner != lake:
            raise StorageError(
                f"the Iceberg table of {dataset} belongs to another lake ({owner})",
                hint="Give this lake a catalogue and a store of its own in isotherm.toml.",
            )

    def _table(self, dataset: str) -> Table:
        return self._catalog.load_table((NAMESPACE, dataset))


def branch_of(move: str) -> str:
    """Return the name of a move's branch."""
    return f"move-{move}"


def _manage(change: Any, table: Table, branch: str, snapshot: int) -> None:
    manage = ManageSnapshots(change)
    if branch in table.refs():  # a move that is run again after a failure
        manage = manage.remove_branch(branch)
    manage.create_branch(snapshot, branch).commit()


def _files(table: Table, base: Pin, urls: Collection[str]) -> list[Any]:
    if not urls:
        return []
    wanted = set(urls)
    tasks = table.scan(snapshot_id=base.snapshot).plan_files()
    found = {task.file.file_path: task.file for task in tasks if task.file.file_path in wanted}
    if missing := wanted - found.keys():
        raise StorageError(f"{sorted(missing)[0]} is not in snapshot {base.snapshot}")
    return list(found.values())


def _type(column: Column) -> IcebergType:
    if digits := decimal(column.type):
        return DecimalType(*digits)
    return _TYPES[column.type]


def _name(kind: IcebergType) -> str:
    if isinstance(kind, DecimalType):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _NAMES[kind]
