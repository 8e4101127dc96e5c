"""Progress on a terminal; silence elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from .output import err


@contextmanager
def bar(*columns: str) -> Iterator[Progress]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal.

    Args:
        columns: Formats of further text columns, as Rich writes them.

    """
    console = err().rich
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        *(TextColumn(column) for column in columns),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with shown:
        yield shown
