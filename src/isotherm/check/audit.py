"""Audit: whether everything is there and unchanged, and what mends what is not.

It looks: at every object by its size and class, at a sample of them by their SHA-256, at Iceberg,
the journal and what is half done. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ..backup import copies
from ..backup.doubles import are_hot
from ..catalog.iceberg import IcebergCatalog
from ..control import intents, inventory, journal, parts, pins, removals, tags
from ..control.pins import PinRow
from ..model.dataset import Dataset
from ..model.errors import IsothermError
from ..model.part import Location, Part
from ..model.tier import CLASSES
from ..storage.base import Storage
from ..warehouse.base import Transaction
from . import journal as chain
from . import promised
from .reading import Readings

BACKUP = "Put it back from a backup."
APPLY = "isotherm apply"
RESTORE = "Put control back from a backup: isotherm rebuild --replace --from FILE"
RENEWS = "Whatever changes something renews it: isotherm apply, for one."
CAME_BACK = "Has the warehouse come back from a backup? See docs/operations.md."
UNREAD = "Look at it. If control is as it should be, nobody reads it: remove it by hand."
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        where: The object, the dataset or the table of control.
        mend: What to do, or to run.

    """

    where: str
    what: str
    mend: str


@dataclass(frozen=True)
class Audited:
    """What an audit has looked at, and found.

    Attributes:
        hashed: So many objects were read and held against their SHA-256.
        all_read_since: Since when each of them was, by this audit or an earlier one, UTC; None if
            some never were.

    """

    partitions: int
    objects: int
    bytes: int
    rows: int
    hashed: int
    journal: int
    all_read_since: datetime | None = None
    findings: tuple[Finding, ...] = ()


@dataclass
class Auditor:
    """Looks at one lake.

    Attributes:
        readings: Which objects were read whole, and when.
        share: Which part of the objects is read whole, 0 to 1; one at least where it is not 0.
        watch: Told how many of how many objects are done.
        now: Restored copies must be readable at this time (UTC) still.
        before: Copies of control that the store had before `tx` was opened.

    """

    tx: Transaction
    storage: Storage
    catalog: IcebergCatalog
    readings: Readings
    share: float
    watch: Watch
    now: datetime
    before: Sequence[copies.Copy] = ()

    def audit(self, datasets: Sequence[Dataset]) -> Audited:
        """Look at everything of some datasets."""
        found: list[Finding] = []
        names = [dataset.name for dataset in datasets]
        every = [part for name in names for part in parts.of_dataset(self.tx, name)]
        sample = self.readings.choose(every, self.share)
        try:
            for number, part in enumerate(every, start=1):
                found += self._object(part, part.location, part in sample)
                if part.restored:
                    found += self._object(part, part.restored, part in sample)
                self.watch(number, len(every))
        finally:  # whoever is stopped goes on from here
            self.readings.keep()
        found += self._classes(every)
        found += self._tags(every)
        for dataset in datasets:
            own = [part for part in every if part.dataset == dataset.name]
            found += self._iceberg(dataset.name, own)
            found += self._doubles(dataset, own)
        found += self._orphans()
        found += self._half_done()
        found += self._copy()
        found += (Finding(*item, RESTORE) for item in promised.differences(self.tx, names))
        rows, said = self._journal(names)
        return Audited(
            len({(part.dataset, part.period) for part in every}),
            len(every),
            sum(part.bytes for part in every),
            sum(part.rows for part in every),
            len(sample),
            rows,
            self.readings.last(every),
            (*found, *said),
        )

    def _object(self, part: Part, location: Location, whole: bool) -> Iterator[Finding]:
        where = f"object {location}, {part.period} of {part.dataset}"
        try:
            size = self.storage.size(location)
            if size is None:
                yield Finding(where, "is missing", BACKUP)
            elif size != part.bytes:
                yield Finding(where, f"has {size} bytes, {part.bytes} were recorded", BACKUP)
            elif whole and not self.readings.is_unchanged(part, location):
                yield Finding(where, f"is changed: its SHA-256 was {part.sha256}", BACKUP)
        except IsothermError as error:
            yield Finding(where, f"cannot be read: {error.message}", error.hint or BACKUP)

    def _classes(self, every: Sequence[Part]) -> Iterator[Finding]:
        """Yield objects that S3 has in another class than theirs."""
        store = self.storage.classed
        if store is None:
            return
        there: dict[Location, str] = {}
        for tier in sorted({part.location.tier for part in every}):
            with suppress(IsothermError):  # what cannot be listed is said of the orphans
                there.update(store.classes(tier, ""))
        for part in every:
            now, right = there.get(part.location), {part.tier.name, part.location.tier}
            if now and now not in right:
                yield Finding(
                    f"object {part.location}, {part.period} of {part.dataset}",
                    f"is in {now}, and should be in {part.tier}",
                    "Somebody else has moved it: look at isotherm lifecycle show",
                )

    def _tags(self, every: Sequence[Part]) -> Iterator[Finding]:
        """Yield objects that have not the tags that they were given."""
        store = self.storage.classed
        known = tags.known(self.tx) if store else {}
        if store is None or not known:
            return
        own = {part.location: part for part in every if part.location in known}
        there, errors = store.tags_of(own)
        for location, part in own.items():
            if location in there and not known[location].items() <= there[location].items():
                yield Finding(
                    f"object {location}, {part.period} of {part.dataset}",
                    f"has not the tags that Isotherm gave it: {_listed(known[location])}",
                    "Somebody has taken them away: isotherm lifecycle retag, then isotherm apply",
                )
        for location, error in errors.items():
            yield Finding(f"the tags of {location}", f"cannot be read: {error.message}", "")

    def _iceberg(self, name: str, kept: Sequence[Part]) -> Iterator[Finding]:
        where = f"the Iceberg table of {name}"
        pin = pins.latest(self.tx, name)
        try:
            if not self.catalog.exists(name):
                if pin:
                    yield Finding(where, "is not in the catalogue", BACKUP)
                return
            if pin and self.catalog.head(name).snapshot != pin.snapshot:
                yield Finding(where, "is not at the pin: other engines see another state", APPLY)
            yield from self._files(where, name, pin, kept)
        except IsothermError as error:
            yield Finding(where, f"cannot be read: {error.message}", error.hint or BACKUP)

    def _files(
        self, where: str, name: str, pin: PinRow | None, kept: Sequence[Part]
    ) -> Iterator[Finding]:
        if pin is None:
            return
        seen = self.catalog.files(name, pin.snapshot)
        ours = {
            self.storage.url(part.readable_location): part for part in kept if part.pinned_location
        }
        for url in sorted(seen.keys() - ours.keys()):
            yield Finding(where, f"names {url}, which control does not know", BACKUP)
        for url in sorted(ours.keys() - seen.keys()):
            yield Finding(where, f"does not name {url}, which control knows", BACKUP)
        for url, part in ours.items():
            if url in seen and seen[url] != part.rows:
                what = f"says {seen[url]} rows of {url}, control {part.rows}"
                yield Finding(where, what, BACKUP)

    def _doubles(self, dataset: Dataset, kept: Sequence[Part]) -> Iterator[Finding]:
        """Yield objects whose rows are in the warehouse, too, as after it came from a backup."""
        columns = self.tx.columns(dataset.table)
        if not columns:
            return
        clock = inventory.clock_of(dataset, columns)
        hot = inventory.matching(self.tx, dataset, clock, "TRUE")
        for part in kept:
            place = part.readable_location
            if 2 * hot.get(part.period, 0) <= part.rows or not part.readable_at(self.now):
                continue
            with suppress(IsothermError):  # what cannot be read is said of the object
                if are_hot(self.tx, self.storage, dataset, [part.period], [place], part.rows):
                    yield Finding(
                        f"object {place}, {part.period} of {dataset.name}",
                        f"has {part.rows} rows, most of which are in {dataset.table} as well",
                        f"If that came from a backup, delete those of {part.period} there.",
                    )

    def _orphans(self) -> Iterator[Finding]:
        """Yield objects that nobody needs, and nobody is about to remove."""
        names = [row[0] for row in self.tx.execute("SELECT DISTINCT dataset FROM isotherm.parts")]
        every = [part for name in names for part in parts.of_dataset(self.tx, name)]
        needed = {part.location for part in every} | {p.restored for p in every if p.restored}
        open_ = intents.in_state(self.tx, intents.OPEN)
        begun = {place for intent in open_ for place in intent.locations}
        going = removals.waiting(self.tx)
        used = parts.places(self.tx)
        for tier in CLASSES:
            try:
                for item in self.storage.list(tier):
                    if item.key.endswith(".parquet") and item not in needed | begun | going:
                        yield Finding(
                            f"object {item}",
                            "is nobody's",
                            UNREAD,
                        )
            except IsothermError as error:
                if tier in used:  # a folder of a class that has no object need not be there
                    yield Finding(
                        f"the objects of {tier}", f"cannot be listed: {error.message}", ""
                    )

    def _copy(self) -> Iterator[Finding]:
        """Yield what is wrong with the store's copy of control."""
        try:
            there = copies.every(self.storage)
        except IsothermError as error:
            yield Finding("the store's copy of control", f"cannot be listed: {error.message}", "")
            return
        head = journal.head(self.tx)
        if not any(copies.is_in(self.tx, copy) or copy.rows > head.seq for copy in there):
            yield Finding("the store's copy of control", "is missing", RENEWS)
        elif not any(copy.rows >= head.seq for copy in there):
            behind = head.seq - max(copy.rows for copy in there)
            yield Finding("the store's copy of control", f"is {behind} journal rows behind", RENEWS)
        for copy in self.before:
            if copy.rows > head.seq:
                yield Finding(
                    f"object {copy.location}",
                    f"is a copy of control with {copy.rows} journal rows: here are {head.seq}",
                    CAME_BACK,
                )
        for copy in there:
            if copy.rows <= head.seq and not copies.is_in(self.tx, copy):
                yield Finding(
                    f"object {copy.location}",
                    "is a copy of control with another history than this one",
                    CAME_BACK,
                )

    def _half_done(self) -> Iterator[Finding]:
        for intent in intents.in_state(self.tx, intents.OPEN):
            what = f"was begun at {intent.begun_at:%Y-%m-%d %H:%M} and has not ended"
            yield Finding(f"{intent.kind} of {intent.dataset} {intent.move}", what, APPLY)

    def _journal(self, datasets: Iterable[str]) -> tuple[int, list[Finding]]:
        try:
            head, _ = chain.verify(self.tx, self.catalog, datasets)
        except IsothermError as error:
            return 0, [Finding("the journal", error.message, error.hint or BACKUP)]
        return head.seq, []


def _listed(tags_: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(tags_.items()))
