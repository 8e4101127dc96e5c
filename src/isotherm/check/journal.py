"""The journal against the heads that the moves have noted elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from ..catalog.iceberg import IcebergCatalog, Pin
from ..control import journal, pins
from ..control.journal import Head
from ..model.errors import JournalError
from ..warehouse.base import Transaction

NOTE = "isotherm.journal"


def verify(
    tx: Transaction, catalog: IcebergCatalog, datasets: Iterable[str]
) -> tuple[Head, dict[str, str]]:
    """Follow the chain, and look in it for the head that each pinned snapshot carries.

    Raises:
        JournalError: a row was changed or removed, or the tail was cut.

    """
    head = journal.verify(tx)
    noted: dict[str, str] = {}
    for name in datasets:
        pin = pins.latest(tx, name)
        note = catalog.notes(name, Pin(pin.metadata, pin.snapshot)).get(NOTE) if pin else None
        if note is None:
            continue
        if not journal.holds(tx, note):
            raise JournalError(
                f"the journal's tail was cut: the Iceberg table of {name} has noted row "
                f"{note.partition(':')[0]}, and the journal holds {head.seq} rows"
            )
        noted[name] = note
    return head, noted
