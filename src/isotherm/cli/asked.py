"""What `erase` and `correct` have in common: somebody asks, it is done in steps, and proven."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import money, size
from ..model.correction import NewValues
from ..model.errors import PendingError, RequestError
from ..model.person import DataSubject
from .apply import watched
from .certificate import write as write_certificate
from .options import Format, confirmed, opened
from .output import count, counted, err, hours, out, write_json

if TYPE_CHECKING:
    from ..control.erasures import Erasure
    from ..erasing import Erased, Erasing
    from ..plan.plan import Plan
    from ..privacy.finding import Found
    from ..requesting import Looked

RequestName = Annotated[
    str | None, typer.Option(help="The request's name; with nobody named it goes on.")
]
PlanOnly = Annotated[
    bool, typer.Option("--plan-only", help="Say what would be done; change nothing.")
]
MaxBytes = Annotated[
    int | None, typer.Option(help="Read no more objects than this at a time.", min=0)
]
CertificateFile = Annotated[
    Path | None,
    typer.Option(help="Write the certificate there, once there is one; .html: a page."),
]
Withdraw = Annotated[
    str | None,
    typer.Option(metavar="REASON", help="End the request: nobody wants it any more, and why."),
]
NewKey = Annotated[
    bool, typer.Option("--new-key", help="Make the key that certificates are signed with.")
]


class State(StrEnum):
    """How far a request is."""

    OPEN = "open"
    FORGOTTEN = "forgotten"
    CORRECTED = "corrected"
    PROVEN = "proven"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Asked:
    """What a command line asks for.

    Attributes:
        verb: Of the command line.
        kind: Of the request.
        question: What is asked before it is written down.
        request: Its name.

    """

    verb: str
    kind: str
    question: str
    dataset: str
    whose: tuple[DataSubject, ...] = ()
    changes: NewValues = ()
    request: str | None = None


@dataclass(frozen=True)
class How:
    """How a request is served.

    Attributes:
        looks: Say what would be done, and change nothing.
        certificate: The file that it is written to.
        withdraw: Why it is not to be served any more.

    """

    looks: bool
    max_bytes: int | None
    certificate: Path | None
    new_key: bool
    withdraw: str | None
    yes: bool
    format: Format


def serve(asked: Asked, how: How, config: Path, wait: float) -> None:
    """Write a request down, or go on with it, as far as that is possible now.

    Raises:
        PendingError: an archive is still fetching.

    """
    with opened(config, read_only=how.looks, wait=wait) as lake:
        erasing = lake.erasing
        if how.looks:
            _look(erasing, asked, how.format)
            return
        if how.new_key:
            err().message(f"Wrote {erasing.new_key()}: keep a copy where nobody else reads it.")
        if how.withdraw is not None:
            _withdraw(erasing, asked, how.withdraw, how)
            return
        case, moves = _agreed(erasing, asked, how)
        erased = _run(erasing, case, moves, how.max_bytes)
        if how.certificate and erased.request.certificate:
            write_certificate(json.loads(erased.request.certificate), how.certificate)
    if how.format is Format.JSON:
        write_json(_erased_json(erased))
    else:
        _show(erased, how.certificate)
    if erased.applied and erased.applied.waiting:
        raise PendingError(
            f"{counted(len(erased.applied.waiting), 'restore')} of {case} are under way",
            hint=f"Go on when that is done: isotherm {asked.verb} {asked.dataset} --request {case}",
        )


def _look(erasing: Erasing, asked: Asked, format_: Format) -> None:
    """Say where people's records are, and what would be done."""
    looked = erasing.look(asked.dataset, asked.whose, asked.changes)
    if format_ is Format.JSON:
        write_json(_looked_json(looked))
        return
    _show_found(looked.found)
    _show_plan(looked.plan)
    if looked.quote:
        out().message(
            f"Restoring comes first: {money(looked.quote.dollars)} at {looked.quote.speed} speed, "
            f"{hours(looked.quote.hours)} on S3, no time in a folder."
        )


def _withdraw(erasing: Erasing, asked: Asked, reason: str, how: How) -> None:
    """End a request that is named."""
    if asked.whose or asked.request is None:
        raise typer.BadParameter("name the request, and nobody", param_hint="--request")
    case = _case(erasing, asked)
    confirmed(f"Withdraw {case}? What was done for it stays done.", yes=how.yes)
    request = erasing.withdraw(case, reason)
    if how.format is Format.JSON:
        write_json({"version": 1, **request_json(request), "waits_for": ""})
    else:
        out().message(f"{case} is withdrawn; what identified people is wiped.")


def _agreed(erasing: Erasing, asked: Asked, how: How) -> tuple[str, int]:
    """Ask before a request is written down, or goes on; return its name and how many moves."""
    show = how.format is Format.TABLE
    if asked.whose:
        if show:
            _show_found(erasing.find(asked.dataset, asked.whose, asked.changes))
        confirmed(asked.question, yes=how.yes)
    case = _case(erasing, asked)
    if erasing.request(case).proven_at:
        return case, 0
    plan = erasing.plan(case, max_bytes=how.max_bytes)
    if show:
        _show_plan(plan)
    if not asked.whose:
        confirmed("Go on? What is replaced cannot be brought back.", yes=how.yes)
    return case, len(plan.moves)


def _case(erasing: Erasing, asked: Asked) -> str:
    """Return the request's name; it is written down if somebody is named."""
    dataset, request = asked.dataset, asked.request
    if asked.whose:
        case = request or _next(erasing, asked.kind)
        made = erasing.ask(dataset, asked.whose, case, changes=asked.changes)
        err().message(f"Request {made.case}: due by {made.due_at:%Y-%m-%d}.")
        return made.case
    if request is None:
        raise RequestError(
            "nobody is named, and no request", hint="Say --subject COLUMN=VALUE, or --request NAME"
        )
    found = erasing.request(request)
    if found.dataset != dataset:
        raise RequestError(f"{request} is a request for {found.dataset}, and not for {dataset}")
    if found.verb != asked.verb:
        raise RequestError(
            f"{request} is a request of another kind",
            hint=f"Go on with it: isotherm {found.verb} {dataset} --request {request}",
        )
    return request


def _next(erasing: Erasing, kind: str) -> str:
    taken = {request.case for request in erasing.requests()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{kind}-{n}") not in taken)


def _run(erasing: Erasing, case: str, moves: int, max_bytes: int | None) -> Erased:
    from ..moves.applying import Limits

    with watched(moves) as (watch, _):
        return erasing.run(case, limits=Limits(max_bytes=max_bytes), watch=watch)


def state_of(request: Erasure) -> State:
    """Say how far a request is."""
    if request.proven_at:
        return State.PROVEN
    if request.withdrawn_at:
        return State.WITHDRAWN
    if request.forgotten_at is None:
        return State.OPEN
    return State.CORRECTED if request.changes else State.FORGOTTEN


def _show_found(found: Found) -> None:
    console = out()
    rows = [(str(p) if p else "no period", "warehouse", count(n)) for p, n in found.hot.items()]
    rows += [(str(part.period), part.tier.name, count(n)) for part, n in found.cold.items()]
    if found.quarantine:
        rows.append(("-", "quarantine", count(found.quarantine)))
    if rows:
        console.table(("period", "where", "rows"), sorted(rows), right="rows")
    for where, kept in sorted(found.kept.items()):
        cases = ", ".join(hold.case for hold in found.holds)
        stay = "stays" if kept == 1 else "stay"
        line = f"{counted(kept, 'row')} in {where} {stay}: held for {cases}"
        console.message(line, style="yellow")
    for part in found.archived:
        console.message(
            f"{part.period} in {part.tier}: {size(part.bytes)}, to be searched once restored",
            style="yellow",
        )
    console.message(f"{counted(found.rows, 'row')} found in what can be read now.")


def _show_plan(plan: Plan) -> None:
    console = out()
    for move in plan.moves:
        console.message(f"  {move}, {money(move.dollars.once)}")
    if plan.moves:
        once = sum(move.dollars.once for move in plan.moves)
        console.message(f"{counted(len(plan.moves), 'move')}, {money(once)} once.")
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
        f"Then go on: isotherm {request.verb} {request.dataset} --request {request.case}",
        style="cyan",
    )


def request_json(request: Erasure) -> dict[str, object]:
    """Return a request as its documented JSON form."""
    return {
        "request": request.case,
        "kind": "correction" if request.changes else "erasure",
        "columns": [name for name, _ in request.changes],
        "dataset": request.dataset,
        "subjects": list(request.hashes),
        "asked_at": request.asked_at.isoformat(),
        "asked_by": request.asked_by,
        "due_at": request.due_at.isoformat(),
        "state": state_of(request).value,
        "certificate": json.loads(request.certificate) if request.certificate else None,
    }


def _erased_json(erased: Erased) -> dict[str, object]:
    return {"version": 1, **request_json(erased.request), "waits_for": erased.waits_for}


def _looked_json(looked: Looked) -> dict[str, object]:
    found, quote = looked.found, looked.quote
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
        "restore": quote
        and {"dollars": quote.dollars, "speed": quote.speed, "hours": list(quote.hours)},
        "plan": looked.plan.to_json(),
    }
