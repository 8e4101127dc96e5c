"""Iceberg tables through PyIceberg: one table a dataset, one branch a move.

A register starts at the pin's snapshot, on a branch of its own, so that readers and other engines
see nothing of it before the move has committed. `main` follows the pin; it never runs ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import pyarrow as pa
import stamina
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable, Table
from pyiceberg.types import NestedField
from sqlalchemy.exc import SQLAlchemyError

from ..model.address import Access
from ..model.errors import ConflictError, SchemaError, StorageError
from ..model.part import Part
from ..model.period import Unit
from ..model.schema import Column, names_now, widens
from . import snapshots
from .commits import Commit, RememberingCatalog
from .files import DurableFileIO, remembering, s3_properties
from .snapshots import Described, Pin, Seen
from .types import clock_spec, iceberg_type, type_name

__all__ = ["LAKE", "NAMESPACE", "PROPERTIES", "Described", "IcebergCatalog", "Pin", "Seen"]

NAMESPACE = "isotherm"
LAKE = "isotherm.lake"
"""The table property that says which lake a table belongs to."""
FILES = f"{DurableFileIO.__module__}.{DurableFileIO.__name__}"
ATTEMPTS = 8
PROPERTIES = {
    # Other engines' expiry honours it: objects are removed by Isotherm, after their grace.
    "gc.enabled": "false",
    # Without it commits and planning grow with every partition (0.67 s a commit after 300).
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "commit.retry.num-retries": "30",
    # Of the files themselves Isotherm keeps those that a reader may still use.
    "write.metadata.previous-versions-max": "10",
    # Bounds of other columns than the clock would leave out rows: Iceberg has no TIME 24:00, no
    # infinite DATE, and its own idea of where NaN is. Parquet's own statistics are right.
    "write.metadata.metrics.default": "counts",
}
BOUNDS = "write.metadata.metrics.column."
"""The property that has a column's bounds written, by the column's name."""


class IcebergCatalog:
    """The Iceberg tables of the lake's datasets.

    All methods raise `StorageError` if the catalogue or a metadata file cannot be read or written,
    or if the dataset's table belongs to another lake.
    """

    def __init__(
        self,
        uri: str,
        warehouse_url: str,
        lake: str,
        access: Callable[[], Access | None] = lambda: None,
    ) -> None:
        self.lake = lake
        self._access = access
        self._opened: tuple[Access | None, RememberingCatalog] | None = None
        self._place = {"uri": uri, "warehouse": warehouse_url, "py-io-impl": FILES}
        with _naming("the catalogue"), suppress(NamespaceAlreadyExistsError):
            self._catalog.create_namespace(NAMESPACE)

    @property
    def _catalog(self) -> RememberingCatalog:
        """PyIceberg's catalogue, with the keys to the store as they are now."""
        access = self._access()
        if self._opened is None or self._opened[0] != access:
            properties = self._place | (s3_properties(access) if access else {})
            self._opened = (access, RememberingCatalog(NAMESPACE, **properties))
        return self._opened[1]

    def create(
        self, dataset: str, columns: Sequence[Column], clock: str, unit: Unit, url: str
    ) -> Pin:
        """Create the dataset's table, empty, and return its first pin; keep one that is there.

        Raises:
            SchemaError: the clock has a name that readers of Iceberg do not find.

        """
        if self.exists(dataset):
            return self.head(dataset)
        if "." in clock:  # DuckDB's reader takes it for a path, and finds no rows by it
            raise SchemaError(
                f"the clock {clock!r} of {dataset} has a dot in its name, and cold rows could not "
                "be found by it",
                hint="Rename the column, and the clock in isotherm.toml.",
            )
        fields = [
            NestedField(number, column.name, iceberg_type(column))
            for number, column in enumerate(columns, start=1)
        ]
        # Another mover may be first: then its table is as good.
        with _naming(dataset), suppress(CommitFailedException, TableAlreadyExistsError):
            commit = self._catalog.create_table_transaction(
                (NAMESPACE, dataset),
                Schema(*fields),
                url,
                clock_spec(fields, clock, unit),
                properties={**PROPERTIES, BOUNDS + clock: "full", LAKE: self.lake},
            )
            # A branch needs a snapshot to start at: an empty one, of the same commit.
            with commit, commit.update_snapshot().fast_append():
                pass
        return self.head(dataset)

    def adopt(self, dataset: str, metadata: str, snapshot: int) -> bool:
        """Have the catalogue name the table of a pin, where it has none or one that is behind it.

        Args:
            metadata: The metadata file of the pin.
            snapshot: That the pin names.

        Returns:
            Whether it did not before.

        """
        if self.exists(dataset):
            if self._table(dataset).snapshot_by_id(snapshot):
                return False
            with _naming(dataset):
                self._catalog.drop_table((NAMESPACE, dataset))
        with _naming(dataset):
            self._catalog.register_table((NAMESPACE, dataset), metadata)
        return True

    def has_moves(self, dataset: str) -> bool:
        """Say whether `main` of the dataset's table shows the work of a move."""
        return self.exists(dataset) and snapshots.is_made(self._table(dataset))

    def is_ahead(self, dataset: str, metadata: str, snapshot: int) -> bool:
        """Say whether `main` of the dataset's table has come after a snapshot, which a pin names.

        It never has, unless the pin is older than what this lake has done since.

        Args:
            metadata: The metadata file of the pin.

        """
        if not self.exists(dataset):
            return False
        table = self._table(dataset)
        main = table.current_snapshot()
        with _naming(dataset):
            pinned = table.snapshot_by_id(snapshot)
            if pinned is None:
                try:
                    old = StaticTable.from_metadata(metadata, table.io.properties)
                except PermissionError:
                    raise
                except (OSError, ValueError):
                    return True  # it was removed, because nothing needed it any more
                pinned = old.snapshot_by_id(snapshot)
        if main is None or pinned is None:
            return pinned is None
        return (main.sequence_number or 0) > (pinned.sequence_number or 0)

    def exists(self, dataset: str) -> bool:
        """Say whether the dataset has a table."""
        with _naming(dataset):
            return self._catalog.table_exists((NAMESPACE, dataset))

    def head(self, dataset: str) -> Pin:
        """Return where `main` of the dataset's table is now."""
        table = self._table(dataset)
        snapshot = table.metadata.current_snapshot_id
        if snapshot is None:
            raise StorageError(f"the Iceberg table of {dataset} has no snapshot")
        return Pin(table.metadata_location, snapshot)

    def columns(self, dataset: str) -> dict[int, Column]:
        """Return the columns of the dataset's Iceberg table by their field ids."""
        return {
            field.field_id: Column(field.name, type_name(field.field_type))
            for field in self._table(dataset).schema().fields
        }

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
        fields = table.schema().fields
        names = names_now((field.name for field in fields), renamed or {})
        known = {names[field.name]: type_name(field.field_type) for field in fields}
        moved = {old: new for old, new in names.items() if old != new}
        added, widened = [], []
        for column in columns:
            old = known.get(column.name)
            if old is None:
                added.append(column)
            elif old != column.type and not widens(column.type, old):
                if not widens(old, column.type):
                    raise _not_wider(dataset, column, old)
                widened.append(column)
        if not (added or widened or moved):
            return
        with _naming(dataset), Commit(table) as commit:
            if moved:  # first, so that a new column may take the old name
                with commit.update_schema() as update:
                    for old, new in moved.items():
                        update.rename_column((old,), new)
            with commit.update_schema() as update:
                for column in added:
                    update.add_column((column.name,), iceberg_type(column))
                for column in widened:
                    update.update_column((column.name,), iceberg_type(column))

    def describe(self, dataset: str, urls: Sequence[str]) -> Described:
        """Return what the dataset's table will keep of new files; their footers are read.

        Args:
            urls: Of Parquet files with field ids, one period each.

        """
        table = self._table(dataset)
        with _naming(dataset):
            return snapshots.described(table, urls)

    def register(
        self,
        dataset: str,
        base: Pin,
        move: str,
        add: Described,
        remove: Mapping[str, Part],
        notes: Mapping[str, str],
    ) -> Pin:
        """Add and remove files on the branch of a move, which starts at `base`.

        Args:
            add: The new files.
            remove: Parts by the URLs under which the base snapshot holds them.
            notes: Properties of the snapshot.

        Returns:
            The pin that readers take once the move has committed.

        Raises:
            StorageError: a file to be removed, or the base itself, is not there.
            ConflictError: others kept on changing the table.

        """
        retries = stamina.retry_context(
            on=CommitFailedException, attempts=ATTEMPTS, wait_initial=0.02, wait_max=0.5
        )
        with _naming(dataset):
            for attempt in retries:
                with attempt:
                    table = remembering(self._table(dataset))
                    return snapshots.register(table, base, move, add, remove, notes)
        raise AssertionError("unreachable")

    def look(self, dataset: str) -> Seen | None:
        """Return the dataset's table as it is now; None if it has none.

        What is decided from control afterwards is never older than what was seen.
        """
        if not self.exists(dataset):
            return None
        return snapshots.look(self._table(dataset))

    def publish(self, dataset: str, seen: Seen, pin: Pin, ended: Collection[str]) -> None:
        """Set `main` to the pin; branches of ended moves and what came before the pin go.

        Readers of older pins keep their files, and do not miss the snapshots: each of them reads
        its own metadata file. What is newer than the pin and of no ended move stays.

        Args:
            pin: Read after the table was seen.
            ended: The moves that are done or abandoned.

        Raises:
            StorageError: the table does not hold the pin's snapshot.
            ConflictError: another commit came between; try again.

        """
        with _naming(dataset):
            snapshots.publish(seen, pin, ended)

    def metadata_files(self, dataset: str) -> frozenset[str]:
        """Return the URLs of all metadata files that the dataset's table needs now."""
        table = self._table(dataset)
        with _naming(dataset):
            return snapshots.metadata_files(table)

    def files(self, dataset: str, snapshot: int) -> dict[str, int]:
        """Return the URLs of the data files of a snapshot, with how many rows each has."""
        table = self._table(dataset)
        with _naming(dataset):
            return {
                task.file.file_path: task.file.record_count
                for task in table.scan(snapshot_id=snapshot).plan_files()
            }

    def notes(self, dataset: str, pin: Pin) -> dict[str, str]:
        """Return the properties that the pin's snapshot was written with."""
        snapshot = self._table(dataset).snapshot_by_id(pin.snapshot)
        if snapshot is None or snapshot.summary is None:
            return {}
        return dict(snapshot.summary.additional_properties)

    def _table(self, dataset: str) -> Table:
        """Load the dataset's table.

        Raises:
            StorageError: there is none, or it belongs to another lake.

        """
        with _naming(dataset):
            table = self._catalog.load_table((NAMESPACE, dataset))
        owner = table.properties.get(LAKE)
        if owner != self.lake:
            raise StorageError(
                f"the Iceberg table of {dataset} belongs to another lake ({owner})",
                hint="Give this lake a catalogue and a store of its own in isotherm.toml.",
            )
        return table


def lost(dataset: str) -> StorageError:
    """Say that the catalogue has not the table that a pin names."""
    return StorageError(
        f"the catalogue has lost the Iceberg table of {dataset}",
        hint="Queries still read the cold rows. Have it registered again: isotherm rebuild "
        "--replace",
    )


def _not_wider(dataset: str, column: Column, old: str) -> SchemaError:
    return SchemaError(
        f"column {column.name} of {dataset} is {column.type} now, but its cold rows are {old}, "
        "which Iceberg cannot widen to it",
        hint=f"Alter it back, or keep it as it was: "
        f'[datasets.{dataset}.cast] {column.name} = "{old}"',
    )


@contextmanager
def _naming(dataset: str) -> Iterator[None]:
    """Turn errors of PyIceberg and of what it stands on into ones that name the dataset."""
    try:
        yield
    except CommitFailedException as error:
        raise ConflictError(
            f"the Iceberg table of {dataset} was changed by others meanwhile: {error}",
            hint="Run the same command again.",
        ) from error
    except NoSuchTableError as error:
        raise StorageError(f"{dataset} has no Iceberg table in the catalogue") from error
    except (
        ValidationException,
        SQLAlchemyError,
        pa.ArrowException,
        ArithmeticError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        if "KeyboardInterrupt" in str(error):  # what serialises metadata makes a ValueError of it
            raise KeyboardInterrupt from error
        raise StorageError(
            f"the Iceberg table of {dataset} cannot be read or written: {error}",
            hint="Nothing was deleted. Mend the catalogue or the store, then run it again.",
        ) from error
