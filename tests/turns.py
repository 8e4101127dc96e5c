"""What is tried in turn: each run of the tests takes a share of it, and each day has another one.

Kills at every step, writers between any two, and the longest stories are many times the same.
`ISOTHERM_TURN=all` tries them all, as before a release; a number repeats the run that has said it.
Shares of lists that are tried with each other have no common divisor: else some pairs never come.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from typing import TypeVar

Item = TypeVar("Item")

ENVIRONMENT = "ISOTHERM_TURN"
TURN = os.environ.setdefault(ENVIRONMENT, str(date.today().toordinal()))  # workers inherit it


def in_turn(items: Iterable[Item], share: int) -> list[Item]:
    """Return one of so many of some items, others on another day."""
    every = list(items)
    if TURN == "all":
        return every
    if not TURN.isdecimal():
        raise ValueError(f"{ENVIRONMENT}={TURN}: it is all, or a number")
    return every[int(TURN) % share :: share] or every[:1]
