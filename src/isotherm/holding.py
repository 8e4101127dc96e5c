"""What an open lake holds: the warehouse, the store and the catalogue, until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .backup import copies
from .config import Config
from .control import journal, migrations
from .model.errors import ConflictError, IsothermError
from .storage.base import Storage
from .warehouse.attached import AttachedWarehouse
from .warehouse.lease import always

if TYPE_CHECKING:
    from .catalog.iceberg import IcebergCatalog
    from .moves.base import Ports


class Holding:
    """The ports of a lake; they are given up when it is closed."""

    def __init__(
        self,
        config: Config,
        warehouse: AttachedWarehouse,
        storage: Storage,
        catalog: Callable[[], IcebergCatalog],
        clock: Callable[[], datetime],
    ) -> None:
        self.config = config
        self.warehouse = warehouse
        self.storage = storage
        self.clock = clock
        self._make_catalog = catalog
        self._moving = threading.Lock()

    @cached_property
    def catalog(self) -> IcebergCatalog:
        """The Iceberg tables; opened when they are first needed."""
        return self._make_catalog()

    def ports(self, *, exclusive: bool = False, held: Callable[[], None] = always) -> Ports:
        """Return what the moves act on."""
        from .moves.base import Ports

        with self.warehouse.snapshot(control_only=True) as tx:
            lake = migrations.lake_id(tx)
        self.storage.check(lake)
        self._reach()

        def ready() -> None:
            held()
            self._reach()  # keys may be others by now

        return Ports(
            self.warehouse,
            self.storage,
            self.catalog,
            self.clock,
            self.config.settings.grace.length,
            lake,
            self.warehouse.holder,
            exclusive,
            self.config.settings.moves_at_once,
            ready,
        )

    def connection(self) -> Any:
        """Open a DuckDB connection of your own to the warehouse, for writing past Isotherm.

        Its unqualified names are the warehouse's tables: hot rows only.
        """
        return self.warehouse.session().cursor

    def close(self) -> None:
        """Give up the warehouse."""
        self.warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reach(self) -> None:
        """Let the engine read the store; who only looks at what is where needs no keys to it."""
        if access := self.storage.access():
            self.warehouse.engine.reach(access)

    def _seal(self) -> None:
        """Seal the journal's new rows; where another writer is at it, the next one does."""
        with suppress(ConflictError), self.warehouse.transaction(control_only=True) as tx:
            journal.seal(tx)
        self._keep()

    def _keep(self) -> None:
        """Renew the store's copy of control; where that cannot be done now, the next one does."""
        with suppress(IsothermError):
            copies.keep(self.warehouse, self.storage.hurried())
