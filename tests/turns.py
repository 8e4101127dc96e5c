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


def places_in_turn(places: Iterable[str], share: int) -> list[str]:
    """Return one of so many places, such as `postgres on rgw`, of those that can be had here.

    Where no server is installed it is DuckDB each day, rather than nothing on most.
    """
    from databases import postgres_commands  # pytest's plugins: it wants to import them itself
    from servers import ceph_lacks

    every = list(places)
    if TURN == "all":
        return every  # those that cannot be had are skipped, and say why
    lacking = [
        *(["postgres"] if not postgres_commands() else []),
        *(["rgw"] if ceph_lacks() else []),
    ]
    here = [place for place in every if not any(server in place for server in lacking)]
    return in_turn(here or every, share)
