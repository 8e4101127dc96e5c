"""A folder store: one folder a tier, each of which may be another mount."""

from __future__ import annotations

import errno
import getpass
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from ..model.errors import StorageError
from ..model.part import Location
from .base import Stored, Trial, of_another
from .durable import make_folder, sync_file, sync_folder
from .folder_trial import try_folder

CHUNK = 4 * 1024 * 1024
STAGED = ".staged"
BESIDE = ("iceberg", "control")
"""The folders below the root that are no tiers': Iceberg's metadata, and the copies of control."""
MARK = "isotherm.lake"
"""The file that says which lake a folder belongs to. Where it is gone, so is the mount."""


class FolderStorage:
    """See `storage.base.Storage`. Archived tiers are folders too; queries do not read them."""

    def __init__(self, root: Path, tiers: Mapping[str, Path] | None = None) -> None:
        self.root = root.absolute()
        self.place = str(self.root)
        self._tiers = {name: path.absolute() for name, path in (tiers or {}).items()}

    @property
    def classed(self) -> None:
        """Nothing: folders have no classes, tags or rules of their own."""

    def hurried(self) -> FolderStorage:
        """Return itself: a folder answers at once."""
        return self

    def claim(self, lake: str, used: Collection[str] = ()) -> None:
        """Make the folders this lake's own, where they are new."""
        for folder in self.folders:
            if found := [sign for sign in "#?" if sign in str(folder)]:
                raise StorageError(
                    f"the folder {folder} has a {found[0]} in its path, which the URL of an "
                    "object cannot have",
                    hint="Choose another folder: [storage] in isotherm.toml.",
                )
            tiers = sorted(tier for tier in used if self._folder(tier) == folder)
            if tiers and not (folder / MARK).exists():
                raise _not_there(folder, f"objects of {', '.join(tiers)} should be in it")
            with _made(folder):
                make_folder(folder)
                with suppress(FileExistsError), (folder / MARK).open("x") as file:
                    file.write(lake + "\n")
                    sync_file(file)
        self.check(lake)

    def check_free(self, lake: str) -> None:
        """Check that no folder is another lake's; they need not be there yet."""
        for folder in self.folders:
            if (owner := _owner(folder)) not in (None, lake):
                raise of_another(f"the folder {folder}", str(owner), "folder")

    def check(self, lake: str) -> None:
        """Check that every folder is there, and this lake's own."""
        for folder in self.folders:
            _require(folder)
        self.check_free(lake)

    def examine(
        self, classes: Sequence[str], clock: Callable[[], datetime], *, writing: bool
    ) -> Trial:
        """Try what is needed of each folder that is there, and leave nothing in it."""
        try:
            for folder in self.folders:
                _require(folder)
        except StorageError as error:
            return Trial(error=error)
        tiers = (self._tiers.get(name, self.root / name) for name in (*classes, *BESIDE))
        places = dict.fromkeys((*self.folders, *(tier for tier in tiers if tier.exists())))
        return Trial(tried=tuple(try_folder(place, writing=writing) for place in places))

    def access(self) -> None:
        """Return nothing: files need no keys."""

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
        _require(self._folder(location.tier))
        staged = self._staged(location)
        with _writing(location):
            make_folder(staged.parent)
            # The file keeps the folder: who removes an object removes an empty folder, too.
            staged.write_bytes(b"")
        return str(staged)

    def unstage(self, tier: str, prefix: str, before: str = "") -> None:
        """Remove what was staged below a folder and not published."""
        folder = self._tiers.get(tier, self.root / tier) / prefix
        for staged in folder.rglob(f"*{STAGED}"):
            if not before or staged.name < before:
                staged.unlink(missing_ok=True)

    def publish(self, location: Location) -> Stored:
        """Sync the staged file and rename it to its name."""
        staged = self._staged(location)
        with _writing(location):
            with staged.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
                os.fsync(file.fileno())
                size = file.tell()
            _rename(staged, self.path(location))
        return Stored(location, size, digest.hexdigest())

    def copy(self, source: Location, target: Location, sha256: str) -> Stored:
        """Copy an object by way of a staged file, hashing what is read."""
        staged = Path(self.stage(target))
        digest, size = hashlib.sha256(), 0
        with _writing(target), staged.open("wb") as file:
            for chunk in self._chunks(source):
                digest.update(chunk)
                size += file.write(chunk)
            sync_file(file)
        if digest.hexdigest() != sha256:
            staged.unlink(missing_ok=True)
            raise StorageError(
                f"object {source} is damaged: its SHA-256 is {digest.hexdigest()[:12]}..., "
                f"recorded was {sha256[:12]}...",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )
        with _writing(target):
            _rename(staged, self.path(target))
        return Stored(target, size, sha256)

    def settle(self, location: Location) -> None:
        """Do nothing: an object was written to its tier's folder."""

    def restore(
        self, location: Location, speed: str = "Standard", days: int = 3, *, again: bool = False
    ) -> bool:
        """Say that it is readable: a folder restores at once."""
        return True

    def size(self, location: Location) -> int | None:
        """Return the object's size in bytes, None if it is not there."""
        _require(self._folder(location.tier))
        try:
            return self.path(location).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(location, error) from error

    def read(self, location: Location, first: int, length: int) -> bytes:
        """Return so many bytes of an object."""
        with self._opened(location) as file:
            file.seek(first)
            return file.read(length)

    def sha256(self, location: Location) -> str:
        """Read the object and return its SHA-256, hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self._chunks(location):
            digest.update(chunk)
        return digest.hexdigest()

    def remove(self, location: Location) -> None:
        """Remove an object, staged or published, and the folder it leaves empty."""
        _require(self._folder(location.tier))
        path = self.path(location)
        with _writing(location, "removed"):
            self._staged(location).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        with suppress(OSError):  # other objects are in it, or it is gone already
            path.parent.rmdir()

    def list(self, tier: str, prefix: str = "") -> Iterator[Location]:
        """List the published objects of a tier."""
        _require(self._folder(tier))
        root = self._tiers.get(tier, self.root / tier)
        for folder, _, names in os.walk(root / prefix, onerror=_walk_failed):
            for name in sorted(names):
                if name != MARK and not name.endswith(STAGED):
                    yield Location(tier, (Path(folder) / name).relative_to(root).as_posix())

    def staged(self) -> Iterator[Path]:
        """List the files that were staged and never published."""
        for folder in self.folders:
            _require(folder)
            yield from folder.rglob(f"*{STAGED}")

    def _folder(self, tier: str) -> Path:
        """Return the folder that carries the mark for a tier."""
        return self._tiers.get(tier, self.root)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that carry the mark: the root, and those of tiers that lie elsewhere."""
        return tuple(dict.fromkeys((self.root, *self._tiers.values())))

    def _staged(self, location: Location) -> Path:
        path = self.path(location)
        return path.with_name(path.name + STAGED)

    def _chunks(self, location: Location) -> Iterator[bytes]:
        """Read an object piece by piece."""
        with self._opened(location) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    @contextmanager
    def _opened(self, location: Location) -> Iterator[IO[bytes]]:
        """Open an object for reading."""
        _require(self._folder(location.tier))
        try:
            with self.path(location).open("rb") as file:
                yield file
        except FileNotFoundError as error:
            raise StorageError(
                f"object {location} is missing: there is no {error.filename}",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            ) from error
        except OSError as error:
            raise _unreadable(location, error) from error


def _require(folder: Path) -> None:
    """Check that a folder is there, and not the empty place where it should be mounted."""
    try:
        (folder / MARK).stat()
    except PermissionError:
        raise _forbidden(folder) from None
    except OSError:
        raise _not_there(folder, f"it has no file {MARK}") from None


def _owner(folder: Path) -> str | None:
    """Return the lake that a folder belongs to; None if it is nobody's."""
    try:
        return (folder / MARK).read_text().strip()
    except PermissionError as error:
        raise _forbidden(error.filename) from None
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_readable(url: str) -> None:
    """Check that a file of a folder may be read; that it is there is for others to say.

    Raises:
        StorageError: it may not.

    """
    if url.startswith("file://"):
        path = Path(url.removeprefix("file://"))
        try:
            path.open("rb").close()
        except PermissionError:
            raise _forbidden(path) from None
        except OSError:
            return


def _forbidden(path: str | Path) -> StorageError:
    return StorageError(
        f"{path} may not be read by {getpass.getuser()}",
        hint="Nothing was changed. Run it as who owns the lake, or let this user read the store.",
    )


def _not_there(folder: Path, why: str) -> StorageError:
    return StorageError(
        f"the store's folder {folder} is not there: {why}",
        hint="Nothing was changed. Mount it; if it is a new one, make it: isotherm init",
    )


def _unreadable(location: Location, error: OSError) -> StorageError:
    if isinstance(error, PermissionError):
        return _forbidden(error.filename)
    return StorageError(
        f"object {location} cannot be read: {error.strerror or error}",
        hint="Nothing was changed. Mend the store, then try again.",
    )


def _walk_failed(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise _forbidden(error.filename) from None
    if not isinstance(error, FileNotFoundError):  # no object of that tier yet
        raise StorageError(f"{error.filename} cannot be listed: {error.strerror}") from error


def _rename(staged: Path, path: Path) -> None:
    staged.replace(path)
    sync_folder(path.parent)


@contextmanager
def _writing(location: Location, what: str = "written") -> Iterator[None]:
    """Turn an operating system's error into one that names the object."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"object {location} cannot be {what}: no space left on the store",
                hint="Nothing was deleted. Make room, then run the same command again.",
            ) from error
        raise StorageError(
            f"object {location} cannot be {what}: {error.strerror or error}",
            hint="Nothing was deleted. Mend the store, then run the same command again.",
        ) from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the folder {folder} cannot be made: {error.strerror}") from error
