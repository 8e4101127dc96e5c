"""Work on several things at a time, each on a session of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

from .base import Session

AT_ONCE = 2
"""The engine keeps all cores busy with one statement; a second one fills the gaps between them."""

INTERVAL = 0.2
"""Seconds between two interrupts: one may come between two statements."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    session: Session,
    work: Callable[[Session, Item], Result],
    items: Sequence[Item],
    at_once: int = AT_ONCE,
) -> list[Result]:
    """Do some work on each item, and return the results in their order.

    One that fails, or an interrupt, stops what others are at in the engine; what has not begun
    never does. Nobody is at work any more when this returns.

    Args:
        session: The sessions are opened beside it; they see nothing of its transaction.

    """
    if len(items) <= 1:
        return [work(session, item) for item in items]
    sessions = [session.beside() for _ in range(min(at_once, len(items)))]
    free: SimpleQueue[Session] = SimpleQueue()
    for one in sessions:
        free.put(one)

    def act(item: Item) -> Result:
        mine = free.get()
        try:
            return work(mine, item)
        finally:
            free.put(mine)

    pool = ThreadPoolExecutor(len(sessions))
    futures = [pool.submit(act, item) for item in items]
    try:
        return [future.result() for future in futures]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _end(futures, sessions)
        raise
    finally:
        pool.shutdown()
        for one in sessions:
            one.close()


def _end(futures: Sequence[Future[Result]], sessions: Sequence[Session]) -> None:
    """Wait for what is at work, whatever interrupts that: it would go on beside who settles it."""
    while left := [future for future in futures if not future.done()]:
        for one in sessions:
            one.interrupt()
        with suppress(KeyboardInterrupt):
            wait(left, INTERVAL)
