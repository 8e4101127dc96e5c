"""Erasing: somebody's request from the first search to the certificate, over a lake.

Every step may be repeated: what is done is in control, and the next call goes on from there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .backup import copies
from .certifying import Verified, verify
from .control import erasures, removals
from .control.erasures import Erasure
from .model.errors import RequestError, StorageError
from .model.part import Location
from .model.tier import TIERS
from .plan.plan import Plan
from .plan.restoring import check_not_paused
from .privacy import certificate, proving
from .privacy.certificate import Key
from .privacy.finding import Finder, Found
from .privacy.planning import make_erase_plan
from .requesting import Requests, check_open
from .warehouse.attached import AttachedTransaction

if TYPE_CHECKING:
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


class Erasing(Requests):
    """The right to be forgotten, for one lake."""

    def plan(self, case: str, *, max_bytes: int | None = None) -> Plan:
        """Plan what is left to do for a request.

        Args:
            max_bytes: How much of it will be done at a time.

        Raises:
            RequestError: there is none, it is done, or its dataset is paused.

        """
        lake, request = self._lake, self.request(case)
        check_open(request)
        with self._finder(request.dataset) as finder:
            found = self._found(finder, request)
            if not (found.rows or found.archived or request.forgotten_at):
                # The proof may have found rows of theirs that no filter knows of.
                found = self._found(replace(finder, by_filters=False), request)
        (subject,) = lake._subjects(request.dataset)
        check_not_paused(subject)
        return make_erase_plan(subject, request, found, lake.clock(), lake.prices, max_bytes)

    def run(self, case: str, *, limits: Limits | None = None, watch: Watch | None = None) -> Erased:
        """Go on with a request as far as that is possible now.

        Raises:
            RequestError: there is none.
            MovesFailed: some moves failed; the others are done.

        """
        lake, request = self._lake, self.request(case)
        if request.proven_at:
            self._wiped()
            return Erased(request, None)
        check_open(request)
        key = Key.read(self.key_file)
        plan = self.plan(case, max_bytes=limits.max_bytes if limits else None)
        if plan.moves and request.forgotten_at:  # somebody has come back meanwhile
            with lake.warehouse.transaction() as tx:
                erasures.end_search(tx, request.id, None)
            request = replace(request, forgotten_at=None)
        applied = lake.apply(plan, limits=limits, watch=watch)
        if applied.waiting:
            return Erased(request, applied, "the archive is still fetching; run it again then")
        if applied.left:
            return Erased(request, applied, f"{len(applied.left)} moves are left to make")
        if applied.untidy:
            return Erased(request, applied, f"not all is cleared away: {applied.untidy[0].message}")
        try:  # without the rows that were in quarantine
            copies.keep(lake.warehouse, lake.storage)
        except StorageError as error:
            return Erased(request, applied, f"not all is cleared away: {error.message}")
        with lake.warehouse.transaction() as tx:
            waits = self._end(tx, request, key)
        lake._seal()
        request = self.request(case)
        if request.proven_at:
            self._wiped()
        return Erased(request, applied, waits)

    def certificate(self, case: str) -> dict[str, Any]:
        """Return the certificate of a request.

        Raises:
            RequestError: there is no such request, or nothing is proven yet.

        """
        request = self.request(case)
        if request.certificate is None:
            raise RequestError(
                f"{case} is not proven yet: there is no certificate",
                hint=f"Go on with it: isotherm {request.verb} {request.dataset} --request {case}",
            )
        found: dict[str, Any] = json.loads(request.certificate)
        return found

    def verify(self, text: str) -> Verified:
        """Check a certificate, JSON: its signature, that the key is this lake's, and the journal.

        Raises:
            JournalError: it was changed, and where; or it is none of this lake's.

        """
        return verify(self._lake, text)

    @staticmethod
    def _found(finder: Finder, request: Erasure) -> Found:
        """Search anew, but for the archived parts that were searched for this request.

        One that a hold has kept rows of is searched again once that hold is gone.
        """
        named = request.named_now(finder.dataset.renamed)
        found = finder.find(named.subjects, named.changes)
        standing = {hold.id for hold in found.holds}
        done = {
            part
            for item in erasures.forgotten(finder.tx, request.id)
            for part, kept_by in item.searched.items()
            if standing.issuperset(kept_by)
        }
        left = tuple(part for part in found.archived if part.id not in done)
        return replace(found, archived=left)

    @staticmethod
    def _replaced_since(finder: Finder, request: Erasure) -> list[Location]:
        """Return what was replaced since nothing was found any more, and has records of theirs.

        What a case held, or came late, may have gone since by a move that knows nothing of them.
        """
        noted = {
            name for item in erasures.forgotten(finder.tx, request.id) for name in item.replaced
        }
        named = request.named_now(finder.dataset.renamed)
        others = removals.of_dataset(finder.tx, request.dataset)
        late = [item for item in others if item.tier in TIERS and str(item) not in noted]
        return finder.in_replaced(named.subjects, named.changes, late)

    @staticmethod
    def _again(tx: AttachedTransaction, request: Erasure, found: Found) -> str:
        """Begin the search anew, and say what it has found."""
        erasures.end_search(tx, request.id, None)
        return f"{found.rows} rows, {len(found.archived)} archived objects are left to do"

    def _end(self, tx: AttachedTransaction, request: Erasure, key: Key) -> str:
        """Search a last time, and prove it where nothing is left; say what it waits for.

        In the transaction that proves it: a row that comes later comes after the certificate.
        """
        check_open(erasures.of_id(tx, request.id))  # somebody may have withdrawn it meanwhile
        lake, finder = self._lake, self._on(tx, request.dataset)
        now, found = lake.clock(), self._found(finder, request)
        if found.rows or found.archived:
            return self._again(tx, request, found)
        if request.forgotten_at is None:
            before = removals.of_dataset(tx, request.dataset)
            erasures.end_search(tx, request.id, now, before)
            request = replace(request, forgotten_at=now)
        if waits := proving.left(tx, lake.storage, request, lake.config.settings.grace.after(now)):
            return waits
        if late := self._replaced_since(finder, request):
            erasures.end_search(tx, request.id, request.forgotten_at, late)
            return proving.left(tx, lake.storage, request, lake.config.settings.grace.after(now))
        # The proof trusts no filter: it reads what identifies people in every object.
        found = self._found(replace(finder, by_filters=False), request)
        if found.rows or found.archived:
            return self._again(tx, request, found)
        signed = key.sign(proving.said(tx, request, found, now))
        text, digest = json.dumps(signed, indent=2), certificate.digest(signed)
        erasures.prove(tx, request, now, text, digest)
        return ""
