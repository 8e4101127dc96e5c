"""Requests: what a person asked for beside the policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .period import Period


class RequestKind(StrEnum):
    """What may be asked for."""

    RESTORE = "restore"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Request:
    """One thing somebody asked for; it holds until it is ended.

    Attributes:
        period: The partition it speaks of; None is the whole dataset.
        until: When a restore is over, UTC.

    """

    id: str
    kind: RequestKind
    dataset: str
    asked_at: datetime
    period: Period | None = None
    until: datetime | None = None
