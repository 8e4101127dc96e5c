"""The port to where objects are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..model.address import Access
from ..model.errors import StorageError
from ..model.part import Location


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was found on the store.

    Attributes:
        sha256: Of its bytes, hexadecimal.

    """

    location: Location
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Tried:
    """Something that Isotherm needs of a store, and whether it may be done.

    Attributes:
        what: The permission, as the store calls it, or the folder.
        wrong: Why it cannot be done; nothing where it can.
        mend: What to do about that.
        untried: Why it was not tried; nothing where it was.

    """

    what: str
    wrong: str = ""
    mend: str = ""
    untried: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found out about a store.

    Attributes:
        about: What it is like, in words: versions, locks, encryption.
        ahead: How far its clock is ahead of ours; None if it has none of its own.
        tried: What is needed of it.
        error: Why nothing else could be found out.

    """

    about: tuple[str, ...] = ()
    ahead: timedelta | None = None
    tried: tuple[Tried, ...] = ()
    error: StorageError | None = None


class Classed(Protocol):
    """What only a store does that has storage classes, tags and lifecycle rules of its own.

    Attributes:
        rules_prefix: What the keys of all its objects begin with.

    """

    rules_prefix: str

    def tag(
        self, wanted: Mapping[Location, Mapping[str, str]]
    ) -> tuple[Sequence[Location], Sequence[StorageError]]:
        """Give objects tags, many at a time; tags that are not Isotherm's stay.

        Returns:
            The objects that have them now, and an error for each of the others.

        """
        ...

    def tags_of(
        self, locations: Collection[Location]
    ) -> tuple[Mapping[Location, Mapping[str, str]], Mapping[Location, StorageError]]:
        """Return the tags of objects, and an error for each whose tags cannot be read."""
        ...

    def copy_tags(self, source: Location, target: Location) -> None:
        """Give an object the tags of another that are not Isotherm's."""
        ...

    def classes(self, tier: str, prefix: str) -> Iterator[tuple[Location, str]]:
        """List the objects of a tier whose keys begin so, each with the class that it is in now."""
        ...

    def rules(self, *, patient: bool = True) -> Sequence[Mapping[str, Any]]:
        """Return the lifecycle rules of the whole bucket.

        Args:
            patient: Try again for long where the store does not answer.

        """
        ...

    def put_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace the lifecycle rules of the whole bucket."""
        ...


class Storage(Protocol):
    """Objects in tiers. An object is complete or not there; every call may be repeated.

    Attributes:
        place: Where all of it is, as Iceberg's metadata names it; it never changes.

    All methods raise `StorageError`, which names the object. A place that is gone (a folder that
    is not mounted) is an error too, and never looks like an empty one.

    """

    place: str

    @property
    def classed(self) -> Classed | None:
        """What it can do with classes, tags and rules of its own; None if it has none."""
        ...

    def hurried(self) -> Storage:
        """Return the same store, as one who would rather go on without it uses it."""
        ...

    def claim(self, lake: str, used: Collection[str] = ()) -> None:
        """Make the store this lake's own, where it is new.

        Args:
            used: The tiers of which control knows objects: their places cannot be new.

        Raises:
            StorageError: it is another lake's, or it should hold objects and is not there.

        """
        ...

    def check_free(self, lake: str) -> None:
        """Check that the store is no other lake's; it may be nobody's yet.

        Raises:
            StorageError: it is another lake's.

        """
        ...

    def check(self, lake: str) -> None:
        """Check that the store is there, and this lake's own.

        Raises:
            StorageError: it is not there, not mounted, or another lake's.

        """
        ...

    def examine(
        self, classes: Sequence[str], clock: Callable[[], datetime], *, writing: bool
    ) -> Trial:
        """Try what is needed of the store, and leave nothing there.

        Args:
            classes: The tiers that objects are to be put in.
            clock: Returns our time, UTC without zone.
            writing: Put a small object in each tier, and take it away again; only look if not.

        """
        ...

    def access(self) -> Access | None:
        """Return what other readers and writers of an S3 store need; None for one of files."""
        ...

    def url(self, location: Location) -> str:
        """Return the URL by which Iceberg and the engine know the object."""
        ...

    def metadata_url(self, dataset: str) -> str:
        """Return the URL below which the dataset's Iceberg metadata lies."""
        ...

    def stage(self, location: Location) -> str:
        """Return a path that the engine writes the object to; it is not there before `publish`."""
        ...

    def unstage(self, tier: str, prefix: str, before: str = "") -> None:
        """Remove what was staged below a folder and not published; who is just at it fails.

        Args:
            before: Only what has a name that comes before this one.

        """
        ...

    def publish(self, location: Location) -> Stored:
        """Make the staged object durable and visible."""
        ...

    def copy(self, source: Location, target: Location, sha256: str) -> Stored:
        """Copy an object; the bytes read must have this SHA-256, else nothing is there after."""
        ...

    def settle(self, location: Location) -> None:
        """Bring an object that was verified to its class, where it could not be read back there."""
        ...

    def restore(
        self, location: Location, speed: str = "Standard", days: int = 3, *, again: bool = False
    ) -> bool:
        """Have an archived object made readable, once; False while that is under way.

        Args:
            speed: `Bulk`, `Standard` or `Expedited`, of a class that has it.
            days: For how many days the store keeps it readable.
            again: Ask for it at this speed although that is under way, at a slower one.

        """
        ...

    def size(self, location: Location) -> int | None:
        """Return the object's size in bytes, None if it is not there."""
        ...

    def read(self, location: Location, first: int, length: int) -> bytes:
        """Return so many bytes of an object that can be read, and has them."""
        ...

    def sha256(self, location: Location) -> str:
        """Read the object and return its SHA-256, hexadecimal."""
        ...

    def remove(self, location: Location) -> None:
        """Remove an object, staged or published; one that is not there is no error."""
        ...

    def list(self, tier: str, prefix: str = "") -> Iterator[Location]:
        """List the published objects of a tier."""
        ...


def of_another(place: str, owner: str, what: str) -> StorageError:
    """Say that a place belongs to another lake; this one's control may be lost.

    Args:
        what: What this lake could have of its own: a folder, or a prefix.

    """
    return StorageError(
        f"{place} belongs to another lake ({owner})",
        hint=f"Give this lake a {what} of its own: [storage] in isotherm.toml. "
        "Or, if this warehouse's control is lost: isotherm rebuild",
    )
