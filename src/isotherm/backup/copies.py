"""The store's own copy of control, so that a lake outlives the loss of its control.

It lies on the store as `control/copies/...parquet`, with rows in quarantine beside it, and with a
manifest for each move since (see `manifests`). Every command that changes control renews it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..control import dump, intents, journal
from ..engine.base import Session
from ..engine.sql import text
from ..model.errors import RequestError, StorageError
from ..model.part import Location
from ..storage.base import Storage
from ..warehouse.base import Transaction, Warehouse

PLACE = "control"
"""The folder of the store where copies and manifests lie, as the tier of their locations."""
COPIES, QUARANTINE, MOVES = "copies", "quarantine", "moves"
CONFIG = "config"
"""What a backup's row of the config is called, where the others have the name of a table."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of control on the store.

    Attributes:
        rows: How many rows its journal had that were sealed.

    """

    location: Location
    rows: int


def keep(warehouse: Warehouse, storage: Storage) -> Copy:
    """Renew the store's copy of control; older ones, and manifests that are in it, go.

    Raises:
        StorageError: it cannot be written, or what it replaces cannot be removed.

    """
    for folder in (COPIES, QUARANTINE):
        storage.unstage(PLACE, folder)  # a process that was killed may have left some
    before = frozenset(storage.list(PLACE))
    with warehouse.snapshot() as tx:
        rows = journal.head(tx).seq
        made = Copy(Location(PLACE, f"{COPIES}/{rows:012d}-{time.time_ns():020d}.parquet"), rows)
        _write(tx, storage, made.location, dump.SMALL)
        waiting = _of_quarantine(tx)
        if waiting and waiting not in before:
            _write(tx, storage, waiting, [dump.QUARANTINE])
        told = [item for item in before if _is_of(item, MOVES)]
        ended = [item for item in told if intents.state(tx, _move_of(item)) != intents.OPEN]
    old = [item for item in before if _is_of(item, COPIES) and item.key < made.location.key]
    other = [item for item in before if _is_of(item, QUARANTINE) and item != waiting]
    for item in (*old, *other, *ended):
        storage.remove(item)
    return made


def newest(storage: Storage) -> Copy | None:
    """Return the newest copy on the store; None if there is none."""
    found = max((item for item in storage.list(PLACE, COPIES)), default=None)
    return Copy(found, int(found.key.split("/")[1].split("-")[0])) if found else None


def files_of(storage: Storage, copy: Copy) -> list[str]:
    """Return the URLs of a copy and of the rows in quarantine beside it."""
    return [storage.url(item) for item in (copy.location, *storage.list(PLACE, QUARANTINE))]


def save(
    tx: Transaction,
    file: Path,
    tables: Sequence[str] = (*dump.SMALL, dump.QUARANTINE),
    config: str | None = None,
) -> None:
    """Write control to a file that only its owner may read; it is whole or not there.

    Args:
        config: The text of the config, that goes into it, too.

    Raises:
        RequestError: there is a file already.
        StorageError: it cannot be written.

    """
    if file.exists():
        raise RequestError(f"{file} is there already", hint="Name a new file, or move that one.")
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(0o600)
        more = [(CONFIG, json.dumps({"text": config}))] if config else []
        dump.write(tx, tables, str(part), more)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.link(part, file)  # unlike a rename it replaces nothing that came meanwhile
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def put(storage: Storage, location: Location, content: bytes) -> None:
    """Put a small object."""
    Path(storage.stage(location)).write_bytes(content)
    storage.publish(location)


def read(session: Session, storage: Storage, location: Location) -> bytes:
    """Read a small object."""
    url = text(storage.url(location))
    return bytes(session.execute(f"SELECT content FROM read_blob({url})")[0][0])


def manifest_of(move: str) -> Location:
    """Return the place of a move's manifest."""
    return Location(PLACE, f"{MOVES}/{move}.json")


def _move_of(manifest: Location) -> str:
    return manifest.key.rpartition("/")[2].removesuffix(".json")


def _is_of(item: Location, folder: str) -> bool:
    return item.key.startswith(f"{folder}/")


def _write(tx: Transaction, storage: Storage, location: Location, tables: Iterable[str]) -> None:
    dump.write(tx, tables, storage.stage(location))
    storage.publish(location)


def _of_quarantine(tx: Transaction) -> Location | None:
    """Return where the rows are kept that are in quarantine now; None where there are none."""
    count, last = tx.execute(
        "SELECT count(*), max(epoch_us(quarantined_at)) FROM isotherm.quarantine"
    )[0]
    return Location(PLACE, f"{QUARANTINE}/{last:020d}-{count}.parquet") if count else None
