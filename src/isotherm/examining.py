"""Look at everything that a lake needs, whether it can be opened or not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import config as configuration
from .backends import catalog_of, rest_of, storage_of, warehouse_of
from .check import machine
from .check.doctor import INIT, REBUILD, Check, Examined, failed, fine, kept, warning, wrong
from .check.standing import Known
from .config import Config
from .config.sections import POSTGRES
from .control import datasets as remembered
from .control import migrations
from .cost.amounts import size
from .lifecycle.bucket import BucketRules
from .model.errors import ConfigError, IsothermError
from .model.tier import CLASSES, STANDARD
from .opening import utc_now
from .storage.folder import FolderStorage

if TYPE_CHECKING:
    from .storage.base import Storage
    from .warehouse.attached import AttachedTransaction, AttachedWarehouse

_NEEDS_CONTROL = "leases, things half done, and whose the store and the catalogue are"


def doctor(
    path: str | Path = configuration.DEFAULT_FILE,
    *,
    read_only: bool = False,
    wait: float = 0.0,
    clock: Callable[[], datetime] = utc_now,
) -> Examined:
    """Look at what a lake needs: versions, permissions, clocks, room, locks, things half done.

    Whatever fails is a line of the answer, and what can be looked at without it is. Nothing lasting
    is changed: a small object is put in the store, read back, and taken away again.

    Args:
        path: The config file.
        read_only: Put nothing in the store, not even for a moment.
        wait: For how many seconds to wait for a warehouse that another process holds.
        clock: Returns the time, UTC without zone.

    """
    try:
        config = configuration.read(path)
    except ConfigError as error:
        found = [*machine.versions({}), failed("config", error)]
        return Examined((*found, _unseen("whatever it names", "the config cannot be read")))
    return Examined(tuple(_Doctor(config, read_only, wait, clock).look()))


class _Doctor:
    """One round of looking; each check leaves behind what those after it need."""

    def __init__(
        self, config: Config, read_only: bool, wait: float, clock: Callable[[], datetime]
    ) -> None:
        self._config, self._read_only, self._wait, self._clock = config, read_only, wait, clock
        self._on_s3 = config.storage.url.startswith("s3:")
        self._on_server = config.warehouse.url.startswith(POSTGRES)
        self._known = Known()
        self._storage: Storage | None = None
        self._reached = False

    def look(self) -> Iterator[Check]:
        """Make all checks, each after those that it needs."""
        yield from kept("versions", self._versions)
        names = ", ".join(self._config.datasets) or "no datasets"
        yield fine("config", f"{self._config.file} can be read: {names}")
        yield from kept("store", self._make_storage)
        yield from kept("warehouse", self._warehouse)
        yield from kept("store", self._store)
        yield from kept("catalogue", self._catalogue)
        yield from kept("key", self._key)
        yield from kept("space", self._space)

    def _versions(self) -> Iterator[Check]:
        catalog = self._config.catalog.url.startswith(POSTGRES)
        packages = {"boto3": "s3"} if self._on_s3 else {}
        packages |= {"psycopg": "postgres"} if self._on_server or catalog else {}
        yield from machine.versions(packages)
        named = {"httpfs": self._on_s3, "postgres_scanner": self._on_server}
        yield from machine.extensions(name for name, needed in named.items() if needed)

    def _make_storage(self) -> Iterator[Check]:
        self._storage = storage_of(self._config)
        yield from ()

    # -- the warehouse, and what stands in it

    def _warehouse(self) -> Iterator[Check]:
        try:
            if not self._on_server:
                _there(self._file)
            warehouse = warehouse_of(self._config, read_only=True, wait=self._wait)
        except IsothermError as error:
            yield failed("warehouse", error)
            yield _unseen("control, datasets, leases and things half done", "it cannot be opened")
            return
        try:
            if not self._on_server:
                yield self._writable(self._file)
            for name, look in self._stands():
                yield from kept(name, partial(_in_snapshot, warehouse, look))
        finally:
            warehouse.close()

    def _stands(self) -> Iterator[tuple[str, Callable[[AttachedTransaction], Iterable[Check]]]]:
        """Yield what is looked at, each in a snapshot of its own: what fails spoils no other."""
        from .check import standing

        known, now = self._known, self._clock
        yield "server", partial(standing.server, clock=now)
        yield "control", partial(standing.control, known=known)
        for item in self._config.datasets.values():
            yield f"dataset {item.name}", partial(standing.table, dataset=item, known=known)
        if not known.lake:
            yield "not looked at", lambda _: [_unseen(_NEEDS_CONTROL, "control cannot be used")]
            return
        yield "config", self._agrees
        yield "lease", standing.lease
        yield "half done", lambda tx: standing.half_done(tx, now(), known)

    def _agrees(self, tx: AttachedTransaction) -> Iterator[Check]:
        """Hold the config against what the cold rows were written by."""
        remembered.check(tx, self._config.datasets, str(self._config.file))
        if self._storage:
            migrations.check_store(tx, self._storage.place)
        yield from ()

    @property
    def _file(self) -> Path:
        config = self._config
        return config.folder / rest_of(config, "warehouse", config.warehouse.url, "duckdb")

    def _writable(self, file: Path) -> Check:
        for path in (file, file.parent):
            if not os.access(path, os.W_OK):
                return wrong("warehouse", f"{path} cannot be written", "Let this user write it.")
        return fine("warehouse", f"{file} of {size(file.stat().st_size)}; nobody else writes it")

    # -- the store and the catalogue

    def _store(self) -> Iterator[Check]:
        from .check import places

        if self._storage is None:
            return
        classes = {
            rule.tier.name for d in self._config.datasets.values() for rule in d.policy.rules
        }
        used = classes | self._known.used | {STANDARD.name}
        trial = self._storage.examine(
            [name for name in CLASSES if name in used], self._clock, writing=not self._read_only
        )
        yield from places.store(self._storage.place, trial)
        self._reached = trial.error is None
        if self._reached and self._known.lake:
            self._storage.check(self._known.lake)
            if self._on_s3:
                rules = BucketRules(self._storage, self._config.datasets, self._known.lake)
                yield from places.rules(rules.warnings())

    def _catalogue(self) -> Iterator[Check]:
        from .catalog import server
        from .check import places

        url = self._config.catalog.url
        if url.startswith(POSTGRES):
            made, where = server.is_made(server.uri(url)), "the catalogue's database"
        else:
            file = self._config.folder / rest_of(self._config, "catalog", url, "sqlite")
            made, where = file.exists(), str(file)
        if not made:
            mend = REBUILD if self._known.lake else INIT
            yield wrong("catalogue", f"{where} has no catalogue", mend)
        elif self._storage is None or not self._reached:
            yield _unseen("the Iceberg tables", "the store cannot be reached")
        else:
            catalog = catalog_of(self._config, self._storage, self._known.lake)
            yield from places.tables(catalog, self._config.datasets, self._known.pinned)

    # -- the machine

    def _key(self) -> Iterator[Check]:
        from .check import places
        from .privacy.certificate import Key

        if self._known.erases or any(item.subject for item in self._config.datasets.values()):
            file = self._config.folder / self._config.certificates.key
            if file.exists():
                Key.read(file)
            yield from places.key(file, needed=self._known.erases)

    def _space(self) -> Iterator[Check]:
        folder = self._config.folder
        kept_at = [("temporary files", folder if self._on_server else self._file.parent)]
        if not self._on_server:
            kept_at.append(("the warehouse", self._file.parent))
        if isinstance(self._storage, FolderStorage):
            kept_at += [("objects", place) for place in self._storage.folders]
        else:
            kept_at.append(("objects on their way", Path(tempfile.gettempdir())))
        yield from machine.space(kept_at, self._known.largest)


def _in_snapshot(
    warehouse: AttachedWarehouse, look: Callable[[AttachedTransaction], Iterable[Check]]
) -> Iterator[Check]:
    with warehouse.snapshot() as tx:
        yield from look(tx)


def _there(file: Path) -> None:
    """Check that a warehouse is there.

    Raises:
        ConfigError: it is not, and reading must not make it.

    """
    if not file.exists():
        raise ConfigError(f"{file}: there is no warehouse; this lake was not set up yet", hint=INIT)


def _unseen(what: str, why: str) -> Check:
    return warning("not looked at", f"{what}: {why}", "Mend that, then run it again.")
