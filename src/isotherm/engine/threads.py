"""Work on several things at a time, each on a session of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from .base import Session

AT_ONCE = 2
"""The engine keeps all cores busy with one statement; a second one fills the gaps between them."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    session: Session,
    work: Callable[[Session, Item], Result],
    items: Sequence[Item],
    at_once: int = AT_ONCE,
) -> list[Result]:
    """Do some work on each item, and return the results in their order.

    One that fails, or an interrupt, stops those that are at work; what has not begun never does.

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

    try:
        with ThreadPoolExecutor(len(sessions)) as pool:
            futures = [pool.submit(act, item) for item in items]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for one in sessions:
                    one.interrupt()
                raise
    finally:
        for one in sessions:
            one.close()
