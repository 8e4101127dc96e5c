"""How Iceberg's own files are written: on a folder, they are durable before a commit names them."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from pyiceberg.io import OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ..model.address import Access
from ..storage.durable import make_folder, sync_file, sync_folder


def s3_properties(access: Access) -> dict[str, str]:
    """Return what PyIceberg needs to know of an S3 store."""
    # PyArrow takes it from nowhere else; servers like Ceph's refuse checksums at the end of a body.
    os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    found = {
        "s3.access-key-id": access.key_id,
        "s3.secret-access-key": access.secret,
        "s3.session-token": access.token,
        "s3.region": access.region,
        "s3.endpoint": access.address.endpoint,
    }
    return {name: value for name, value in found.items() if value}


class DurableFileIO(PyArrowFileIO):
    """PyIceberg's files; those of a folder are synced when they are closed."""

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to be written."""
        scheme, host, path = self.parse_location(location, self.properties)
        if scheme != "file":
            return super().new_output(location)
        return _DurableFile(location, path, self.fs_by_scheme(scheme, host))


class _DurableFile(PyArrowFile):
    """A file of a folder."""

    def create(self, overwrite: bool = False) -> OutputStream:
        path = Path(self._path)
        make_folder(path.parent)
        if not overwrite and path.exists():
            raise FileExistsError(f"{path} is there already")
        return _Stream(path)


class _Stream(OutputStream):
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

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(
        self,
        exctype: type[BaseException] | None,
        excinst: BaseException | None,
        exctb: TracebackType | None,
    ) -> None:
        self.close()
