"""Open a lake by its config file, set one up, or make its control anew."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from . import config as configuration
from .asking import whoami
from .backends import catalog_of, make_catalog_schema, not_set_up, storage_of, warehouse_of
from .backup import copies
from .backup import rebuild as rebuilding
from .backup.rebuild import Rebuilder, Rebuilt
from .config import Config
from .control import datasets, dump, migrations, parts
from .engine.duckdb import DuckDBEngine
from .lake import Lake


def utc_now() -> datetime:
    """Return the time, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_lake(
    path: str | Path = configuration.DEFAULT_FILE,
    *,
    read_only: bool = False,
    wait: float = 0.0,
    clock: Callable[[], datetime] = utc_now,
) -> Lake:
    """Open a lake by its config file.

    Args:
        read_only: Only look; other processes may look at the same time.
        wait: For how many seconds to wait for a warehouse that another process holds.
        clock: Returns the time, UTC without zone.

    Raises:
        ConfigError: the config is wrong, or `isotherm init` has not been run.
        BusyError: another process holds the warehouse.

    """
    config = configuration.read(path)
    warehouse = warehouse_of(config, read_only=read_only, wait=wait)
    try:
        with warehouse.snapshot() as tx:
            if not migrations.is_made(tx):
                raise not_set_up(config)
            migrations.check(tx)
            lake = migrations.lake_id(tx)
            storage = storage_of(config)
            migrations.check_store(tx, storage.place)
            datasets.check(tx, config.datasets, str(config.file))
        return Lake(config, warehouse, storage, lambda: catalog_of(config, storage, lake), clock)
    except BaseException:
        warehouse.close()
        raise


def init_lake(path: str | Path, template: str) -> tuple[Config, bool]:
    """Write a config where there is none, and make control, store and catalogue.

    Returns:
        The config, and whether it was written now.

    """
    file = Path(path).absolute()
    fresh = not file.exists()
    if fresh:
        configuration.checked(file, tomllib.loads(template))  # before anything is written
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template, encoding="utf-8")
    config = configuration.read(file)
    warehouse = warehouse_of(config)
    try:
        storage = storage_of(config)
        with warehouse.transaction() as tx:
            migrations.make_schema(tx)
        with warehouse.transaction() as tx:
            lake = migrations.migrate(tx)
            migrations.note_store(tx, storage.place)
            used = parts.places(tx)
            storage.check_free(lake)  # control that is made beside another's rows would miss them
        storage.claim(lake, used)
        make_catalog_schema(config)
        catalog_of(config, storage, lake)
        copies.keep(warehouse, storage)
    finally:
        warehouse.close()
    return config, fresh


def rebuild_lake(
    path: str | Path = configuration.DEFAULT_FILE,
    backup: str | Path | None = None,
    *,
    replace: bool = False,
    wait: float = 0.0,
    clock: Callable[[], datetime] = utc_now,
) -> Rebuilt:
    """Rebuild control that was lost or damaged; see `backup.rebuild`.

    Args:
        backup: A file that `Lake.backup` has written; the store's own copy if that is newer. The
            config comes out of it where there is none.
        replace: Replace control that is there; what it held is saved beside the config first.
        wait: For how many seconds to wait for a warehouse that another process holds.

    Raises:
        ConfigError: the config, or the backup, is wrong.
        RequestError: control is there, or there is nothing to rebuild it from.
        StorageError: the store is not there, or not this lake's.
        BusyError: another process holds the warehouse, or applies.

    """
    from .moves import recovery

    file, given = Path(path).absolute(), Path(backup) if backup else None
    if given and not file.exists():
        engine = DuckDBEngine()
        text = rebuilding.config_of(engine.session(), given)
        engine.close()
        file.write_text(text, encoding="utf-8")
    rebuilt = _rebuilt(configuration.read(file), given, clock(), replace=replace, wait=wait)
    with open_lake(path, wait=wait, clock=clock) as lake:
        ports = lake.ports()
        for name in lake.config.datasets:
            recovery.publish(ports, name)
        lake._seal()
    return rebuilt


def _rebuilt(
    config: Config, backup: Path | None, now: datetime, *, replace: bool, wait: float
) -> Rebuilt:
    """Replace control, in one transaction, and have the catalogue match it."""
    warehouse = warehouse_of(config, wait=wait)
    try:
        storage = storage_of(config)
        if access := storage.access():
            warehouse.engine.reach(access)
        with warehouse.transaction() as tx:
            migrations.make_schema(tx)
        with rebuilding.alone(warehouse):
            saved = rebuilding.save_old(warehouse, config.folder, now) if replace else None
            with warehouse.transaction() as tx:
                rebuilding.check_replaceable(tx, replace=replace)
                source, words = rebuilding.source_of(tx, storage, backup)
                lake = dump.setting(tx, source, "lake")
                storage.check(lake)
                make_catalog_schema(config)
                catalog = catalog_of(config, storage, lake)
                rebuilder = Rebuilder(tx, storage, catalog, config.datasets, source, words)
                rebuilt = rebuilder.rebuild(now, whoami())
                rebuilding.match_catalogue(tx, catalog, config.datasets)
    finally:
        warehouse.close()
    return dataclasses.replace(rebuilt, saved=saved)
