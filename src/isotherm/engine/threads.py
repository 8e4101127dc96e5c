"""Work on several things at a time: in the engine, or beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import BoundedSemaphore, Event
from typing import TypeVar

from .base import Session

AT_ONCE = 2
"""A move's statements: the engine keeps all cores busy with one, a second one fills the gaps."""

IN_TURN = BoundedSemaphore(max(1, (os.cpu_count() or 1) // 4))
"""Taken by who writes objects of this machine anew: a statement that keeps all cores busy is a
tenth quicker alone than beside another, for which it would lose the cores' caches."""

WAITING = 8
"""So many requests to a store at a time: most of each is waiting, for the network or a disk."""

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
    if not items:
        return []
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
        ended(futures, sessions)
        raise
    finally:
        pool.shutdown()
        for one in sessions:
            one.close()


@contextmanager
def behind(
    work: Callable[[Item], Result],
    many: int,
    at_once: int = WAITING,
    stop: Event | None = None,
) -> Iterator[Callable[[Item], Future[Result]]]:
    """Do some work on things of a store while the caller goes on; all of it is done at the end.

    One that fails fails the block, and no more are begun. Who would begin more than can be worked
    on waits. Nobody is at work any more when the block has ended, however it ends.

    Args:
        many: So many things there will be; one alone is worked on at once, by the caller.
        at_once: So many are worked on at a time.
        stop: Once it is set, what has not begun fails.

    Yields:
        What begins the work on a thing, and returns what will be its result.

    """
    if many <= 1:
        yield lambda item: _done(work(item))
        return
    free, failed = BoundedSemaphore(at_once), SimpleQueue[BaseException]()
    futures: list[Future[Result]] = []
    pool = ThreadPoolExecutor(at_once)

    def act(item: Item) -> Result:
        try:
            if stop and stop.is_set():
                raise CancelledError
            return work(item)
        except BaseException as error:
            failed.put(error)
            raise
        finally:
            free.release()

    def begin(item: Item) -> Future[Result]:
        free.acquire()
        if not failed.empty():
            raise failed.get()
        futures.append(pool.submit(act, item))
        return futures[-1]

    try:
        yield begin
        for future in futures:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        ended(futures)
        raise
    finally:
        pool.shutdown()


def _done(result: Result) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_result(result)
    return future


def ended(futures: Sequence[Future[Result]], sessions: Sequence[Session] = ()) -> None:
    """Wait for what is at work, whatever interrupts that: it would go on beside who settles it.

    Args:
        sessions: Their statements are stopped.

    """
    while True:
        with suppress(KeyboardInterrupt):
            left = [future for future in futures if not future.done()]
            if not left:
                return
            for one in sessions:
                one.interrupt()
            wait(left, INTERVAL)
