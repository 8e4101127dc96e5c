"""A signal while the engine is at work: all of it stops, and nothing waits for the rest."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from isotherm.engine.duckdb import DuckDBEngine

ENDLESS = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b"
SECONDS = 20.0


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_next_statement_does_not_wait_for_the_threads_of_one_that_was_interrupted() -> None:
    session, helped = DuckDBEngine(threads=4).session(), threading.Event()

    def help_it() -> None:
        helped.set()
        session.interrupt()

    asked = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    help_ = threading.Timer(SECONDS, help_it)
    for timer in (asked, help_):
        timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            session.execute(ENDLESS)
        assert session.execute("SELECT 1") == [(1,)]
    finally:
        for timer in (asked, help_):
            timer.cancel()
    assert not helped.is_set()
