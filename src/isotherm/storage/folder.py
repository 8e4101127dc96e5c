"""A folder store: one folder a tier, each of which may be another mount."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ..model.errors import StorageError
from ..model.part import Location
from .base import Stored

CHUNK = 4 * 1024 * 1024
STAGED = ".staged"
MARK = "isotherm.lake"
"""The file that says which lake a store belongs to."""


class FolderStorage:
    """See `storage.base.Storage`. Archived tiers are folders too; queries do not read them."""

    def __init__(self, root: Path, tiers: Mapping[str, Path] | None = None) -> None:
        self.root = root.absolute()
        self._tiers = {name: path.absolute() for name, path in (tiers or {}).items()}

    def claim(self, lake: str) -> None:
        """Make the store this lake's own.

        Raises:
            StorageError: it is another lake's.
        """
        mark = self.root / MARK
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), mark.open("x", encoding="utf-8") as file:
                file.write(lake + "\n")
            owner = mark.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StorageError(f"cannot make the store {self.root}: {error.strerror}") from error
        if owner != lake:
            raise StorageError(
                f"the store {self.root} belongs to another lake ({owner})",
                hint="Give this lake a folder of its own: [storage] url in isotherm.toml.",
            )

    def path(self, location: Location) -> Path:
        """Return the file of an object."""
        return self._tiers.get(location.tier, self.root / location.tier) / location.key

    def url(self, location: Location) -> str:
        """Return the URL by which Iceberg and the engine know the object."""
        return f"file://{self.path(location)}"

    def metadata_url(self, dataset: str) -> str:
        """Return the URL below which the dataset's Iceberg metadata lies."""
        return f"file://{self.root / 'iceberg' / dataset}"

    def stage(self, location: Location) -> str:
        """Return a path that the engine writes the object to."""
        staged = self._staged(location)
        with _named("cannot make the folder of", location):
            staged.parent.mkdir(parents=True, exist_ok=True)
            staged.unlink(missing_ok=True)
        return str(staged)

    def publish(self, location: Location) -> Stored:
        """Sync the staged file and rename it to its name."""
        staged, path = self._staged(location), self.path(location)
        with _named("cannot write", location):
            digest = hashlib.sha256()
            with staged.open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                os.fsync(file.fileno())
                size = file.tell()
            self._rename(staged, path)
        return Stored(location, size, digest.hexdigest())

    def copy(self, source: Location, target: Location, sha256: str) -> Stored:
        """Copy an object by way of a staged file, hashing what is read."""
        staged = Path(self.stage(target))
        with _named("cannot copy", source):
            digest = hashlib.sha256()
            with self.path(source).open("rb") as reader, staged.open("wb") as writer:
                while chunk := reader.read(CHUNK):
                    digest.update(chunk)
                    writer.write(chunk)
                writer.flush()
                os.fsync(writer.fileno())
                size = writer.tell()
        if digest.hexdigest() != sha256:
            staged.unlink(missing_ok=True)
            raise StorageError(
                f"object {source} is damaged: its SHA-256 is {digest.hexdigest()[:12]}..., "
                f"recorded was {sha256[:12]}...",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        with _named("cannot write", target):
            self._rename(staged, self.path(target))
        return Stored(target, size, sha256)

    def restore(self, source: Location, target: Location, sha256: str, until: datetime) -> Stored:
        """Copy the object out of the archive's folder; a folder restores at once."""
        return self.copy(source, target, sha256)

    def size(self, location: Location) -> int | None:
        """Return the object's size in bytes, None if it is not there."""
        try:
            return self.path(location).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(f"cannot read {location}: {error.strerror}") from error

    def sha256(self, location: Location) -> str:
        """Read the object and return its SHA-256, hexadecimal."""
        with _named("cannot read", location), self.path(location).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, location: Location) -> None:
        """Remove an object, staged or published, and the folder it leaves empty."""
        with _named("cannot remove", location):
            self._staged(location).unlink(missing_ok=True)
            self.path(location).unlink(missing_ok=True)
        try:
            self.path(location).parent.rmdir()
        except OSError:
            return  # other objects are in it, or it is gone already

    def list(self, tier: str, prefix: str = "") -> Iterator[Location]:
        """List the published objects of a tier."""
        root = self._tiers.get(tier, self.root / tier)
        for path in sorted((root / prefix).rglob("*")):
            if path.is_file() and path.suffix != STAGED:
                yield Location(tier, path.relative_to(root).as_posix())

    def _staged(self, location: Location) -> Path:
        path = self.path(location)
        return path.with_name(path.name + STAGED)

    def _rename(self, staged: Path, path: Path) -> None:
        staged.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _named(what: str, location: Location) -> Iterator[None]:
    """Turn an operating system's error into one that names the object."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(
            f"object {location} is missing: there is no {error.filename}",
            hint="Nothing was changed. Put the object back from a backup, then try again.",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"{what} {location}: no space left on {error.filename or 'the store'}",
                hint="Nothing was deleted. Make room, then run the same command again.",
            ) from error
        raise StorageError(f"{what} {location}: {error.strerror or error}") from error
