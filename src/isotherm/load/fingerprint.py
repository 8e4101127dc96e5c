"""The SHA-256 of a file, taken while the engine reads it."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType

from ..model.errors import LoadError
from .source import Source

_CHUNK = 1 << 20


class Fingerprint:
    """Hashes a file in a thread of its own; use it as a context manager."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stop = Event()
        self._pool = ThreadPoolExecutor(1, "isotherm-hash")
        self._future: Future[str] | None = None

    def start(self) -> None:
        """Begin, if that has not been done."""
        if self._future is None:
            self._future = self._pool.submit(self._hash)

    def sha256(self) -> str:
        """Wait for the hash and return it, hexadecimal.

        Raises:
            LoadError: the file cannot be read to its end.

        """
        self.start()
        assert self._future is not None
        return self._future.result()

    def _hash(self) -> str:
        found = hashlib.sha256()
        try:
            with self._source.path.open("rb") as file:
                while not self._stop.is_set() and (chunk := file.read(_CHUNK)):
                    found.update(chunk)
            if self._source.gzipped:
                self._check_gzip()
        except OSError as error:
            raise LoadError(f"{self._source.name} cannot be read: {error}") from error
        return found.hexdigest()

    def _check_gzip(self) -> None:
        # DuckDB 1.5.5 reads a gzip file that was cut off without a word, up to the cut.
        try:
            with gzip.open(self._source.path, "rb") as content:
                while not self._stop.is_set() and content.read(_CHUNK):
                    pass
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LoadError(
                f"{self._source.name} is a damaged gzip file: {error}",
                hint="Nothing of it was loaded. Fetch it again.",
            ) from None

    def __enter__(self) -> Fingerprint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._pool.shutdown()
