"""A lake whose ports count what they do that could outlive the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog

from isotherm.lake import Lake
from isotherm.model.part import Location
from isotherm.storage.bucket import Bucket

STORES_CALLS = ("stage", "publish", "settle", "copy", "restore", "remove")


@contextmanager
def in_danger(real: Lake, tick: Callable[[str], None]) -> Iterator[Lake]:
    """Return a lake that calls `tick` before everything it does that could outlive the process."""
    catalog = real.catalog  # opened before the process is in danger
    lake = Lake(
        real.config,
        _Warehouse(real.warehouse, tick),  # type: ignore[arg-type]
        _Port(real.storage, tick, "storage", STORES_CALLS),  # type: ignore[arg-type]
        lambda: _Port(catalog, tick, "catalog", ("create", "evolve", "register", "publish")),  # type: ignore[arg-type,return-value]
        real.clock,
    )
    with _inside_the_ports(tick):
        yield lake


class _Port:
    """Stands before a port and counts some of its calls.

    It counts before each: between two of them nothing happens that could outlive the process.
    """

    def __init__(self, port: Any, tick: Callable[[str], None], name: str, calls: tuple[str, ...]):
        self._port, self._tick, self._name, self._calls = port, tick, name, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._calls:
            return found

        def counted(*args: Any, **kwargs: Any) -> Any:
            if not _is_copy(args[0]):
                self._tick(f"before {self._name}.{name}")
            return found(*args, **kwargs)

        return counted


class _Warehouse(_Port):
    """Counts what a transaction does to rows, its commit, and what is copied on a snapshot."""

    def __init__(self, port: Any, tick: Callable[[str], None]):
        super().__init__(port, tick, "warehouse", ())

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with self._port.transaction(*args, **kwargs) as tx:
            yield _Transaction(tx, self._tick)
            self._tick("before commit")

    @contextmanager
    def snapshot(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with self._port.snapshot(*args, **kwargs) as tx:
            yield _Transaction(tx, self._tick)


class _Transaction(_Port):
    def __init__(self, port: Any, tick: Callable[[str], None]):
        super().__init__(port, tick, "warehouse", ("fence", "delete", "insert"))

    @property
    def session(self) -> Any:
        return _Port(self._port.session, self._tick, "engine", ("copy",))


@contextmanager
def _inside_the_ports(tick: Callable[[str], None]) -> Iterator[None]:
    """Count what happens inside a call: staged but not renamed, written but not committed."""
    replace, write = Path.replace, SqlCatalog._write_metadata
    upload, copy = Bucket.upload, Bucket.copy

    def replaced(path: Path, target: Path) -> Path:
        if "control/copies" not in str(path):
            tick("before the rename")
        return replace(path, target)

    def written(*args: Any, **kwargs: Any) -> None:
        write(*args, **kwargs)
        tick("metadata written")

    def uploaded(*args: Any, **kwargs: Any) -> None:
        upload(*args, **kwargs)
        tick("uploaded")

    def copied(*args: Any, **kwargs: Any) -> int:
        size = copy(*args, **kwargs)
        tick("copied by the store")
        return size

    Bucket.upload, Bucket.copy = uploaded, copied  # type: ignore[method-assign]
    Path.replace = replaced  # type: ignore[method-assign,assignment]
    SqlCatalog._write_metadata = staticmethod(written)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        Bucket.upload, Bucket.copy = upload, copy  # type: ignore[method-assign]
        Path.replace = replace  # type: ignore[method-assign]
        SqlCatalog._write_metadata = staticmethod(write)  # type: ignore[method-assign]


def _is_copy(what: object) -> bool:
    """Say whether a call is about the store's copy of control: see test_lost_control.py."""
    return isinstance(what, Location) and what.tier == "control" and "moves/" not in what.key
