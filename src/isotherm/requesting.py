"""What people ask for about their records: found, written down, withdrawn; over a lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .asking import whoami
from .backup import copies
from .control import datasets, erasures
from .control.erasures import Erasure
from .cost.dollars import Quote
from .engine.matching import PLAIN, belongs_to, kept_as, to_correct
from .engine.sql import quote
from .model.correction import NewValues
from .model.errors import RequestError
from .model.period import Duration
from .model.person import DataSubject
from .plan.plan import Kind, Plan
from .plan.restoring import quote_of
from .privacy.certificate import Key
from .privacy.finding import Finder, Found
from .privacy.planning import make_erase_plan
from .warehouse.attached import AttachedTransaction

if TYPE_CHECKING:
    from .lake import Lake


@dataclass(frozen=True)
class Looked:
    """What would be done for some people.

    Attributes:
        quote: What restoring archived partitions takes and costs; None if there are none.

    """

    found: Found
    plan: Plan
    quote: Quote | None


class _TakenBack(Exception):
    """What was only tried is rolled back."""


class Requests:
    """What people ask for about their records, for one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    @property
    def key_file(self) -> Path:
        """Where the key is that certificates are signed with."""
        return self._lake.config.folder / self._lake.config.certificates.key

    def now(self) -> datetime:
        """Return the lake's time, UTC."""
        return self._lake.clock()

    def new_key(self) -> Path:
        """Make the key that certificates are signed with.

        Raises:
            ConfigError: there is one.

        """
        Key.make(self.key_file)
        return self.key_file

    def find(self, name: str, subjects: Iterable[DataSubject], changes: NewValues = ()) -> Found:
        """Look for people's records in a dataset; nothing is changed.

        Args:
            changes: Look only for those that do not hold these values.

        Raises:
            RequestError: they are not named by columns that identify people there, or a value
                cannot stand in its column.

        """
        whose = self._checked(name, subjects)
        with self._finder(name) as finder:
            return finder.find(finder.named(whose), finder.corrected(changes))

    def look(self, name: str, subjects: Iterable[DataSubject], changes: NewValues = ()) -> Looked:
        """Look for people's records, and plan what would be done; nothing is written down.

        Raises:
            RequestError: as `find`.

        """
        lake, whose, now = self._lake, self._checked(name, subjects), self._lake.clock()
        with self._finder(name) as finder:
            values = finder.corrected(changes)
            found = finder.find(finder.named(whose), values)
        wanted = Erasure("", "not asked yet", name, whose, (), now, "", now, changes=values)
        (subject,) = lake._subjects(name)
        plan = make_erase_plan(subject, wanted, found, now, lake.prices)
        restores = tuple(move for move in plan.moves if move.kind is Kind.RESTORE)
        quote = quote_of(replace(plan, moves=restores), lake.prices) if restores else None
        return Looked(found, plan, quote)

    def ask(
        self,
        name: str,
        subjects: Iterable[DataSubject],
        case: str,
        *,
        changes: NewValues = (),
        within: Duration | None = None,
        who: str | None = None,
    ) -> Erasure:
        """Write down whom to forget, or what to correct, and by when.

        Args:
            case: By what name the request goes on.
            changes: What their rows shall hold; they are forgotten if nothing is given.
            within: By when it has to be done; the config's time if not given.

        Raises:
            RequestError: nobody is named, or not by the right columns, or the name is taken, or a
                value cannot stand in its column.
            ConfigError: there is no key to sign the certificate with.

        """
        lake, key = self._lake, Key.read(self.key_file)
        checked = self._checked(name, subjects)
        with self._finder(name) as finder:
            whose = tuple(sorted(set(finder.named(checked))))
            values = finder.corrected(changes)
        if values:
            self._try(name, whose, values)
        now, dataset = lake.clock(), lake.config.dataset(name)
        due = (within or lake.config.certificates.within).after(now)
        hashes = tuple(subject.hashed(key.of_hashes) for subject in whose)
        wanted = Erasure(
            "",
            case,
            name,
            whose,
            hashes,
            now,
            who or whoami(),
            due,
            changes=values,
            renames=tuple(sorted(dataset.renamed.items())),
        )
        with lake.warehouse.transaction() as tx:
            datasets.remember(tx, dataset, now)
            made = erasures.ask(tx, wanted)
        lake._seal()
        return made

    def _try(self, name: str, whose: Sequence[DataSubject], values: NewValues) -> None:
        """Make a correction in the warehouse, and take it back: its table may not allow it.

        Raises:
            SchemaError: it does not.

        """
        table = self._lake.config.dataset(name).table
        with suppress(_TakenBack), self._lake.warehouse.transaction() as tx:
            tx.update(table, values, to_correct(whose, values))
            raise _TakenBack

    def question(self, name: str, subjects: Iterable[DataSubject]) -> tuple[str, int]:
        """Return the query of all rows about some people, and how many are in quarantine.

        Raises:
            RequestError: they are not named by columns that identify people there.

        """
        checked = self._checked(name, subjects)
        with self._finder(name) as finder:
            whose = finder.named(checked)
            broken = finder.quarantined(whose)
            table = finder.tx.columns(finder.dataset.table)
        kept = kept_as(table, finder.dataset, table)
        theirs = belongs_to(whose, kept if kept.cast else PLAIN)
        return f"SELECT * FROM {quote(name)} WHERE {theirs}", broken

    def requests(self, name: str | None = None) -> tuple[Erasure, ...]:
        """Return all requests, of one dataset or of all, those that are due first."""
        with self._lake.warehouse.snapshot() as tx:
            return erasures.every(tx, name)

    def request(self, case: str) -> Erasure:
        """Return a request by its name.

        Raises:
            RequestError: there is none.

        """
        with self._lake.warehouse.snapshot() as tx:
            return erasures.of_case(tx, case)

    def withdraw(self, case: str, reason: str, *, who: str | None = None) -> Erasure:
        """End a request that nobody wants any more; what was done for it stays done.

        It may be repeated: then it makes sure that what identified people is wiped everywhere.

        Raises:
            RequestError: there is none, it is proven already, or no reason is given.

        """
        if not reason.strip():
            raise RequestError("a request is withdrawn for a reason", hint="Say why.")
        lake = self._lake
        with lake.warehouse.transaction() as tx:
            request = erasures.of_case(tx, case)
            if request.withdrawn_at is None:
                check_open(request)
                erasures.withdraw(tx, request, lake.clock(), who or whoami(), reason)
        lake._seal()
        self._wiped()
        return self.request(case)

    def _wiped(self) -> None:
        """Make sure that the store's copy of control does not say any more who they were.

        Raises:
            StorageError: it cannot be renewed.

        """
        copies.keep(self._lake.warehouse, self._lake.storage)

    # -- what several of them need

    def _checked(self, name: str, subjects: Iterable[DataSubject]) -> tuple[DataSubject, ...]:
        dataset, whose = self._lake.config.dataset(name), tuple(sorted(set(subjects)))
        if not whose:
            raise RequestError("nobody is named", hint="Say who: --subject COLUMN=VALUE")
        for subject in whose:
            dataset.check_subject(subject)
        return whose

    @contextmanager
    def _finder(self, name: str) -> Iterator[Finder]:
        self._lake._reach()
        with self._lake.warehouse.snapshot() as tx:
            yield self._on(tx, name)

    def _on(self, tx: AttachedTransaction, name: str) -> Finder:
        lake = self._lake
        readable_at = lake.config.settings.restore_margin.after(lake.clock())
        return Finder(tx, lake.storage, lake.catalog, lake.config.dataset(name), readable_at)


def check_open(request: Erasure) -> None:
    """Check that something is left to do for a request.

    Raises:
        RequestError: it is proven, or was withdrawn.

    """
    if request.proven_at:
        raise RequestError(f"{request.case} is done: it was proven at {request.proven_at:%Y-%m-%d}")
    if request.withdrawn_at:
        raise RequestError(
            f"{request.case} was withdrawn at {request.withdrawn_at:%Y-%m-%d}",
            hint="Ask anew, by another name.",
        )
