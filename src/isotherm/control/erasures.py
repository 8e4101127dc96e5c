"""Erasures: whom somebody wants forgotten, what was found, and the certificate at the end.

What identifies people stands here as long as it is needed to find them, and is wiped then.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..model.correction import NewValues
from ..model.errors import RequestError
from ..model.part import Location
from ..model.person import DataSubject, Renames, since
from ..model.words import nearest
from ..warehouse.base import Transaction
from . import journal

_COLUMNS = (
    "id, case_name, dataset, subjects, hashes, asked_at, asked_by, due_at, forgotten_at, "
    "proven_at, certificate, changes, withdrawn_at, renames"
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request to forget people, or to correct what is written about them.

    Attributes:
        case: By what name it is asked for, a data-subject request's.
        subjects: Who; none once it is proven or withdrawn.
        hashes: What stands for them in the journal and the certificate.
        due_at: By when it has to be done, UTC.
        forgotten_at: Since when no row of theirs is to be found, UTC.
        proven_at: When nothing of it was left on the store either, UTC.
        certificate: What was signed then, as JSON.
        changes: The new values of a correction; none of them is left once it is proven.
        withdrawn_at: Since when nobody wants it any more, UTC.
        renames: Those that were known when it was asked for: it names columns as they were called.

    """

    id: str
    case: str
    dataset: str
    subjects: tuple[DataSubject, ...]
    hashes: tuple[str, ...]
    asked_at: datetime
    asked_by: str
    due_at: datetime
    forgotten_at: datetime | None = None
    proven_at: datetime | None = None
    certificate: str | None = None
    changes: NewValues = ()
    withdrawn_at: datetime | None = None
    renames: Renames = ()

    def named_now(self, renamed: Mapping[str, str]) -> Erasure:
        """Return it with its people and new values named by what columns are called now.

        Args:
            renamed: Columns that the table's owner has renamed: new name by old name.

        """
        names = since(self.renames, renamed)
        return replace(
            self,
            subjects=tuple(subject.renamed(names) for subject in self.subjects),
            changes=tuple(sorted((names.get(n, n), value) for n, value in self.changes)),
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.proven_at is not None or self.withdrawn_at is not None

    @property
    def verb(self) -> str:
        """The verb of the command line that serves it."""
        return "correct" if self.changes else "erase"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one move has taken away.

    Attributes:
        period: The partition; None is rows that never age, or no partition's.
        kept: Rows of theirs that a case keeps.
        replaced: The objects that held them.
        searched: The parts that have none of them now but what holds keep: ids of the holds, by
            the part's id.

    """

    period: str | None
    tier: str
    rows: int
    kept: int = 0
    replaced: tuple[str, ...] = ()
    searched: Mapping[str, Sequence[str]] = field(default_factory=dict)


def ask(tx: Transaction, wanted: Erasure) -> Erasure:
    """Write down whom to forget.

    Raises:
        RequestError: there is a request of that name.

    """
    if wanted.case in _cases(tx):
        raise RequestError(
            f"there is a request {wanted.case} already",
            hint=f"Go on with it: isotherm {wanted.verb} {wanted.dataset} --request {wanted.case}",
        )
    made = replace(wanted, id=uuid.uuid4().hex)
    tx.execute(
        f"INSERT INTO isotherm.erasures ({_COLUMNS}) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?, NULL, ?)",
        [
            made.id,
            made.case,
            made.dataset,
            json.dumps([subject.values for subject in made.subjects]),
            json.dumps(made.hashes),
            made.asked_at,
            made.asked_by,
            made.due_at,
            json.dumps(made.changes),
            json.dumps(made.renames),
        ],
    )
    journal.write(
        tx,
        made.asked_at,
        made.dataset,
        made.id,
        "asked",
        case=made.case,
        who=made.asked_by,
        subjects=made.hashes,
        **({"columns": [name for name, _ in made.changes]} if made.changes else {}),
    )
    return made


def every(tx: Transaction, dataset: str | None = None) -> tuple[Erasure, ...]:
    """Return all requests, those that are due first."""
    return _where(tx, "dataset = ?", dataset) if dataset else _where(tx, "TRUE")


def of_case(tx: Transaction, case: str) -> Erasure:
    """Return a request by its name.

    Raises:
        RequestError: there is none.

    """
    found = _where(tx, "case_name = ?", case)
    if not found:
        raise RequestError(
            f"there is no request {case}",
            hint=nearest(case, _cases(tx)) or "Those there are: isotherm erase list",
        )
    return found[0]


def of_id(tx: Transaction, id_: str) -> Erasure:
    """Return a request by its id."""
    (found,) = _where(tx, "id = ?", id_)
    return found


def _cases(tx: Transaction) -> tuple[str, ...]:
    rows = tx.execute("SELECT case_name FROM isotherm.erasures")
    return tuple(name for (name,) in rows)


def _where(tx: Transaction, condition: str, *values: str) -> tuple[Erasure, ...]:
    """Return some requests; each may hold thousands of people, so no others are read."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.erasures WHERE {condition} ORDER BY due_at, id",
        values,
    )
    return tuple(
        Erasure(
            id=row[0],
            case=row[1],
            dataset=row[2],
            subjects=tuple(
                DataSubject(tuple((name, value) for name, value in values))
                for values in json.loads(row[3])
            ),
            hashes=tuple(json.loads(row[4])),
            asked_at=row[5],
            asked_by=row[6],
            due_at=row[7],
            forgotten_at=row[8],
            proven_at=row[9],
            certificate=row[10],
            changes=tuple((name, value) for name, value in json.loads(row[11] or "[]")),
            withdrawn_at=row[12],
            renames=tuple((old, new) for old, new in json.loads(row[13] or "[]")),
        )
        for row in rows
    )


def note(tx: Transaction, id_: str, move: str, found: Iterable[Forgotten]) -> None:
    """Write down what a move has taken away; it counts with the transaction's commit."""
    for item in found:
        tx.execute(
            "INSERT INTO isotherm.forgotten VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(id_, move, item.period, item.tier, item.rows, item.kept),
                *(json.dumps(item.replaced), json.dumps(item.searched)),
            ],
        )


def forgotten(tx: Transaction, id_: str) -> tuple[Forgotten, ...]:
    """Return what was taken away for a request."""
    rows = tx.execute(
        "SELECT period, tier, rows, kept, replaced, searched FROM isotherm.forgotten "
        "WHERE erasure = ? ORDER BY period, tier, move",
        [id_],
    )
    return tuple(
        Forgotten(
            *(row[0], row[1], row[2], row[3]),
            tuple(json.loads(row[4])),
            json.loads(row[5]),
        )
        for row in rows
    )


def end_search(
    tx: Transaction, id_: str, now: datetime | None, replaced: Iterable[Location] = ()
) -> None:
    """Say since when no row is to be found; None where one was found again.

    Args:
        replaced: What may have held rows of theirs before, and has to be gone from the store.

    """
    names = tuple(sorted(map(str, replaced)))
    if names:
        note(tx, id_, "", [Forgotten(None, "", 0, replaced=names)])
    tx.execute("UPDATE isotherm.erasures SET forgotten_at = ? WHERE id = ?", [now, id_])


def prove(tx: Transaction, erasure: Erasure, now: datetime, certificate: str, digest: str) -> None:
    """Keep the certificate, and wipe what identified people."""
    tx.execute(
        "UPDATE isotherm.erasures SET proven_at = ?, certificate = ? WHERE id = ?",
        [now, certificate, erasure.id],
    )
    _wipe(tx, erasure)
    journal.write(
        tx, now, erasure.dataset, erasure.id, "certified", case=erasure.case, sha256=digest
    )


def withdraw(tx: Transaction, erasure: Erasure, now: datetime, who: str, reason: str) -> None:
    """End a request that nobody wants any more, and wipe what identified people.

    What was done for it before stays done.
    """
    tx.execute("UPDATE isotherm.erasures SET withdrawn_at = ? WHERE id = ?", [now, erasure.id])
    _wipe(tx, erasure)
    journal.write(
        tx,
        now,
        erasure.dataset,
        erasure.id,
        "withdrawn",
        case=erasure.case,
        who=who,
        reason=reason,
    )


def _wipe(tx: Transaction, erasure: Erasure) -> None:
    tx.execute(
        "UPDATE isotherm.erasures SET subjects = '[]', changes = ? WHERE id = ?",
        [json.dumps([(name, None) for name, _ in erasure.changes]), erasure.id],
    )
