"""Requests: what people asked for beside the policy."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from ..model.errors import RequestError
from ..model.period import Period
from ..model.request import Request, RequestKind
from ..warehouse.base import Transaction


def ask(
    tx: Transaction,
    kind: RequestKind,
    dataset: str,
    now: datetime,
    period: Period | None = None,
    until: datetime | None = None,
    speed: str | None = None,
) -> Request:
    """Write down what somebody asks for."""
    request = Request(uuid.uuid4().hex, kind, dataset, now, period, until, speed)
    tx.execute(
        "INSERT INTO isotherm.requests (id, kind, dataset, period, until, asked_at, speed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [request.id, kind.value, dataset, str(period) if period else None, until, now, speed],
    )
    return request


def pause(tx: Transaction, dataset: str, now: datetime) -> None:
    """Ask that no moves of a dataset are made.

    Raises:
        RequestError: it is paused already.

    """
    if _pauses(tx, dataset):
        raise RequestError(f"{dataset} is paused already")
    ask(tx, RequestKind.PAUSE, dataset, now)


def resume(tx: Transaction, dataset: str, now: datetime) -> None:
    """End the pause of a dataset.

    Raises:
        RequestError: it is not paused.

    """
    found = _pauses(tx, dataset)
    if not found:
        raise RequestError(f"{dataset} is not paused")
    for request in found:
        end(tx, request.id, now)


def replace(
    tx: Transaction,
    kind: RequestKind,
    dataset: str,
    periods: Iterable[Period],
    now: datetime,
    until: datetime,
    speed: str,
) -> None:
    """Ask for partitions, in place of what was asked for of them before.

    Args:
        kind: `RESTORE` or `FETCH`.
        until: When it is over, UTC.

    """
    wanted = set(periods)
    fulfil(tx, dataset, wanted, now, kind)
    for period in sorted(wanted):
        ask(tx, kind, dataset, now, period, until, speed)


def fulfil(
    tx: Transaction, dataset: str, periods: Iterable[Period], now: datetime, *kinds: RequestKind
) -> None:
    """End what was asked for of some partitions; restores and fetches by default."""
    done, ended = set(periods), kinds or (RequestKind.RESTORE, RequestKind.FETCH)
    for request in standing(tx, dataset):
        if request.kind in ended and request.period in done:
            end(tx, request.id, now)


def _pauses(tx: Transaction, dataset: str) -> list[Request]:
    return [r for r in standing(tx, dataset) if r.kind is RequestKind.PAUSE]


def standing(tx: Transaction, dataset: str | None = None) -> tuple[Request, ...]:
    """Return the requests that hold, the oldest first."""
    where = "AND dataset = ?" if dataset else ""
    rows = tx.execute(
        "SELECT id, kind, dataset, asked_at, period, until, speed FROM isotherm.requests "
        f"WHERE ended_at IS NULL {where} ORDER BY asked_at, id",
        [dataset] if dataset else [],
    )
    return tuple(
        Request(
            id=row[0],
            kind=RequestKind(row[1]),
            dataset=row[2],
            asked_at=row[3],
            period=Period.parse(row[4]) if row[4] else None,
            until=row[5],
            speed=row[6],
        )
        for row in rows
    )


def end(tx: Transaction, id_: str, now: datetime) -> None:
    """End a request."""
    tx.execute("UPDATE isotherm.requests SET ended_at = ? WHERE id = ?", [now, id_])
