"""Leases: of several processes that could apply at a time, one does.

A lease is a row that its holder renews. It protects no data, transactions and intents do that: it
keeps two movers from getting in each other's way, and says who is at work. It is taken from a
holder that the server has no connection of, or that has not renewed it in time; what such a holder
left open on the server is ended, so that none of its locks stays.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from ..engine.base import Row
from ..engine.sql import text
from ..model.errors import BusyError, ConflictError, StorageError

LENGTH = 60.0
"""For how many seconds a lease holds that is not renewed."""
RENEWED = 4
"""How often it is renewed in that time."""
POLL_SECONDS = 0.2
_APPLY = "apply"


class Server(Protocol):
    """A connection to the warehouse's server, every statement committed."""

    def run(self, sql: str) -> None:
        """Run a statement."""
        ...

    def native(self, sql: str) -> list[Row]:
        """Run a query."""
        ...


def always() -> None:
    """Hold what nobody else can hold."""


def application(holder: str) -> str:
    """Return what the server knows a holder's connections by."""
    return f"isotherm {holder}"


@contextmanager
def held(server: Server, holder: str, wait: float) -> Iterator[Callable[[], None]]:
    """Hold the lease of the one who applies.

    Args:
        server: Used by one thread at a time, this one before and after, and one that renews.
        wait: For how many seconds to wait for another holder.

    Yields:
        A function that raises `BusyError` once the lease is lost.

    Raises:
        BusyError: another holds it.

    """
    lease = _Lease(server, holder)
    lease.take(wait)
    stop = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=(stop,), daemon=True)
    renewing.start()
    try:
        yield lease.check
    finally:
        stop.set()
        renewing.join()
        with suppress(StorageError, ConflictError):
            server.run(f"DELETE FROM isotherm.leases WHERE holder = {text(holder)}")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease.

    Attributes:
        who: The process and its machine.
        seconds: For how long the lease still holds, unless it is renewed; negative once it has
            run out.
        connections: How many the server has of it.

    """

    id: str
    who: str
    seconds: float
    connections: int

    @property
    def gone(self) -> bool:
        """Whether anybody may take the lease from it."""
        return self.seconds <= 0 or not self.connections


def standing(native: Callable[[str], list[Row]]) -> Holder | None:
    """Return who holds the lease; None if nobody does.

    Args:
        native: Runs a query on the server.

    """
    rows = native(
        "SELECT holder::text, who::text, "
        "extract(epoch FROM until - (clock_timestamp() AT TIME ZONE 'UTC'))::float8 AS left, "
        "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'isotherm ' || holder) AS connections "
        f"FROM isotherm.leases WHERE name = '{_APPLY}'"
    )
    return Holder(*rows[0]) if rows else None


class _Lease:
    def __init__(self, server: Server, holder: str) -> None:
        self._server = server
        self._holder = holder
        self._renewed = time.monotonic()

    def take(self, wait: float) -> None:
        end = time.monotonic() + wait
        while True:
            other = self._look()
            self._claim(other)
            now = self._look()
            if now and now.id == self._holder:
                self._renewed = time.monotonic()
                if other and other.id != self._holder:
                    self._end_connections(other.id)
                return
            if time.monotonic() >= end:
                raise _busy(now)
            time.sleep(POLL_SECONDS)

    def keep(self, stop: threading.Event) -> None:
        """Renew it until told to stop; a failure is made good by the next time, or is found."""
        while not stop.wait(LENGTH / RENEWED):
            with suppress(Exception):
                self._server.run(
                    f"UPDATE isotherm.leases SET until = {_later()} "
                    f"WHERE name = '{_APPLY}' AND holder = {text(self._holder)}"
                )
                now = self._look()
                if now and now.id == self._holder:
                    self._renewed = time.monotonic()

    def check(self) -> None:
        if time.monotonic() - self._renewed >= LENGTH:
            raise BusyError(
                "this process has not renewed its lease in time, and another may be at work",
                hint="Run the same command again.",
            )

    def _look(self) -> Holder | None:
        return standing(self._server.native)

    def _claim(self, other: Holder | None) -> None:
        own = f"'{_APPLY}', {text(self._holder)}, {text(_who())}, {_later()}"
        with suppress(ConflictError):
            if other is None:
                self._server.run(
                    "INSERT INTO isotherm.leases (name, holder, who, until) "
                    f"VALUES ({own}) ON CONFLICT DO NOTHING"
                )
            elif other.gone:
                self._server.run(
                    f"UPDATE isotherm.leases SET (name, holder, who, until) = ROW({own}) "
                    f"WHERE name = '{_APPLY}' AND holder = {text(other.id)}"
                )

    def _end_connections(self, holder: str) -> None:
        """End what a former holder has open: stopped or cut off, it may still hold locks."""
        of_it = (
            "FROM pg_stat_activity WHERE datname = current_database() "
            f"AND application_name = {text(application(holder))}"
        )
        end = time.monotonic() + 5
        while self._server.native(f"SELECT pg_terminate_backend(pid) {of_it}"):
            if time.monotonic() >= end:
                return
            time.sleep(POLL_SECONDS)


def _later() -> str:
    return f"(clock_timestamp() AT TIME ZONE 'UTC') + interval '{LENGTH} seconds'"


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _busy(other: Holder | None) -> BusyError:
    if other is None:
        return BusyError("another process has just been at work on this lake", hint="Try again.")
    return BusyError(
        f"{other.who} is at work on this lake; its lease runs out in {other.seconds:.0f} seconds "
        "unless it renews it",
        hint="Wait for it with --wait SECONDS, or end that process.",
    )
