"""What control keeps of certificates and holds, against what the journal has noted of them."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator

from ..control import erasures, holds, journal
from ..model.canonical import digest
from ..warehouse.base import Transaction

Difference = tuple[str, str]
"""What is not as the journal says, and in what way."""


def differences(tx: Transaction, datasets: Container[str]) -> Iterator[Difference]:
    """Yield the certificates and holds of some datasets that control has otherwise."""
    noted: dict[str, dict[str, journal.Entry]] = {"certified": {}, "held": {}, "released": {}}
    for entry in journal.of_events(tx, tuple(noted)):
        if entry.dataset in datasets:
            noted[entry.event][entry.move] = entry
    over = noted["released"]
    yield from _certificates(tx, datasets, noted["certified"])
    yield from _holds(
        tx, datasets, {id_: entry for id_, entry in noted["held"].items() if id_ not in over}
    )


def _certificates(
    tx: Transaction, datasets: Container[str], noted: dict[str, journal.Entry]
) -> Iterator[Difference]:
    kept = {
        request.id: request
        for request in erasures.every(tx)
        if request.dataset in datasets and request.certificate
    }
    for id_, entry in noted.items():
        certificate = kept[id_].certificate if id_ in kept else None
        where = f"the certificate of request {entry.detail.get('case')}"
        if certificate is None:
            yield where, "is gone from control, and the journal has noted it"
        elif _sha256(certificate) != entry.detail.get("sha256"):
            yield where, "is not the one that the journal has noted"
    for id_ in kept.keys() - noted.keys():
        yield f"the certificate of request {kept[id_].case}", "is not noted in the journal"


def _holds(
    tx: Transaction, datasets: Container[str], noted: dict[str, journal.Entry]
) -> Iterator[Difference]:
    standing = {hold.id: hold for hold in holds.standing(tx) if hold.dataset in datasets}
    for id_, entry in noted.items():
        where = f"the hold of case {entry.detail.get('case')} ({entry.detail.get('scope')})"
        if id_ not in standing:
            yield where, "stands by the journal, and not in control"
        elif standing[id_].scope != entry.detail.get("scope"):
            yield where, f"is another one in control: {standing[id_].scope}"
    for id_ in standing.keys() - noted.keys():
        hold = standing[id_]
        yield f"the hold of case {hold.case} ({hold.scope})", "stands, and not by the journal"


def _sha256(certificate: str) -> str | None:
    try:
        return digest(json.loads(certificate))
    except ValueError:
        return None
