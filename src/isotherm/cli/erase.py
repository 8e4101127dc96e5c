"""`isotherm erase`: forget people, in every tier, and prove it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import money, size
from ..model.errors import PendingError, RequestError
from ..model.person import DataSubject
from .apply import watched
from .certificate import write as write_certificate
from .options import (
    DEFAULT_CONFIG,
    ConfigFile,
    Format,
    OutputFormat,
    Wait,
    Yes,
    confirmed,
    opened,
)
from .output import count, counted, err, out, write_json
from .people import PeopleFile, Subjects, read_people

if TYPE_CHECKING:
    from ..control.erasures import Erasure
    from ..erasing import Erased, Erasing
    from ..plan.plan import Plan
    from ..privacy.finding import Found

LIST = "list"


class _State(StrEnum):
    OPEN = "open"
    FORGOTTEN = "forgotten"
    PROVEN = "proven"


def run(
    dataset: Annotated[str, typer.Argument(metavar="DATASET|list", help="The dataset.")],
    subject: Subjects = None,
    file: PeopleFile = None,
    request: Annotated[
        str | None, typer.Option(help="The request's name; with nobody named it goes on.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Say what would be done; change nothing.")
    ] = False,
    max_bytes: Annotated[
        int | None, typer.Option(help="Read no more objects than this at a time.", min=0)
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Write the certificate there, once there is one; .html: a page."),
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make the key that certificates are signed with.")
    ] = False,
    yes: Yes = False,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Find people's records in every tier, forget them, and prove it with a certificate.

    `isotherm erase list` shows the requests by the time that is left.
    """
    whose = read_people(subject, file)
    looks = dataset == LIST or plan_only
    with opened(config, read_only=looks, wait=wait) as lake:
        erasing = lake.erasing
        if dataset == LIST:
            _list(erasing, format_)
            return
        if plan_only:
            _look(erasing, dataset, whose, format_)
            return
        if new_key:
            err().message(f"Wrote {erasing.new_key()}: keep a copy where nobody else reads it.")
        case, moves = _agreed(
            erasing, dataset, whose, request, yes=yes, show=format_ is Format.TABLE
        )
        erased = _run(erasing, case, moves, max_bytes)
        if certificate and erased.request.certificate:
            write_certificate(json.loads(erased.request.certificate), certificate)
    if format_ is Format.JSON:
        write_json(_erased_json(erased))
    else:
        _show(erased, certificate)
    if erased.applied and erased.applied.waiting:
        raise PendingError(
            f"{counted(len(erased.applied.waiting), 'restore')} of {case} are under way",
            hint=f"Go on when that is done: isotherm erase {dataset} --request {case}",
        )


def _look(erasing: Erasing, dataset: str, whose: tuple[DataSubject, ...], format_: Format) -> None:
    """Say where people's records are."""
    found = erasing.find(dataset, whose)
    if format_ is Format.JSON:
        write_json(_found_json(found))
    else:
        _show_found(found)


def _agreed(
    erasing: Erasing,
    dataset: str,
    whose: tuple[DataSubject, ...],
    request: str | None,
    *,
    yes: bool,
    show: bool,
) -> tuple[str, int]:
    """Ask before a request is written down, or goes on; return its name and how many moves."""
    if whose:
        if show:
            _show_found(erasing.find(dataset, whose))
        confirmed("Forget them? This cannot be undone.", yes=yes)
    case = _case(erasing, dataset, whose, request)
    if erasing.request(case).proven_at:
        return case, 0
    plan = erasing.plan(case)
    if show:
        _show_plan(plan)
    if not whose:
        confirmed("Go on? What is forgotten cannot be brought back.", yes=yes)
    return case, len(plan.moves)


def _case(
    erasing: Erasing, dataset: str, whose: tuple[DataSubject, ...], request: str | None
) -> str:
    """Return the request's name; it is written down if somebody is named."""
    if whose:
        made = erasing.ask(dataset, whose, request or _next(erasing))
        err().message(f"Request {made.case}: due by {made.due_at:%Y-%m-%d}.")
        return made.case
    if request is None:
        raise RequestError(
            "nobody is named, and no request", hint="Say --subject COLUMN=VALUE, or --request NAME"
        )
    found = erasing.request(request)
    if found.dataset != dataset:
        raise RequestError(f"{request} is a request for {found.dataset}, and not for {dataset}")
    return request


def _next(erasing: Erasing) -> str:
    taken = {request.case for request in erasing.requests()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"erasure-{n}") not in taken)


def _run(erasing: Erasing, case: str, moves: int, max_bytes: int | None) -> Erased:
    from ..moves.applying import Limits

    with watched(moves) as (watch, _):
        return erasing.run(case, limits=Limits(max_bytes=max_bytes), watch=watch)


def _list(erasing: Erasing, format_: Format) -> None:
    requests = erasing.requests()
    now = erasing.now()
    if format_ is Format.JSON:
        write_json({"version": 1, "requests": [_request_json(item) for item in requests]})
        return
    if not requests:
        out().message("Nobody has asked to be forgotten.")
        return
    rows = []
    for item in requests:
        days = (item.due_at - now).days
        left = f"{days} days" if days >= 0 else f"{-days} days over"
        rows.append(
            (
                item.case,
                item.dataset,
                count(len(item.hashes)),
                f"{item.asked_at:%Y-%m-%d}",
                f"{item.due_at:%Y-%m-%d}",
                "-" if item.proven_at else left,
                _state(item).value,
            )
        )
    columns = ("request", "dataset", "people", "asked", "due", "left", "state")
    out().table(columns, rows, right="people left")


def _state(request: Erasure) -> _State:
    if request.proven_at:
        return _State.PROVEN
    return _State.FORGOTTEN if request.forgotten_at else _State.OPEN


def _show_found(found: Found) -> None:
    console = out()
    rows = [(str(p) if p else "no period", "warehouse", count(n)) for p, n in found.hot.items()]
    rows += [(str(part.period), part.tier.name, count(n)) for part, n in found.cold.items()]
    if found.quarantine:
        rows.append(("-", "quarantine", count(found.quarantine)))
    if rows:
        console.table(("period", "where", "rows"), sorted(rows), right="rows")
    for where, kept in found.kept.items():
        cases = ", ".join(hold.case for hold in found.holds)
        console.message(f"{counted(kept, 'row')} in {where} stay: held for {cases}", style="yellow")
    for part in found.archived:
        console.message(
            f"{part.period} in {part.tier}: {size(part.bytes)}, to be searched once restored",
            style="yellow",
        )
    console.message(f"{counted(found.rows, 'row')} found in what can be read now.")


def _show_plan(plan: Plan) -> None:
    console = out()
    for move in plan.moves:
        console.message(f"  {move}: {move.reason}, {money(move.dollars.once)}")
    if not plan.moves:
        console.message("  No row of theirs is to be found.")


def _show(erased: Erased, file: Path | None) -> None:
    console, request = out(), erased.request
    if request.proven_at:
        console.message(f"{request.case} is done and proven, {request.proven_at:%Y-%m-%d %H:%M}.")
        if file:
            console.message(f"The certificate is in {file}.")
        return
    console.message(f"{request.case}: {erased.waits_for}.")
    console.message(
        f"Then go on: isotherm erase {request.dataset} --request {request.case}", style="cyan"
    )


def _request_json(request: Erasure) -> dict[str, object]:
    return {
        "request": request.case,
        "dataset": request.dataset,
        "subjects": list(request.hashes),
        "asked_at": request.asked_at.isoformat(),
        "asked_by": request.asked_by,
        "due_at": request.due_at.isoformat(),
        "state": _state(request).value,
        "certificate": json.loads(request.certificate) if request.certificate else None,
    }


def _erased_json(erased: Erased) -> dict[str, object]:
    return {"version": 1, **_request_json(erased.request), "waits_for": erased.waits_for}


def _found_json(found: Found) -> dict[str, object]:
    return {
        "version": 1,
        "hot": [{"period": str(p) if p else None, "rows": n} for p, n in found.hot.items()],
        "cold": [
            {"period": str(part.period), "tier": part.tier.name, "rows": n}
            for part, n in found.cold.items()
        ],
        "archived": [
            {"period": str(part.period), "tier": part.tier.name, "bytes": part.bytes}
            for part in found.archived
        ],
        "quarantine": found.quarantine,
        "kept": [{"where": where, "rows": rows} for where, rows in found.kept.items()],
    }
