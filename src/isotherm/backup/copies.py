"""The store's own copy of control, so that a lake outlives the loss of its control.

It lies on the store as `control/copies/...parquet`, with rows in quarantine beside it, and with a
manifest for each move since (see `manifests`). Every command that changes control renews it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..control import dump, intents, journal
from ..engine.base import Session
from ..engine.sql import text
from ..engine.threads import behind
from ..model.errors import RequestError, StorageError
from ..model.part import Location
from ..storage.base import Storage
from ..warehouse.base import Transaction, Warehouse

PLACE = "control"
"""The folder of the store where copies and manifests lie, as the tier of their locations."""
COPIES, QUARANTINE, MOVES = "copies", "quarantine", "moves"
HASH = 16
"""So many digits of a hash tell histories apart."""
_NAMED = re.compile(rf"{COPIES}/(\d{{12}})-(\d{{20}})-([0-9a-f]{{{HASH}}})\.parquet")
BESIDE = "quarantine at"
"""What a copy's row is called that says where the rows in quarantine are."""
CONFIG = "config"
"""What a backup's row of the config is called, where the others have the name of a table."""


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """One copy of control on the store; what came later is greater.

    Attributes:
        rows: How many rows its journal had that were sealed.
        made_at: When it was made: nanoseconds, and after every copy that was there.
        hash: How the hash of the last of these rows begins.

    """

    rows: int
    made_at: int
    hash: str

    @property
    def location(self) -> Location:
        """Where it lies."""
        return Location(PLACE, f"{COPIES}/{self.rows:012d}-{self.made_at:020d}-{self.hash}.parquet")

    @classmethod
    def at(cls, locations: Iterable[Location]) -> list[Copy]:
        """Return the copies among some objects, the newest first; what else lies there is none."""
        found = (_NAMED.fullmatch(item.key) for item in locations)
        return sorted((cls(int(m[1]), int(m[2]), m[3]) for m in found if m), reverse=True)


def keep(warehouse: Warehouse, storage: Storage) -> Copy:
    """Renew the store's copy of control; what is in it, and was kept before, goes.

    Copies of another history stay: the warehouse may have come back from a backup, and then they
    know what it does not.

    Raises:
        StorageError: it cannot be written, or what it replaces cannot be removed.

    """
    for folder in (COPIES, QUARANTINE):
        storage.unstage(PLACE, folder)  # a process that was killed may have left some
    before = frozenset(storage.list(PLACE))
    others = Copy.at(before)
    with warehouse.snapshot(control_only=True) as tx:
        head = journal.head(tx)
        made_at = max([time.time_ns(), *(other.made_at + 1 for other in others)])
        made = Copy(head.seq, made_at, head.hash[:HASH])
        waiting = _of_quarantine(tx)
        if waiting and waiting not in before:
            _write(tx, storage, waiting, [dump.QUARANTINE])
        _write(tx, storage, made.location, dump.SMALL, waiting)
        old = [other.location for other in others if other < made and is_in(tx, other)]
        known = {item: intents.state(tx, _move_of(item)) for item in before if _is_of(item, MOVES)}
    ended = [item for item, state in known.items() if state in (intents.DONE, intents.ABANDONED)]
    quarantines = [item for item in before if _is_of(item, QUARANTINE) and item != waiting]
    if len(old) < len(others):
        quarantines = []  # one of them may be of a copy that stays
    gone = (*old, *quarantines, *ended)
    with behind(storage.remove, len(gone)) as remove:
        for item in gone:
            remove(item)
    return made


def every(storage: Storage) -> list[Copy]:
    """Return the copies on the store, the newest first."""
    return Copy.at(storage.list(PLACE, COPIES))


def files_of(session: Session, storage: Storage, copy: Copy) -> list[str]:
    """Return the URLs of a copy and of the rows in quarantine that belong to it."""
    url = storage.url(copy.location)
    found = session.execute(
        f"SELECT json_extract_string(content, '$.key') FROM read_parquet({text(url)}) "
        f"WHERE name = '{BESIDE}'"
    )
    return [url, *(storage.url(Location(PLACE, key)) for (key,) in found)]


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
    """Put a small object.

    Raises:
        StorageError: it cannot be written.

    """
    staged = Path(storage.stage(location))
    try:
        staged.write_bytes(content)
    except OSError as error:
        raise StorageError(
            f"object {location} cannot be written: {error.strerror or error}",
            hint="Nothing was deleted. Make room, or mend the store; then run it again.",
        ) from error
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


def is_in(tx: Transaction, copy: Copy) -> bool:
    """Say whether control has everything of a copy: its journal goes on from there."""
    return journal.holds(tx, f"{copy.rows}:{copy.hash}", begins=True)


def _write(
    tx: Transaction,
    storage: Storage,
    location: Location,
    tables: Iterable[str],
    beside: Location | None = None,
) -> None:
    staged = storage.stage(location)
    Path(staged).chmod(0o600)  # it speaks of people
    more = [(BESIDE, json.dumps({"key": beside.key}))] if beside else []
    dump.write(tx, tables, staged, more)
    storage.publish(location)


def _of_quarantine(tx: Transaction) -> Location | None:
    """Return where the rows are kept that are in quarantine now; None where there are none."""
    count, last = tx.execute(
        "SELECT count(*), max(epoch_us(quarantined_at)) FROM isotherm.quarantine"
    )[0]
    return Location(PLACE, f"{QUARANTINE}/{last:020d}-{count}.parquet") if count else None
