"""What the terminal shows: tables and text for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich.console
import rich.table
import rich.text
from rich import box

from ..model.errors import IsothermError


class Console:
    """Writes to stdout, or messages to stderr."""

    def __init__(self, *, stderr: bool = False) -> None:
        self.rich = rich.console.Console(stderr=stderr, highlight=False, soft_wrap=True)

    def message(self, text: str, style: str = "") -> None:
        """Write a line of text, as it is."""
        self.rich.print(rich.text.Text(text, style=style))

    def error(self, error: IsothermError) -> None:
        """Write an error and what to do next."""
        self.rich.print(rich.text.Text("Error: ", style="bold red") + rich.text.Text(error.message))
        if error.hint:
            self.rich.print(rich.text.Text(error.hint, style="cyan"))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> None:
        """Write a table.

        Args:
            right: The names of columns that are aligned to the right, separated by blanks.

        """
        table = rich.table.Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        aligned = right.split()
        for name in columns:
            key = name.replace(" ", "_")
            table.add_column(name, justify="right" if key in aligned else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(rich.text.Text(cell) for cell in row))
        wide = rich.console.Console(
            file=self.rich.file, width=max(self.rich.width, 160), highlight=False
        )
        (self.rich if self.rich.is_terminal else wide).print(table)


def out() -> Console:
    """Return the console for results."""
    return Console()


def err() -> Console:
    """Return the console for progress and messages."""
    return Console(stderr=True)


def write_json(value: Any) -> None:
    """Write a value as JSON to stdout."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def count(number: int) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,}"


def hours(span: tuple[float, float]) -> str:
    """Write how long something takes at least and at most."""
    low, high = span
    if high == 0:
        return "at once"
    if high < 1:
        return f"{low * 60:.0f} to {high * 60:.0f} minutes"
    return f"{low:g} to {high:g} hours" if low != high else f"{high:g} hours"
