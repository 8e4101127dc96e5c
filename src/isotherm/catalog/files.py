"""How Iceberg's own files are written: durable before a commit names them, and asked for again.

PyArrow writes a file of a folder without syncing it, and one of S3 as an upload of several parts,
which it gives up after three requests that a busy store has refused.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.io import InputStream, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.table import Table

from ..model.address import Access, Address
from ..storage.durable import make_folder, sync_file, sync_folder

if TYPE_CHECKING:
    from ..storage.bucket import Bucket

STORE = "isotherm.store"
"""The property that says which S3 store the files are in."""


def s3_properties(access: Access) -> dict[str, str]:
    """Return what PyIceberg needs to know of an S3 store."""
    found = {
        STORE: access.address.url,
        "s3.access-key-id": access.key_id,
        "s3.secret-access-key": access.secret,
        "s3.session-token": access.token,
        "s3.region": access.region,
        "s3.endpoint": access.address.endpoint,
    }
    return {name: value for name, value in found.items() if value}


class _Lately:
    """What was put last: such files never change, and the next commit reads what this one wrote."""

    def __init__(self, bytes_at_most: int) -> None:
        self._most, self._bytes = bytes_at_most, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, url: str, content: bytes) -> None:
        with self._lock:
            self._bytes += len(content) - len(self._kept.pop(url, b""))
            self._kept[url] = content
            while self._bytes > self._most:
                self._bytes -= len(self._kept.popitem(last=False)[1])

    def find(self, url: str) -> bytes | None:
        return self._kept.get(url)


_LATELY = _Lately(16 * 2**20)


class DurableFileIO(PyArrowFileIO):
    """PyIceberg's files; it reads them through PyArrow.

    Attributes:
        remembers: Whether files that this process has just put are not read again.

    """

    remembers = False

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file to be read."""
        return self._file(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to be written."""
        return self._file(location)

    def _file(self, location: str) -> PyArrowFile:
        scheme, host, path = self.parse_location(location, self.properties)
        made = _FolderFile if scheme == "file" else _BucketFile
        file = made(location, path, self.fs_by_scheme(scheme, host))
        file.store = self.properties.get(STORE, "")
        file.remembers = self.remembers
        return file


class RememberingFileIO(DurableFileIO):
    """The same, for a commit: it stands on what the one before it has put."""

    remembers = True


class _File(PyArrowFile):
    """A file of Iceberg's.

    Attributes:
        store: The URL of the S3 store that it is in.
        remembers: As of its `DurableFileIO`.

    """

    store: str
    remembers: bool


class _FolderFile(_File):
    def create(self, overwrite: bool = False) -> OutputStream:
        path = Path(self._path)
        make_folder(path.parent)
        if not overwrite and path.exists():
            raise FileExistsError(f"{path} is there already")
        return _FolderStream(path)


class _BucketFile(_File):
    def create(self, overwrite: bool = False) -> OutputStream:
        """Begin a file; its name holds a UUID, so that nobody has one of this name."""
        key = self._path.partition("/")[2]
        return _BucketStream(_bucket(self.store), key, self._name)

    def open(self, seekable: bool = True) -> InputStream:
        """Open the file; one that is remembered is not asked for."""
        content = self._remembered
        return super().open(seekable) if content is None else pa.BufferReader(content)

    def __len__(self) -> int:
        content = self._remembered
        return super().__len__() if content is None else len(content)

    @property
    def _remembered(self) -> bytes | None:
        return _LATELY.find(self._name) if self.remembers else None

    @property
    def _name(self) -> str:
        """What no other file is called: another store may have a bucket of this name."""
        return f"{self.store} {self._path}"


class _Stream(OutputStream):
    def __enter__(self) -> OutputStream:
        return self

    def __exit__(
        self,
        exctype: type[BaseException] | None,
        excinst: BaseException | None,
        exctb: TracebackType | None,
    ) -> None:
        self.close()


class _FolderStream(_Stream):
    """Writes a file, and syncs it at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")

    def write(self, b: bytes) -> int:
        return self._file.write(b)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self._file.closed:
            with self._file:
                sync_file(self._file)
            sync_folder(self._path.parent)


class _BucketStream(_Stream):
    """Keeps a file, and puts it at the end by one request."""

    def __init__(self, bucket: Bucket, key: str, name: str) -> None:
        self._bucket, self._key, self._name = bucket, key, name
        self._content = io.BytesIO()

    def write(self, b: bytes) -> int:
        return self._content.write(b)

    def tell(self) -> int:
        return self._content.tell()

    def close(self) -> None:
        if not self._content.closed:
            content = self._content.getvalue()
            self._content.close()
            self._bucket.overwrite(self._key, content)
            _LATELY.keep(self._name, content)


def remembering(table: Table) -> Table:
    """Return a table that reads nothing again that this process has just put."""
    io = _remembering(tuple(table.io.properties.items()))
    return Table(table.name(), table.metadata, table.metadata_location, io, table.catalog)


@lru_cache(maxsize=8)
def _remembering(properties: tuple[tuple[str, str], ...]) -> RememberingFileIO:
    return RememberingFileIO(dict(properties))


@lru_cache(maxsize=8)
def _bucket(url: str) -> Bucket:
    from ..storage.bucket import Bucket

    return Bucket(Address.parse(url))
