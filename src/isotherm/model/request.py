"""Requests: what a person asked for beside the policy, and what the archive was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .period import Period


class RequestKind(StrEnum):
    """What may be asked for."""

    RESTORE = "restore"
    """A partition shall be readable until a time."""
    FETCH = "fetch"
    """The archive was asked for a partition, and is at it."""
    PAUSE = "pause"
    """No moves shall be made."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing somebody asked for; it holds until it is ended.

    Attributes:
        period: The partition it speaks of; None is the whole dataset.
        until: When a restore is over, or what was fetched is gone again, UTC.
        speed: How fast the archive fetches: `Bulk`, `Standard` or `Expedited`.

    """

    id: str
    kind: RequestKind
    dataset: str
    asked_at: datetime
    period: Period | None = None
    until: datetime | None = None
    speed: str | None = None
