"""Erasing: somebody's request from the first search to the certificate, over a lake.

Every step may be repeated: what is done is in control, and the next call goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asking import whoami
from .control import erasures, journal, migrations, removals
from .control.erasures import Erasure, Forgotten
from .model.errors import RequestError
from .model.part import Location
from .model.period import Duration
from .model.person import DataSubject
from .model.tier import TIERS
from .plan.plan import Plan
from .privacy import certificate
from .privacy.certificate import Key
from .privacy.finding import Found, find
from .privacy.planning import make_erase_plan

if TYPE_CHECKING:
    from .lake import Lake
    from .moves.applying import Applied, Limits, Watch


@dataclass(frozen=True)
class Erased:
    """How far a request is.

    Attributes:
        applied: What this run has done; None if nothing was left to do.
        waits_for: What it waits for, in words; empty once it is proven.

    """

    request: Erasure
    applied: Applied | None
    waits_for: str = ""


class Erasing:
    """The right to be forgotten, for one lake."""

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

    def find(self, name: str, subjects: Iterable[DataSubject]) -> Found:
        """Look for people's records in a dataset; nothing is changed.

        Raises:
            RequestError: they are not named by columns that identify people there.

        """
        dataset, whose = self._lake.config.dataset(name), tuple(sorted(set(subjects)))
        if not whose:
            raise RequestError("nobody is named", hint="Say who: --subject COLUMN=VALUE")
        for subject in whose:
            dataset.check_subject(subject)
        return self._search(name, whose)

    def ask(
        self,
        name: str,
        subjects: Iterable[DataSubject],
        case: str,
        *,
        within: Duration | None = None,
        who: str | None = None,
    ) -> Erasure:
        """Write down whom to forget, and by when.

        Args:
            case: By what name the request goes on.
            within: By when it has to be done; the config's time if not given.

        Raises:
            RequestError: nobody is named, or not by the right columns, or the name is taken.
            ConfigError: there is no key to sign the certificate with.

        """
        lake, whose = self._lake, tuple(sorted(set(subjects)))
        key = Key.read(self.key_file)
        self.find(name, whose)  # what cannot be searched for is refused before it is written down
        now = lake.clock()
        due = (within or lake.config.certificates.within).after(now)
        hashes = tuple(subject.hashed(key.of_hashes) for subject in whose)
        wanted = Erasure("", case, name, whose, hashes, now, who or whoami(), due)
        with lake.warehouse.transaction() as tx:
            made = erasures.ask(tx, wanted)
        lake._seal()
        return made

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

    def plan(self, case: str) -> Plan:
        """Plan what is left to do for a request.

        Raises:
            RequestError: there is none.

        """
        request = self.request(case)
        return self._plan(request, self._found(request))

    def run(self, case: str, *, limits: Limits | None = None, watch: Watch | None = None) -> Erased:
        """Go on with a request as far as that is possible now.

        Raises:
            RequestError: there is none.
            MovesFailed: some moves failed; the others are done.

        """
        lake, request = self._lake, self.request(case)
        if request.proven_at:
            return Erased(request, None)
        key = Key.read(self.key_file)
        plan = self._plan(request, self._found(request))
        applied = lake.apply(plan, limits=limits, watch=watch)
        found = self._found(request)
        if applied.waiting:
            return Erased(request, applied, "the archive is still fetching; run it again then")
        if left := found.rows or len(found.closed):
            return Erased(request, applied, f"{left} rows or archived objects are left to do")
        if request.forgotten_at is None:
            with lake.warehouse.transaction() as tx:
                erasures.end_search(tx, request.id, lake.clock())
        if waits := self._left(request):
            return Erased(self.request(case), applied, waits)
        self._prove(self.request(case), found, key)
        return Erased(self.request(case), applied)

    def verify(self, said: Mapping[str, Any]) -> bool:
        """Check a certificate: its signature, that the key is this lake's, and the journal.

        Returns:
            Whether this lake's journal has noted it.

        Raises:
            JournalError: it was changed.

        """
        certificate.verify(said)
        wanted = certificate.digest(said)
        return any(
            entry.event == "certified" and entry.detail.get("sha256") == wanted
            for entry in self._lake.journal(limit=1_000_000)
        )

    # -- what several of them need

    def _search(self, name: str, whose: tuple[DataSubject, ...]) -> Found:
        lake = self._lake
        lake._reach()
        readable_at = lake.config.settings.restore_margin.after(lake.clock())
        with lake.warehouse.snapshot() as tx:
            return find(
                tx, lake.storage, lake.catalog, lake.config.dataset(name), whose, readable_at
            )

    def _found(self, request: Erasure) -> Found:
        """Search anew, without the archived parts that were searched for this request."""
        found = self._search(request.dataset, request.subjects)
        with self._lake.warehouse.snapshot() as tx:
            done = {id_ for item in erasures.forgotten(tx, request.id) for id_ in item.searched}
        return replace(found, closed=tuple(part for part in found.closed if part.id not in done))

    def _plan(self, request: Erasure, found: Found) -> Plan:
        lake = self._lake
        (subject,) = lake._subjects(request.dataset)
        return make_erase_plan(subject, request, found, lake.clock(), lake.prices)

    def _left(self, request: Erasure) -> str:
        """Say what of the replaced objects is still there; nothing once all is gone."""
        lake = self._lake
        with lake.warehouse.snapshot() as tx:
            replaced = self._replaced(tx, request)
            waiting = removals.waiting(tx)
        if due := replaced & waiting:
            grace = lake.config.settings.grace
            return f"{len(due)} replaced objects go when their grace of {grace} is over"
        if metadata := [item for item in waiting if item.tier == "iceberg"]:
            grace = lake.config.settings.grace
            return f"{len(metadata)} old metadata files go when their grace of {grace} is over"
        still = [str(item) for item in replaced if lake.storage.size(item) is not None]
        return f"{', '.join(still)} cannot be removed" if still else ""

    @staticmethod
    def _replaced(tx: Any, request: Erasure) -> frozenset[Location]:
        names = (name for item in erasures.forgotten(tx, request.id) for name in item.replaced)
        return frozenset(Location(*name.split("/", 1)) for name in names)

    def _prove(self, request: Erasure, found: Found, key: Key) -> None:
        """Sign what was done, keep it, and wipe what identified people."""
        lake, now = self._lake, self._lake.clock()
        with lake.warehouse.snapshot() as tx:
            removed = erasures.forgotten(tx, request.id)
            head, lake_id = journal.head(tx), migrations.lake_id(tx)
        said = {
            "version": certificate.VERSION,
            "lake": lake_id,
            "dataset": request.dataset,
            "request": request.case,
            "subjects": list(request.hashes),
            "asked_at": request.asked_at.isoformat(),
            "asked_by": request.asked_by,
            "due_at": request.due_at.isoformat(),
            "in_time": now <= request.due_at,
            "forgotten_at": request.forgotten_at.isoformat() if request.forgotten_at else None,
            "proven_at": now.isoformat(),
            "removed": [
                {
                    "where": item.period or item.tier,
                    "tier": item.tier,
                    "rows": item.rows,
                    "objects": len(item.replaced),
                }
                for item in removed
                if item.rows
            ],
            "kept": [
                {"where": where, "rows": rows, "why": sorted({h.case for h in found.holds})}
                for where, rows in (*found.kept.items(), *_kept_archived(removed))
            ],
            "second_search": {
                "rows": found.rows,
                "objects_searched": found.searched,
                "archived_objects_searched_before": sum(
                    len(item.searched) for item in removed if item.tier in _ARCHIVES
                ),
                "replaced_objects_left": 0,
            },
            "cannot_speak_of": list(certificate.RESIDUAL),
            "journal_head": str(head),
        }
        signed = key.sign(said)
        text = json.dumps(signed, indent=2)
        with lake.warehouse.transaction() as tx:
            erasures.prove(tx, request, now, text, certificate.digest(signed))
        lake._seal()


_ARCHIVES = frozenset(name for name, tier in TIERS.items() if tier.archived)


def _kept_archived(removed: Iterable[Forgotten]) -> Iterator[tuple[str, int]]:
    """Yield what was kept of archived partitions: the last search cannot look into them."""
    for item in removed:
        if item.tier in _ARCHIVES and item.kept and item.period:
            yield item.period, item.kept
