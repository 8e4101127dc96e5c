"""What stands in the warehouse: control, datasets, who is at work, and what is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..control import erasures, intents, inventory, migrations, parts, pins, removals, requests
from ..model.dataset import Dataset, TableName
from ..model.errors import SchemaError
from ..model.request import RequestKind
from ..model.schema import cold_columns
from ..warehouse.base import Transaction
from ..warehouse.server import HIDDEN
from .doctor import INIT, Check, fine, warning, wrong
from .machine import skew

GRANTS = "Its owner runs what is printed by: isotherm grants"
LATE = timedelta(days=1)
"""An object that should have gone by so long ago is waiting for an apply that does not come."""
_OF_A_TABLE = ("SELECT", "INSERT", "DELETE")
_OF_CONTROL = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass
class Known:
    """What the warehouse says that other checks need.

    Attributes:
        lake: The lake's id; nothing where control cannot be used.
        pinned: The datasets that have cold rows in Iceberg.
        used: The tiers that have objects.
        largest: The bytes of the largest hot partition.
        erases: Whether anybody ever asked to be forgotten.

    """

    lake: str = ""
    pinned: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    largest: int = 0
    erases: bool = False


def server(tx: Transaction, clock: Callable[[], datetime]) -> Iterator[Check]:
    """Look at the warehouse's server, its clock, and whether it lets us write."""
    asked = tx.server()
    if asked is None:
        return
    about = asked.about()
    ahead = skew("PostgreSQL", about.now - clock())
    found = f"PostgreSQL {about.version}, as {about.role}"
    if about.writes:
        yield fine("server", found)
    else:
        yield wrong(
            "server",
            f"{found}: it lets nobody write (default_transaction_read_only)",
            f'Let us: ALTER ROLE "{about.role}" SET default_transaction_read_only = off',
        )
    yield ahead


def control(tx: Transaction, known: Known) -> Iterator[Check]:
    """Look whether control is there, of this version, and ours to write."""
    if not migrations.is_made(tx):
        yield wrong("control", "this lake was not set up yet", INIT)
        return
    migrations.check(tx)
    known.lake = migrations.lake_id(tx)
    known.used = frozenset(parts.places(tx))
    asked = tx.server()
    if asked:
        rows = tx.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'isotherm' "
            "AND table_catalog = current_database()"
        )
        own = dict.fromkeys((TableName("isotherm", row[0]) for row in rows), _OF_CONTROL)
        for table, privileges in sorted(asked.lacking(own).items()):
            lacks = ", ".join(privileges)
            yield wrong("control", f"our role lacks {lacks} on {table}", GRANTS)
    version = len(migrations.MIGRATIONS)
    yield fine("control", f"version {version}, as this Isotherm needs it; lake {known.lake}")


def table(tx: Transaction, dataset: Dataset, known: Known) -> Iterator[Check]:
    """Look at a dataset's table: its columns, what we may do with it, and what is hot."""
    name = f"dataset {dataset.name}"
    asked = tx.server()
    wanted = {dataset.table: _OF_A_TABLE}
    lacking = asked.lacking(wanted).get(dataset.table, ()) if asked else ()
    for privilege in lacking:
        what = f"our role lacks {privilege} on {dataset.table}"
        if privilege == HIDDEN:
            what += ": row-level security hides rows, and no rows are left out silently"
        yield wrong(name, what, GRANTS)
    if set(lacking) - {"INSERT", "DELETE"}:
        return
    columns = tx.columns(dataset.table)
    if not columns:
        error = inventory.missing_table(dataset, 0)
        yield warning(name, error.message, error.hint)
        return
    try:
        inventory.clock_of(dataset, columns)
        cold_columns(dataset.name, dataset.table, columns, dict(dataset.cast))
        tx.check_deletable(dataset.table)
    except SchemaError as error:
        yield wrong(name, error.message, error.hint)
        return
    found = f"{dataset.table} can be moved"
    if known.lake:
        hot = inventory.take(tx, dataset).hot
        known.largest = max([known.largest, *(item.bytes for item in hot)])
        found += f"; {sum(item.rows for item in hot):,} hot rows in {len(hot):,} partitions"
        known.pinned |= {dataset.name} if pins.latest(tx, dataset.name) else set()
    if not lacking:
        yield fine(name, found)


def lease(tx: Transaction) -> Iterator[Check]:
    """Look who holds the lease of the one who applies, and whether it has run out."""
    asked = tx.server()
    if asked is None:
        return
    holder = asked.applying()
    if holder is None:
        yield fine("lease", "nobody applies")
    elif not holder.gone:
        left = f"its lease holds for {holder.seconds:.0f} s unless it is renewed"
        yield fine("lease", f"{holder.who} applies; {left}")
    else:
        ran_out = f"its lease ran out {-holder.seconds:,.0f} s ago"
        why = ran_out if holder.seconds <= 0 else "the server has no connection of it any more"
        yield warning(
            "lease", f"{holder.who} was at work, and is gone: {why}", "isotherm apply takes it over"
        )


def half_done(tx: Transaction, now: datetime, known: Known) -> Iterator[Check]:
    """Look for what was begun and has not ended, is overdue, or waits for somebody."""
    looks = (_moves(tx), _removals(tx, now), _pauses(tx), _erasures(tx, now, known))
    found = [check for look in looks for check in look]
    yield from found or [fine("half done", "nothing")]


def _moves(tx: Transaction) -> Iterator[Check]:
    asked = tx.server()
    holder = asked.applying() if asked else None
    for intent in intents.in_state(tx, intents.OPEN):
        what = f"{intent.kind} of {intent.dataset}, begun at {intent.begun_at:%Y-%m-%d %H:%M}"
        if holder and not holder.gone:
            yield fine("half done", f"{what}: {holder.who} is at it")
        else:
            yield warning(
                "half done",
                f"{what}, has not ended; every row is seen as before it",
                "isotherm apply clears it away",
            )


def _removals(tx: Transaction, now: datetime) -> Iterator[Check]:
    if late := len(removals.due(tx, now - LATE)):
        objects = f"{late:,} object" + ("" if late == 1 else "s")
        yield warning(
            "half done",
            f"{objects} that nobody needs should have gone more than a day ago",
            "isotherm apply removes them, and says why it cannot",
        )


def _pauses(tx: Transaction) -> Iterator[Check]:
    for request in requests.standing(tx):
        if request.kind is RequestKind.PAUSE:
            since = f"{request.asked_at:%Y-%m-%d %H:%M}"
            yield warning(
                "half done",
                f"{request.dataset} is paused since {since}: no moves are made",
                f"isotherm resume {request.dataset}",
            )


def _erasures(tx: Transaction, now: datetime, known: Known) -> Iterator[Check]:
    every = erasures.every(tx)
    known.erases = bool(every)
    for item in every:
        if not item.is_over and item.due_at < now:
            yield wrong(
                "half done",
                f"erasure {item.case} of {item.dataset} was due on {item.due_at:%Y-%m-%d}",
                f"isotherm {item.verb} {item.dataset} --request {item.case}",
            )
