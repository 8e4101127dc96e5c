"""Rebuild control from the store's copy, or from a backup, and from the moves made since.

Of a move that was about to commit, the store does not know whether it did. The warehouse and the
store say so: rows that a move takes away are there or not, and so are the objects it has written.
Where both would be true it is taken for undone, but for an erasure of objects: nothing is lost, and
the next `apply` makes it again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..catalog.iceberg import IcebergCatalog
from ..control import dump, intents, journal, migrations, parts, pins
from ..engine.base import Session
from ..engine.sql import text
from ..model.dataset import Dataset
from ..model.errors import ConfigError, IsothermError, RequestError
from ..model.period import Period
from ..storage.base import Storage
from ..warehouse.attached import AttachedWarehouse
from ..warehouse.base import Transaction
from . import copies, manifests
from .copies import Copy
from .doubles import are_hot
from .manifests import Manifest, Placed

LEAVING = ("unload", "append")
"""The moves that take rows out of the warehouse."""


@dataclass(frozen=True)
class Rebuilt:
    """What control was rebuilt from.

    Attributes:
        source: The copy or the backup, in words.
        rows: How many rows its journal had that were sealed.
        made: Moves that came after it, and were made.
        undone: Those that were not, and that the next `apply` makes again.
        saved: Where what there was of control is, if anything was.

    """

    lake: str
    source: str
    rows: int
    made: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    saved: Path | None = None


@dataclass(frozen=True)
class Rebuilder:
    """Makes control anew, in one transaction.

    Attributes:
        source: The SQL of a relation with the rows of a dump.
        words: What that is.

    """

    tx: Transaction
    storage: Storage
    catalog: IcebergCatalog
    datasets: Mapping[str, Dataset]
    source: str
    words: str

    def rebuild(self, now: datetime, who: str) -> Rebuilt:
        """Replace control; nothing else is changed.

        Raises:
            StorageError: the store is not there, or holds a broken manifest.
            ConfigError: what control is rebuilt from is of a newer Isotherm, or of another store.

        """
        tx, lake = self.tx, self.catalog.lake
        told = manifests.every(tx.session, self.storage, lake)
        dump.replace_all(tx, self.source)
        migrations.check_store(tx, self.storage.place)
        rows = journal.head(tx).seq
        made: list[str] = []
        undone: list[str] = []
        for number, manifest in enumerate(told):
            if intents.state(tx, manifest.move) in (intents.DONE, intents.ABANDONED):
                continue
            committed = self._is_made(manifest, told[number + 1 :])
            self._replay(manifest, committed)
            if not journal.holds(tx, manifest.after):
                raise RequestError(
                    f"{manifest.location} was written in another history than {self.words}",
                    hint="Has the warehouse come back from a backup? See docs/operations.md.",
                )
            name = f"{manifest.kind} of {manifest.dataset} {manifest.move}"
            (made if committed else undone).append(name)
        journal.write(
            tx, now, "", "", "rebuilt", source=self.words, who=who, made=made, undone=undone
        )
        return Rebuilt(lake, self.words, rows, tuple(made), tuple(undone))

    def _is_made(self, manifest: Manifest, later: Sequence[Manifest]) -> bool:
        """Say whether a move was committed."""
        after = [other for other in later if other.dataset == manifest.dataset]
        if any(self._is_main(other) for other in (manifest, *after)):
            return True  # Iceberg's main never runs ahead of the pin
        ids = {part.id for part in manifest.added}
        if any(part.id in ids for other in later for part in other.removed):
            return True  # another one stands on it
        if not (manifest.added or manifest.removed):
            return False  # of hot rows that go or change nothing is left to tell; to look is safe
        objects = [item for part in manifest.added for item in part.objects]
        if any(self.storage.size(item) is None for item in objects):
            return False
        if manifest.kind in LEAVING:
            return not self._are_hot(manifest.dataset, manifest.added)
        if manifest.kind == "reload":
            return self._are_hot(manifest.dataset, manifest.removed)
        if manifest.kind == "expire":
            gone = [part for part in manifest.removed if self.storage.size(part.objects[0]) is None]
            return bool(gone)
        return True

    def _is_main(self, manifest: Manifest) -> bool:
        """Say whether Iceberg's main is what a move has made."""
        dataset, catalog = manifest.dataset, self.catalog
        pinned = [json.loads(content) for name, content in manifest.rows if name == "pins"]
        if not pinned or not catalog.exists(dataset):
            return False
        return catalog.head(dataset).snapshot == int(pinned[0]["snapshot"])

    def _replay(self, manifest: Manifest, committed: bool) -> None:
        """Write what a move has changed, or that it is still open."""
        tx = self.tx
        if committed:
            parts.remove(tx, [part.id for part in manifest.removed])
        tx.execute("DELETE FROM isotherm.intents WHERE move = ?", [manifest.move])
        told = [
            (name, self._told(name, json.loads(content), committed))
            for name, content in manifest.rows
        ]
        kept = [(name, json.dumps(row)) for name, row in told if row]
        if kept:
            values = ", ".join(f"({text(name)}, {text(content)})" for name, content in kept)
            source = f"(VALUES {values}) AS told(name, content)"
            dump.fill(tx, source, sorted({name for name, _ in kept}))

    def _told(self, name: str, row: dict[str, Any], committed: bool) -> dict[str, Any] | None:
        """Return the row that control is to have, and make room for it; None if it has none."""
        tx = self.tx
        if name == "journal":
            if row["seq"] is None and not committed and row["event"] == "done":
                return None
            tx.execute("DELETE FROM isotherm.journal WHERE id = ?", [row["id"]])
        elif name == "datasets":
            tx.execute("DELETE FROM isotherm.datasets WHERE dataset = ?", [row["dataset"]])
        elif name in manifests.STANDING:  # what is there may have ended by now
            there = tx.execute(f"SELECT 1 FROM isotherm.{name} WHERE id = ?", [row["id"]])
            return None if there else row
        elif name == "intents" and not committed:
            return row | {"state": intents.OPEN, "ended_at": None}
        elif not committed:
            return None
        return row

    def _are_hot(self, name: str, wanted: Sequence[Placed]) -> bool:
        """Say whether all rows of some parts are in the warehouse."""
        dataset = self.datasets.get(name)
        if dataset is None:
            raise RequestError(
                f"the config has no dataset {name}, and whether its last move was made is said by "
                "the rows of its table",
                hint="Nothing was changed. Put the dataset back into the config.",
            )
        return are_hot(
            self.tx,
            self.storage,
            dataset,
            [Period.parse(part.period) for part in wanted],
            [part.objects[0] for part in wanted],
            sum(part.rows for part in wanted),
        )


def alone(warehouse: AttachedWarehouse) -> AbstractContextManager[object]:
    """Be the only one who is at work, where control knows leases still."""
    with warehouse.snapshot() as tx:
        leases = dump.LEASES in dump.tables(tx)
    return warehouse.lease() if leases else nullcontext()


def check_replaceable(tx: Transaction, *, replace: bool) -> None:
    """Check that control may be replaced: it is lost, knows of nothing, or somebody says so.

    Raises:
        RequestError: it may not.

    """
    there, told = dump.tables(tx), {"pins", "parts", "journal"}
    if replace or not there:
        return
    queries = [f"SELECT 1 FROM isotherm.{name}" for name in sorted(told & there)]
    if told <= there and not tx.execute(" UNION ALL ".join(queries) + " LIMIT 1"):
        return
    raise RequestError(
        "control is there: nothing was changed",
        hint="Look at it: isotherm audit. If it is damaged, replace it: isotherm rebuild --replace",
    )


def save_old(warehouse: AttachedWarehouse, folder: Path, now: datetime) -> Path | None:
    """Save what can be read of control before it is replaced; None if nothing can."""
    file = folder / f"control-before-{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}.parquet"
    with suppress(IsothermError), warehouse.snapshot() as tx:
        tables = dump.tables(tx) - {dump.LEASES}
        if tables:
            copies.save(tx, file, sorted(tables))
            return file
    return None


def config_of(session: Session, backup: Path) -> str:
    """Return the text of the config that a backup holds.

    Raises:
        ConfigError: it is no backup.

    """
    with _reading(backup):
        found = session.execute(
            f"SELECT json_extract_string(content, '$.text') FROM {_relation([str(backup)])} "
            f"WHERE name = '{copies.CONFIG}'"
        )
    if not found:
        raise ConfigError(f"{backup} holds no config")
    return str(found[0][0])


def source_of(tx: Transaction, storage: Storage, backup: Path | None) -> tuple[str, str]:
    """Choose what control is rebuilt from: the newer one of the store's copy and a backup.

    Args:
        backup: A file, or the name of one of the store's copies, which is taken then.

    Returns:
        The SQL of a relation, and what it is.

    Raises:
        RequestError: there is neither, or the store has copies of two histories.
        ConfigError: the backup is none.

    """
    there = copies.every(storage)
    for named in there:
        if backup and str(named.location) == str(backup):
            return _of_copy(tx, storage, named)
    copy = _one_history(tx, storage, there)
    if backup is None and copy is None:
        raise RequestError(
            f"the store {storage.place} holds no copy of control",
            hint="Rebuild from a backup: isotherm rebuild --from FILE",
        )
    if backup and (copy is None or _rows_of(tx, backup) > copy.rows):
        return _relation([str(backup)]), f"the backup {backup}"
    assert copy is not None
    return _of_copy(tx, storage, copy)


def _of_copy(tx: Transaction, storage: Storage, copy: Copy) -> tuple[str, str]:
    files = copies.files_of(tx.session, storage, copy)
    return _relation(files), f"the store's copy {copy.location}"


def _one_history(tx: Transaction, storage: Storage, there: Sequence[Copy]) -> Copy | None:
    """Return the newest copy, if the older ones are what it was before.

    Raises:
        RequestError: one is not.

    """
    if not there:
        return None
    last, *others = there
    url = text(storage.url(last.location))
    for other in others:
        found = tx.session.execute(
            "SELECT json_extract_string(content, '$.hash') FROM "
            f"read_parquet({url}) WHERE name = 'journal' "
            f"AND json_extract_string(content, '$.seq')::BIGINT = {other.rows}"
        )
        if other.rows and not (found and str(found[0][0]).startswith(other.hash)):
            raise RequestError(
                f"the store holds copies of control with two histories: {last.location} and "
                f"{other.location}",
                hint="Has the warehouse come back from a backup? See docs/operations.md. Name the "
                f"one to take: isotherm rebuild --from {last.location}",
            )
    return last


def match_catalogue(tx: Transaction, catalog: IcebergCatalog, datasets: Iterable[str]) -> None:
    """Have the catalogue name the table of each pin, where it has lost it or is behind.

    Before control's commit: who is killed in between rebuilds again, and finds it done.

    Raises:
        RequestError: Iceberg knows of moves that control, as it was rebuilt, does not.

    """
    heads = {name: pins.latest(tx, name) for name in datasets}
    for name, pin in heads.items():
        if catalog.is_ahead(name, pin.metadata, pin.snapshot) if pin else catalog.has_moves(name):
            raise RequestError(
                f"the Iceberg table of {name} knows of moves that came after what control would be "
                "rebuilt from: rows would be missing",
                hint="Nothing was changed. Rebuild from a newer backup, or from the store's copy.",
            )
    for name, pin in heads.items():
        if pin:
            catalog.adopt(name, pin.metadata, pin.snapshot)


def _rows_of(tx: Transaction, backup: Path) -> int:
    """Return how many rows of the journal of a backup were sealed."""
    with _reading(backup):
        found = tx.session.execute(
            "SELECT coalesce(max(json_extract_string(content, '$.seq')::BIGINT), 0) "
            f"FROM {_relation([str(backup)])} WHERE name = 'journal'"
        )
    return int(found[0][0])


@contextmanager
def _reading(backup: Path) -> Iterator[None]:
    """Say of what cannot be read that it is no backup."""
    try:
        yield
    except Exception as error:
        why = str(error).splitlines()[0]
        if not backup.exists():
            why = "there is no such file"
        elif why.startswith("Binder Error"):
            why = "it has other columns"
        raise ConfigError(
            f"{backup} is no backup of a lake: {why}",
            hint="Name a file that isotherm backup has written.",
        ) from error


def _relation(files: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(text(file) for file in files)}], union_by_name = true)"
