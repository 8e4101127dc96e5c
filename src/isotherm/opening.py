"""Open a lake by its config file, or set one up."""

from __future__ import annotations

import dataclasses
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import config as configuration
from .asking import whoami
from .backup import copies
from .backup import rebuild as rebuilding
from .backup.rebuild import Rebuilder, Rebuilt
from .config import Config
from .config.sections import POSTGRES
from .control import datasets, migrations, parts, pins
from .engine.duckdb import DuckDBEngine
from .lake import Lake
from .model.address import Address
from .model.errors import BusyError, ConfigError
from .storage.base import Storage
from .storage.folder import FolderStorage
from .warehouse.attached import AttachedWarehouse
from .warehouse.duckdb import DuckDBWarehouse
from .warehouse.postgres import PostgresWarehouse

if TYPE_CHECKING:
    from .catalog.iceberg import IcebergCatalog
    from .storage.s3 import S3Storage

POLL_SECONDS = 0.2


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
    warehouse = _warehouse(config, read_only=read_only, wait=wait)
    try:
        with warehouse.snapshot() as tx:
            if not migrations.is_made(tx):
                raise _not_set_up(config)
            migrations.check(tx)
            lake = migrations.lake_id(tx)
            storage = _storage(config)
            migrations.check_store(tx, storage.place)
            datasets.check(tx, config.datasets, str(config.file))
        return Lake(config, warehouse, storage, lambda: _catalog(config, storage, lake), clock)
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
    warehouse = _warehouse(config)
    try:
        storage = _storage(config)
        with warehouse.transaction() as tx:
            migrations.make_schema(tx)
        with warehouse.transaction() as tx:
            lake = migrations.migrate(tx)
            migrations.note_store(tx, storage.place)
            used = parts.places(tx)
        storage.claim(lake, used)
        _make_catalog_schema(config)
        _catalog(config, storage, lake)
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

    file, now = Path(path).absolute(), clock()
    if backup and not file.exists():
        engine = DuckDBEngine()
        text = rebuilding.config_of(engine.session(), Path(backup))
        engine.close()
        file.write_text(text, encoding="utf-8")
    config = configuration.read(file)
    warehouse = _warehouse(config, wait=wait)
    try:
        storage = _storage(config)
        if access := storage.access():
            warehouse.engine.reach(access)
        with warehouse.transaction() as tx:
            migrations.make_schema(tx)
        with rebuilding.alone(warehouse):
            saved = rebuilding.save_old(warehouse, config.folder, now) if replace else None
            with warehouse.transaction() as tx:
                rebuilding.check_replaceable(tx, replace=replace)
                source, words = rebuilding.source_of(tx, storage, Path(backup) if backup else None)
                rebuilder = Rebuilder(tx, storage, config.datasets, source, words)
                rebuilt = rebuilder.rebuild(now, whoami())
        _make_catalog_schema(config)
        catalog = _catalog(config, storage, rebuilt.lake)
        with warehouse.snapshot() as tx:
            heads = {name: pins.latest(tx, name) for name in config.datasets}
        for name, pin in heads.items():
            if pin:
                catalog.adopt(name, pin.metadata, pin.snapshot)
    finally:
        warehouse.close()
    with open_lake(path, wait=wait, clock=clock) as lake:
        ports = lake.ports()
        for name in (name for name, pin in heads.items() if pin):
            recovery.publish(ports, name)
        lake._seal()
    return dataclasses.replace(rebuilt, saved=saved)


def _warehouse(config: Config, *, read_only: bool = False, wait: float = 0.0) -> AttachedWarehouse:
    """Attach the warehouse that the config names."""
    if config.warehouse.url.startswith(POSTGRES):
        return _postgres(config, read_only=read_only, wait=wait)
    return _duckdb(config, read_only=read_only, wait=wait)


def _postgres(config: Config, *, read_only: bool, wait: float) -> PostgresWarehouse:
    engine = DuckDBEngine(temp=config.folder / ".isotherm.tmp", threads=config.settings.threads)
    try:
        return PostgresWarehouse(config.warehouse.url, engine, read_only=read_only, wait=wait)
    except BaseException:
        engine.close()
        raise


def _duckdb(config: Config, *, read_only: bool, wait: float) -> DuckDBWarehouse:
    file = config.folder / _rest(config, "warehouse", config.warehouse.url, "duckdb")
    if read_only and not file.exists():
        raise _not_set_up(config)
    end = time.monotonic() + wait
    while True:
        engine = DuckDBEngine(temp=file.with_suffix(".tmp"), threads=config.settings.threads)
        try:
            return DuckDBWarehouse(file, engine, read_only=read_only)
        except BaseException as error:
            engine.close()
            if not isinstance(error, BusyError) or time.monotonic() >= end:
                raise
            time.sleep(POLL_SECONDS)


def _storage(config: Config) -> Storage:
    """Make the store that the config names."""
    if config.storage.url.startswith("s3:"):
        return _s3(Address.parse(config.storage.url))
    root = config.folder / _rest(config, "storage", config.storage.url, "file")
    return FolderStorage(
        root, {tier: config.folder / place for tier, place in config.storage.tiers.items()}
    )


def _s3(address: Address) -> S3Storage:
    try:
        from .storage.s3 import S3Storage
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"storage.url begins with s3:, and {error.name} is not installed",
            hint="Install it: pip install 'isotherm[s3]'",
        ) from None
    return S3Storage(address)


def _make_catalog_schema(config: Config) -> None:
    if config.catalog.url.startswith(POSTGRES):
        from .catalog import server

        server.make_schema(config.catalog.url)


def _catalog(config: Config, storage: Storage, lake: str) -> IcebergCatalog:
    from .catalog import server
    from .catalog.iceberg import IcebergCatalog

    url = config.catalog.url
    if url.startswith(POSTGRES):
        uri = server.uri(url)
    else:
        uri = f"sqlite:///{quote(str(config.folder / _rest(config, 'catalog', url, 'sqlite')))}"
    return IcebergCatalog(uri, storage.metadata_url(""), lake, storage.access)


def _rest(config: Config, section: str, url: str, scheme: str) -> str:
    """Return what follows the scheme of a URL.

    Raises:
        ConfigError: it has another scheme.

    """
    found, colon, rest = url.partition(":")
    if found != scheme or not colon or not rest:
        raise ConfigError(
            f"{config.file}: {section}.url: found {url!r}; it begins with {scheme}:",
            hint=f'Write {section}.url = "{scheme}:PATH".',
        )
    return rest.removeprefix("//")


def _not_set_up(config: Config) -> ConfigError:
    return ConfigError(
        f"{config.file}: this lake was not set up yet",
        hint="Run: isotherm init. Where it was, and control is lost: isotherm rebuild",
    )
