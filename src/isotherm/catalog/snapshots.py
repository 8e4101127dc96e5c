"""What happens to a table's snapshots: a move's branch, `main` that follows the pin, old ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots
from pyiceberg.typedef import Record

from ..model.errors import StorageError
from ..model.part import Part
from .commits import Commit, swap

Described = tuple[DataFile, ...]
"""What a table keeps of files: where they are, how large, and the bounds of the clock."""

MOVE = "isotherm.move"
"""The snapshot property that says which move has made it."""
AT_ONCE = 8
"""So many footers are read at a time: it is waiting for the store."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The Iceberg metadata file and snapshot that readers use."""

    metadata: str
    snapshot: int


@dataclass(frozen=True)
class Seen:
    """A dataset's table as it was at one time.

    Attributes:
        moves: Those that have a branch or a snapshot in it.
        main: The snapshot that other engines read.

    """

    table: Table
    moves: frozenset[str]
    main: int | None


def branch_of(move: str) -> str:
    """Return the name of a move's branch."""
    return f"move-{move}"


def look(table: Table) -> Seen:
    """Find out which moves have left something in a table."""
    prefix = branch_of("")
    branches = {name.removeprefix(prefix) for name in table.refs() if name.startswith(prefix)}
    made = {move for snapshot in table.metadata.snapshots if (move := _move_of(snapshot))}
    return Seen(table, frozenset(branches | made), table.metadata.current_snapshot_id)


def is_made(table: Table) -> bool:
    """Say whether a move has made what `main` is now: the first snapshot is empty, and nobody's."""
    main = table.current_snapshot()
    return main is not None and _move_of(main) is not None


def described(table: Table, urls: Sequence[str]) -> Described:
    """Return what Iceberg keeps of Parquet files; their footers are read, several at a time."""

    def one(url: str) -> DataFile:
        return parquet_file_to_data_file(table.io, table.metadata, url)

    if len(urls) == 1:
        return (one(urls[0]),)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(one, urls))


def register(
    table: Table,
    base: Pin,
    move: str,
    add: Described,
    remove: Mapping[str, Part],
    notes: Mapping[str, str],
) -> Pin:
    """Add and remove files on the branch of a move; see `IcebergCatalog.register`."""
    if table.snapshot_by_id(base.snapshot) is None:
        raise _no_snapshot(table, base)
    branch = branch_of(move)
    with Commit(table) as commit:
        ManageSnapshots(commit).create_branch(base.snapshot, branch).commit()
        marks = {MOVE: move, **notes}
        with swap(commit, table, branch, marks, adds=not remove) as change:
            for url, part in remove.items():
                change.delete_data_file(_data_file(table, url, part))
            for file in add:
                change.append_data_file(file)
    made = table.snapshot_by_name(branch)
    if made is None or made.parent_snapshot_id != base.snapshot:
        raise StorageError(f"the snapshot of move {move} does not stand on the pin's")
    return Pin(table.metadata_location, made.snapshot_id)


def publish(seen: Seen, pin: Pin, ended: Collection[str]) -> None:
    """Set `main` to the pin, and let what is over go; see `IcebergCatalog.publish`."""
    table, refs = seen.table, seen.table.refs()
    current = table.snapshot_by_id(pin.snapshot)
    if current is None:
        raise _no_snapshot(table, pin)
    branches = [branch for move in ended if (branch := branch_of(move)) in refs]
    kept = {pin.snapshot} | {
        ref.snapshot_id for name, ref in refs.items() if name not in ("main", *branches)
    }
    stale = [
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in kept
        and (_order(snapshot) < _order(current) or _move_of(snapshot) in ended)
    ]
    behind = seen.main != pin.snapshot
    if not (behind or branches or stale):
        return
    with Commit(table) as commit:
        manage = ManageSnapshots(commit)
        if behind:
            manage = manage.set_current_snapshot(pin.snapshot)
        for branch in branches:
            manage = manage.remove_branch(branch)
        manage.commit()
        if stale:
            ExpireSnapshots(commit).by_ids(stale).commit()


def metadata_files(table: Table) -> frozenset[str]:
    """Return the URLs of all metadata files that a table needs now."""
    found = {table.metadata_location}
    for snapshot in table.metadata.snapshots:
        found.add(snapshot.manifest_list)
        found |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
    return frozenset(found)


def _data_file(table: Table, url: str, part: Part) -> DataFile:
    """Describe a file well enough to find it among the manifests' entries and remove it."""
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=url,
        file_format=FileFormat.PARQUET,
        partition=Record(part.period.ordinal) if table.spec().fields else Record(),
        record_count=part.rows,
        file_size_in_bytes=part.bytes,
    )
    file.spec_id = table.spec().spec_id
    return file


def _move_of(snapshot: Snapshot) -> str | None:
    return snapshot.summary.additional_properties.get(MOVE) if snapshot.summary else None


def _order(snapshot: Snapshot) -> int:
    return snapshot.sequence_number or 0


def _no_snapshot(table: Table, pin: Pin) -> StorageError:
    return StorageError(
        f"the Iceberg table of {table.name()[-1]} does not hold snapshot {pin.snapshot}, which "
        "the pin names: the catalogue is not the one that the lake has written",
        hint="Put the catalogue back from a backup; the pinned metadata file is "
        f"{Path(pin.metadata).name}.",
    )
