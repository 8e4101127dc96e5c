"""Work that is done behind the caller: at once, in bounds, and over when the block is."""

from __future__ import annotations

from concurrent.futures import CancelledError
from threading import Barrier, Event

import pytest

from isotherm.engine.threads import WAITING, behind


def test_things_are_worked_on_at_once_and_keep_their_order() -> None:
    together = Barrier(WAITING, timeout=60)

    def work(number: int) -> int:
        together.wait()
        return number * 2

    with behind(work, WAITING) as begin:
        futures = [begin(number) for number in range(WAITING)]
    assert [future.result() for future in futures] == [n * 2 for n in range(WAITING)]


def test_no_more_are_begun_than_can_be_worked_on() -> None:
    may_end = Event()
    ended: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            assert may_end.wait(60)
        ended.append(number)

    with behind(work, 500, at_once=3) as begin:
        for number in range(500):
            begin(number)
            assert number + 1 - len(ended) <= 3
        may_end.set()
    assert len(ended) == 500


def test_one_alone_is_worked_on_by_the_caller() -> None:
    done: list[str] = []
    with behind(done.append, 1) as begin:
        begin("it")
        assert done == ["it"]


def test_one_that_fails_fails_the_block_and_no_more_are_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        raise ValueError(f"thing {number}")

    def all_of_them() -> None:
        with behind(work, 1_000) as begin:
            for number in range(1_000):
                begin(number)

    with pytest.raises(ValueError, match="thing"):
        all_of_them()
    assert len(begun) <= WAITING + 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nobody_is_at_work_any_more_when_the_block_has_failed(error: type[BaseException]) -> None:
    started, may_end = Event(), Event()
    ended: list[int] = []

    def work(number: int) -> None:
        started.set()
        assert may_end.wait(60)
        sum(range(3_000_000))  # who does not wait for it comes too early
        ended.append(number)

    def fail() -> None:
        with behind(work, 2) as begin:
            begin(1)
            assert started.wait(60)
            may_end.set()
            raise error

    with pytest.raises(error):
        fail()
    assert ended == [1]


def test_what_has_not_begun_never_does_once_it_is_to_stop() -> None:
    stop, done = Event(), list[int]()

    def work(number: int) -> None:
        done.append(number)
        stop.set()

    def all_of_them() -> None:
        with behind(work, 100, at_once=1, stop=stop) as begin:
            for number in range(100):
                begin(number)

    with pytest.raises(CancelledError):
        all_of_them()
    assert done == [0]
