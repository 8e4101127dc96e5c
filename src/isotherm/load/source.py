"""A file before it is read: that it can be, what it is, and that nobody changes it meanwhile."""

from __future__ import annotations

import glob
import gzip
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ..model.errors import LoadError
from .options import FileFormat, ReadOptions

_ENDINGS = {
    FileFormat.CSV: (".csv", ".tsv", ".tab", ".psv", ".txt"),
    FileFormat.PARQUET: (".parquet", ".pq", ".parq"),
    FileFormat.JSON: (".json", ".ndjson", ".jsonl"),
}
_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"(\xb5/\xfd": "compressed by zstd",
    b"BZh9": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"Obj\x01": "an Avro file",
}
HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read.

    Attributes:
        name: As the user wrote it; messages call it so.
        head: Its first bytes, decompressed.
        state: What changes with the file: size, time of change, inode.

    """

    path: Path
    name: str
    format: FileFormat
    gzipped: bool
    head: bytes
    state: tuple[int, int, int]

    @property
    def size(self) -> int:
        """The size of the file as it lies there."""
        return self.state[0]

    @property
    def pattern(self) -> str:
        """The path for the engine, which would otherwise take `[1]` or `*` in it for a pattern."""
        return glob.escape(str(self.path))

    def open(self) -> IO[bytes]:
        """Open the file's content, decompressed."""
        if self.gzipped:
            return cast(IO[bytes], gzip.open(self.path, "rb"))
        return self.path.open("rb")

    def check_unchanged(self) -> None:
        """Check that the file is the one that was looked at.

        Raises:
            LoadError: somebody has written to it.

        """
        try:
            now = _state(self.path)
        except OSError as error:
            raise LoadError(f"{self.name} went away while it was read: {error.strerror}") from None
        if now != self.state:
            raise LoadError(
                f"{self.name} was changed while it was read; nothing of it was loaded",
                hint="Load it again when nobody writes to it.",
            )


def open_source(path: str | Path, options: ReadOptions) -> Source:
    """Look at a file.

    Raises:
        LoadError: it is missing, empty, no file, or of a format that is not known.

    """
    name = str(path)
    file = Path(path).absolute()
    try:
        state, mode = _state(file), file.stat().st_mode
        if stat.S_ISDIR(mode):
            raise LoadError(f"{name} is a directory", hint=f"Name the files in it: {name}/*")
        if not stat.S_ISREG(mode):
            raise LoadError(f"{name} is no regular file", hint="Write its content to a file first.")
        with file.open("rb") as raw:
            head = raw.read(HEAD_BYTES)
    except OSError as error:
        raise LoadError(f"{name} cannot be read: {error.strerror}") from None
    if not head.strip():
        raise LoadError(
            f"{name} is empty: it has no header and no rows",
            hint="Was it written whole? Leave it out if it is meant to be empty.",
        )
    gzipped = head.startswith(_GZIP)
    found = _format(name, file, head, options.format)
    source = Source(file, name, found, gzipped, head, state)
    return _decompressed(source) if gzipped else source


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _format(name: str, file: Path, head: bytes, asked: str | None) -> FileFormat:
    """Tell the format by what the user says or the name's ending, and hold it to the content."""
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise LoadError(
                f"{name} is {what}", hint="Load CSV (also gzipped), Parquet or JSON files."
            )
    said = FileFormat(asked) if asked else _by_ending(file)
    if said is None:
        raise LoadError(
            f"{name}: its name does not tell what it is",
            hint="Say it: --input-format csv, parquet or json.",
        )
    if (said is FileFormat.PARQUET) != head.startswith(_PARQUET):
        is_ = "is a Parquet file" if head.startswith(_PARQUET) else "is no Parquet file"
        raise LoadError(
            f"{name} {is_} by its content", hint="Say what it is: --input-format csv or parquet."
        )
    return said


def _by_ending(file: Path) -> FileFormat | None:
    endings = [ending.lower() for ending in file.suffixes]
    if endings and endings[-1] in (".gz", ".gzip"):
        endings.pop()
    last = endings[-1] if endings else ""
    return next((kind for kind, known in _ENDINGS.items() if last in known), None)


def _decompressed(source: Source) -> Source:
    try:
        with source.open() as content:
            head = content.read(HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise LoadError(f"{source.name} is a damaged gzip file: {error}") from None
    if not head.strip():
        raise LoadError(f"{source.name} is empty: it has no header and no rows")
    return Source(source.path, source.name, source.format, True, head, source.state)
