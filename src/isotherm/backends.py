"""What a config names: the warehouse, the store and the catalogue, by the schemes of their URLs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from .config import Config
from .config.sections import POSTGRES
from .engine.duckdb import DuckDBEngine
from .model.address import Address
from .model.errors import BusyError, ConfigError, not_installed
from .storage.base import Storage
from .storage.folder import FolderStorage
from .warehouse.attached import AttachedWarehouse
from .warehouse.duckdb import DuckDBWarehouse
from .warehouse.postgres import PostgresWarehouse

if TYPE_CHECKING:
    from .catalog.iceberg import IcebergCatalog
    from .storage.s3 import S3Storage

POLL_SECONDS = 0.2


def warehouse_of(
    config: Config, *, read_only: bool = False, wait: float = 0.0
) -> AttachedWarehouse:
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
    file = config.folder / rest_of(config, "warehouse", config.warehouse.url, "duckdb")
    if read_only and not file.exists():
        raise not_set_up(config)
    swapped = file.with_name(f"{file.name}.tmp")  # no other file's, whose engine may be at work
    end = time.monotonic() + wait
    while True:
        engine = DuckDBEngine(temp=swapped, threads=config.settings.threads)
        try:
            warehouse = DuckDBWarehouse(file, engine, read_only=read_only)
            if not read_only:  # nobody else has the file open, so nobody uses these
                _remove_swapped(swapped)
            return warehouse
        except BaseException as error:
            engine.close()
            if not isinstance(error, BusyError) or time.monotonic() >= end:
                raise
            time.sleep(POLL_SECONDS)


def _remove_swapped(folder: Path) -> None:
    """Remove what an engine that was killed has swapped to disk: there are rows in it."""
    for file in folder.glob("duckdb_temp_*"):
        file.unlink(missing_ok=True)


def storage_of(config: Config) -> Storage:
    """Make the store that the config names."""
    if config.storage.url.startswith("s3:"):
        return _s3(Address.parse(config.storage.url))
    root = config.folder / rest_of(config, "storage", config.storage.url, "file")
    return FolderStorage(
        root, {tier: config.folder / place for tier, place in config.storage.tiers.items()}
    )


def _s3(address: Address) -> S3Storage:
    try:
        from .storage.s3 import S3Storage
    except ModuleNotFoundError as error:
        raise not_installed("storage.url begins with s3:", error, "s3") from None
    return S3Storage(address)


def make_catalog_schema(config: Config) -> None:
    """Make the schema of a catalogue that lies on PostgreSQL."""
    if config.catalog.url.startswith(POSTGRES):
        from .catalog import server

        server.make_schema(config.catalog.url)


def catalog_of(config: Config, storage: Storage, lake: str) -> IcebergCatalog:
    """Open the catalogue that the config names."""
    from .catalog import server
    from .catalog.iceberg import IcebergCatalog

    url = config.catalog.url
    if url.startswith(POSTGRES):
        uri = server.uri(url)
    else:
        uri = f"sqlite:///{quote(str(config.folder / rest_of(config, 'catalog', url, 'sqlite')))}"
    return IcebergCatalog(uri, storage.metadata_url(""), lake, storage.access)


def rest_of(config: Config, section: str, url: str, scheme: str) -> str:
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


def not_set_up(config: Config) -> ConfigError:
    """Say that there is no control yet, or no more."""
    return ConfigError(
        f"{config.file}: this lake was not set up yet",
        hint="Run: isotherm init. Where it was, and control is lost: isotherm rebuild",
    )
