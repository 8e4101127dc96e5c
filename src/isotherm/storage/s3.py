"""An S3 store: one prefix of a bucket; a tier is the storage class of an object.

Objects are written once, under a key that is never used twice. What goes to an archive is first
written to a class that can be read, and settled in the archive once it was read back.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..model.address import Access, Address
from ..model.errors import StorageError
from ..model.part import Location
from ..model.tier import STANDARD, TIERS, Tier
from .answers import ThereAlreadyError, is_archived, is_refused_as_archived
from .base import Stored, Trial, of_another
from .bucket import AT_ONCE, SHA256, Bucket
from .s3_trial import S3Trial
from .scratch import Scratch, sweep

MARK = "isotherm.lake"
"""The object that says which lake a prefix belongs to."""
OWN_TAGS = frozenset({"ageing", "isotherm-class"})
"""The tags that Isotherm writes and takes away; all others are their owners'."""


class S3Storage:
    """See `storage.base.Storage`. Files are staged in a temporary folder of this machine."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.place = address.place
        self._bucket = Bucket(address)
        self.rules_prefix = self._key("")
        self._scratch = Scratch()

    @property
    def classed(self) -> S3Storage:
        """Itself: S3 has classes, tags and rules."""
        return self

    def hurried(self) -> S3Storage:
        """Return the same store; requests that fail are made but once more."""
        return self._hurried

    @cached_property
    def _hurried(self) -> S3Storage:
        other = copy.copy(self)
        other._bucket = Bucket(self.address, patient=False)
        return other

    def claim(self, lake: str, used: Collection[str] = ()) -> None:
        """Make the prefix this lake's own, where it is new."""
        if self._owner() is None:
            if used:
                raise self._not_there(f"objects of {', '.join(sorted(used))} should be in it")
            with suppress(ThereAlreadyError):  # then it is asked whose it is
                self._bucket.put(self._key(MARK), f"{lake}\n".encode())
        self.check(lake)

    def check_free(self, lake: str) -> None:
        """Check that the prefix is no other lake's; it need not be anybody's yet."""
        if (owner := self._owner()) not in (None, lake):
            raise of_another(self.place, str(owner), "prefix")

    def check(self, lake: str) -> None:
        """Check that the prefix is there, and this lake's own."""
        owner = self._owner()
        if owner is None:
            raise self._not_there(f"it has no object {MARK}")
        if owner != lake:
            raise of_another(self.place, owner, "prefix")

    def examine(
        self, classes: Sequence[str], clock: Callable[[], datetime], *, writing: bool
    ) -> Trial:
        """Try each permission that is needed, with an object that is taken away again."""
        return S3Trial(self._bucket, self.address, MARK, clock).run(classes, writing=writing)

    def access(self) -> Access:
        """Return what other readers and writers of the prefix need, as it is now."""
        return self._bucket.access()

    def url(self, location: Location) -> str:
        """Return the URL by which Iceberg and the engine know the object."""
        return f"s3://{self.address.bucket}/{self._object(location)}"

    def metadata_url(self, dataset: str) -> str:
        """Return the URL below which the dataset's Iceberg metadata lies."""
        return f"s3://{self.address.bucket}/{self._key(f'iceberg/{dataset}')}"

    def stage(self, location: Location) -> str:
        """Return a file of this machine that the engine writes the object to."""
        staged = self._staged(location)
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(b"")
        return str(staged)

    def unstage(self, tier: str, prefix: str, before: str = "") -> None:
        """Remove what processes that were killed have staged on this machine, of whatever name."""
        sweep()

    def publish(self, location: Location) -> Stored:
        """Put the staged file, in a class that can be read; `settle` brings it to its own."""
        staged, tier = self._staged(location), _tier(location)
        class_ = STANDARD.name if tier.archived else tier.name
        with staged.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            try:
                self._bucket.upload(self._object(location), file, sha256, size, class_)
            except ThereAlreadyError as error:
                found = self._bucket.head(self._object(location)) or {"Metadata": {}}
                if found["Metadata"].get(SHA256) != sha256:  # else this put it, its answer lost
                    raise StorageError(
                        f"object {location} is there already: another writer has put it",
                        hint="Nothing was changed. Run the same command again.",
                    ) from error
        staged.unlink()
        return Stored(location, size, sha256)

    def settle(self, location: Location) -> None:
        """Bring an object that was verified to the class of its tier, in place."""
        tier, key = _tier(location), self._object(location)
        if tier.archived:
            self._bucket.copy(key, key, tier.name)

    def restore(
        self, location: Location, speed: str = "Standard", days: int = 3, *, again: bool = False
    ) -> bool:
        """Ask for an archived object, once; False until it can be read."""
        key = self._object(location)
        found = self._bucket.required(key)
        if is_archived(found) and (again or "Restore" not in found):
            if not self._bucket.ask(key, days, speed):
                return True
            found = self._bucket.required(key)
        return not is_archived(found)

    def copy(self, source: Location, target: Location, sha256: str) -> Stored:
        """Have the store copy an object that says of itself that it is the recorded one."""
        size = self._bucket.copy(
            self._object(source), self._object(target), _tier(target).name, sha256, OWN_TAGS
        )
        return Stored(target, size, sha256)

    def size(self, location: Location) -> int | None:
        """Return the object's size in bytes, None if it is not there."""
        found = self._bucket.head(self._object(location))
        return None if found is None else int(found["ContentLength"])

    def read(self, location: Location, first: int, length: int) -> bytes:
        """Return so many bytes of an object, by one request."""
        return b"".join(self._bucket.chunks(self._object(location), first, length))

    def sha256(self, location: Location) -> str:
        """Return the object's SHA-256: read, or as it was put where it cannot be read now."""
        key = self._object(location)
        if is_archived(self._bucket.required(key)):
            return self._recorded(location)
        digest = hashlib.sha256()
        for chunk in self._bucket.chunks(key):
            digest.update(chunk)
        return digest.hexdigest()

    def remove(self, location: Location) -> None:
        """Remove an object, staged or published."""
        self._staged(location).unlink(missing_ok=True)
        self._bucket.remove(self._object(location))

    def list(self, tier: str, prefix: str = "") -> Iterator[Location]:
        """List the published objects of a tier."""
        root = self._key(f"{tier}/")
        for key, _ in self._bucket.keys(root + (f"{prefix}/" if prefix else "")):
            yield Location(tier, key.removeprefix(root))

    def tag(
        self, wanted: Mapping[Location, Mapping[str, str]]
    ) -> tuple[Sequence[Location], Sequence[StorageError]]:
        """Give objects tags, many at a time; tags that are not Isotherm's stay."""

        def one(location: Location) -> StorageError | None:
            try:
                self._bucket.tag(self._object(location), wanted[location], OWN_TAGS)
            except StorageError as error:
                return error
            return None

        with ThreadPoolExecutor(AT_ONCE) as pool:
            failed = dict(zip(wanted, pool.map(one, wanted), strict=True))
        done = [location for location, error in failed.items() if error is None]
        return done, [error for error in failed.values() if error]

    def tags_of(
        self, locations: Collection[Location]
    ) -> tuple[Mapping[Location, Mapping[str, str]], Mapping[Location, StorageError]]:
        """Return the tags of objects, many asked at a time."""
        found: dict[Location, Mapping[str, str]] = {}
        errors: dict[Location, StorageError] = {}

        def one(location: Location) -> None:
            try:
                found[location] = self._bucket.tags(self._object(location))
            except StorageError as error:
                if not is_refused_as_archived(error):  # some stores show no tags of these
                    errors[location] = error

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, locations))
        return found, errors

    def copy_tags(self, source: Location, target: Location) -> None:
        """Give an object the tags of another that are not Isotherm's."""
        found = self._bucket.tags(self._object(source))
        if theirs := {name: value for name, value in found.items() if name not in OWN_TAGS}:
            self._bucket.tag(self._object(target), theirs, ())

    def classes(self, tier: str, prefix: str) -> Iterator[tuple[Location, str]]:
        """List the objects of a tier whose keys begin so, each with the class that it is in now."""
        root = self._key(f"{tier}/")
        for key, class_ in self._bucket.keys(root + prefix, patient=False):
            yield Location(tier, key.removeprefix(root)), class_

    def rules(self, *, patient: bool = True) -> Sequence[Mapping[str, Any]]:
        """Return the lifecycle rules of the whole bucket."""
        return self._bucket.rules(patient=patient)

    def put_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace the lifecycle rules of the whole bucket."""
        self._bucket.put_rules(rules)

    def _key(self, name: str) -> str:
        return f"{self.address.prefix}/{name}" if self.address.prefix else name

    def _object(self, location: Location) -> str:
        return self._key(f"{location.tier}/{location.key}")

    def _staged(self, location: Location) -> Path:
        return self._scratch.path / location.tier / location.key

    def _recorded(self, location: Location) -> str:
        """Return the SHA-256 that an object says of itself."""
        return str(self._bucket.required(self._object(location))["Metadata"].get(SHA256, ""))

    def _owner(self) -> str | None:
        key = self._key(MARK)
        if self._bucket.head(key) is None:
            return None
        return b"".join(self._bucket.chunks(key)).decode().strip()

    def _not_there(self, why: str) -> StorageError:
        return StorageError(
            f"the store {self.place} is not there: {why}",
            hint="Nothing was changed. If it is a new one, make it: isotherm init",
        )


def _tier(location: Location) -> Tier:
    """Return the class of a location; Iceberg's own files are no tier, and never cool down."""
    return TIERS.get(location.tier, STANDARD)
