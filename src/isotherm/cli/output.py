"""What the terminal shows: tables and text for people, JSON for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import rich.console
import rich.table
import rich.text
from rich import box
from rich.measure import Measurement

from ..model.errors import IsothermError, RequestError


class Console:
    """Writes to stdout, or messages to stderr."""

    def __init__(self, *, stderr: bool = False) -> None:
        self.rich = rich.console.Console(stderr=stderr, highlight=False, soft_wrap=True)

    def message(self, text: str, style: str = "") -> None:
        """Write a line of text, as it is."""
        self.rich.print(rich.text.Text(text, style=style))

    def wrapped(self, text: str, first: str, beside: str) -> str:
        """Return a text that goes on below itself where a terminal is narrow.

        Args:
            first: What stands before its first line.
            beside: What stands before every other one.

        """
        if not self.rich.is_terminal:  # a line stays one for those who search in it
            return first + text
        wide = max(self.rich.width, len(beside) + 20)
        return textwrap.fill(
            text,
            wide,
            initial_indent=first,
            subsequent_indent=beside,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def error(self, error: IsothermError) -> None:
        """Write an error and what to do next."""
        self.rich.print(rich.text.Text("Error: ", style="bold red") + rich.text.Text(error.message))
        if error.hint:
            self.rich.print(rich.text.Text(error.hint, style="cyan"))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        right: str = "",
        fold: str = "",
    ) -> None:
        """Write a table; nothing of it is cut off.

        Args:
            right: The names of columns that are aligned to the right, separated by blanks.
            fold: The name of a column that goes on in the next line where a terminal is narrow.

        """
        table = rich.table.Table(
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
            padding=(0, 1, 0, 0),
            header_style="bold",
        )
        aligned = right.split()
        for name in columns:
            key = name.replace(" ", "_")
            justify: Literal["left", "right"] = "right" if key in aligned else "left"
            table.add_column(name, justify=justify, no_wrap=key != fold, overflow="fold")
        for row in rows:
            table.add_row(*(rich.text.Text(cell) for cell in row))
        endless = self.rich.options.update(max_width=100_000)
        width = Measurement.get(self.rich, endless, table).maximum
        if fold and self.rich.is_terminal:
            width = min(width, self.rich.width)
        wide = rich.console.Console(file=self.rich.file, width=width, highlight=False)
        if self.rich.is_terminal:
            wide.print(table)
            return
        with wide.capture() as written:
            wide.print(table)
        for line in written.get().splitlines():  # of no cell, since rich folds them
            self.rich.file.write(f"{line.rstrip()}\n")

    def groups(
        self,
        columns: Sequence[str],
        groups: Iterable[tuple[str, Sequence[Sequence[str]]]],
        right: str = "",
    ) -> None:
        """Write rows in groups, each below its title; the columns stand below each other."""
        all_ = list(groups)
        rows = [columns, *(row for _, group in all_ for row in group)]
        widths = [max(len(row[n]) for row in rows) for n in range(len(columns))]
        aligned = [name.replace(" ", "_") in right.split() for name in columns]

        def line(row: Sequence[str]) -> str:
            cells = zip(row, widths, aligned, strict=True)
            return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in cells)

        self.message(f"    {line(columns)}".rstrip(), style="dim")
        for title, group in all_:
            self.message(f"  {title}", style="bold")
            for row in group:
                self.message(f"    {line(row)}".rstrip())


def out() -> Console:
    """Return the console for results."""
    return Console()


def err() -> Console:
    """Return the console for progress and messages."""
    return Console(stderr=True)


def write_json(value: Any, file: Any = None) -> None:
    """Write a value as JSON to a file, stdout if it is not given."""
    target = file or sys.stdout
    json.dump(value, target, indent=2, default=str)
    target.write("\n")


def check_writable(file: Path | None) -> None:
    """Look whether a file can be written before anything is done for it; it is not touched.

    Raises:
        RequestError: it cannot.

    """
    if file is None:
        return
    with writing(file):
        if not file.parent.is_dir():
            raise OSError(f"there is no folder {file.parent}")
        if file.is_dir():
            raise OSError("it is a folder")
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise OSError(os.strerror(errno.EACCES))


def unreadable(file: Path, error: Exception) -> RequestError:
    """Say that a file that somebody has named cannot be read."""
    return RequestError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}")


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Write a file that somebody has named.

    Raises:
        RequestError: it cannot be written.

    """
    try:
        yield
    except OSError as error:
        raise RequestError(f"{file} cannot be written: {error.strerror or error}") from error


def count(number: int) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,}"


def counted(number: int, word: str) -> str:
    """Write how many there are: `1 move`, `1,200 rows`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def hours(span: tuple[float, float]) -> str:
    """Write how long something takes at least and at most."""
    low, high = span
    if high == 0:
        return "at once"
    if high < 1:
        return f"{low * 60:.0f} to {high * 60:.0f} minutes"
    return f"{low:g} to {high:g} hours" if low != high else f"{high:g} hours"
