"""`isotherm load`: files into the hot table, exactly once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import size
from ..load.options import FileFormat, OnError, ReadOptions
from .options import DEFAULT_CONFIG, ConfigFile, Format, OneDataset, OutputFormat, Wait, opened
from .output import count, counted, out, write_json
from .progress import bar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..load.loader import Loaded
    from ..load.progress import Progress as Loading

MANY = 4
"""More new columns than this are counted and not named: the table was made."""


def run(
    dataset: OneDataset,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="What to load.")],
    input_format: Annotated[
        FileFormat | None, typer.Option(help="What the files are; by their names if not given.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between the fields of a CSV.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="The first line names the columns.")
    ] = None,
    null: Annotated[str | None, typer.Option(help="What stands for NULL in a CSV.")] = None,
    date_format: Annotated[str | None, typer.Option(help="As in %d.%m.%Y.")] = None,
    timestamp_format: Annotated[str | None, typer.Option(help="As in %d.%m.%Y %H:%M.")] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, latin-1, utf-16.")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="COLUMN=TYPE", help="The type of a column; repeatable."),
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="Load nothing of a file with a broken row, or keep it apart.")
    ] = OnError.STOP,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Load files into the dataset's table: each whole or not at all, and once by its content."""
    options = ReadOptions(
        format=input_format,
        delimiter=delimiter,
        header=header,
        null=null,
        date_format=date_format,
        timestamp_format=timestamp_format,
        encoding=encoding,
        types=_types(types or []),
        on_error=on_error,
    )
    loaded: list[Loaded] = []
    with opened(config, wait=wait) as lake:
        try:
            with bar("{task.fields[rate]}") as progress:
                task = progress.add_task("load", total=len(files), rate="")
                for number, file in enumerate(files):
                    watch = partial(_show, progress, task, number, file.name)
                    loaded += lake.load(dataset, [file], options, observe=watch)
        finally:  # what is in is said when the bar is gone, also where a later file fails
            if format_ is Format.TABLE:
                for item in loaded:
                    _report(item)
    if format_ is Format.TABLE:
        _together(loaded)
    else:
        write_json({"version": 1, "files": [item.to_json() for item in loaded]})


def _types(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        column, equals, type_ = text.partition("=")
        if not (column and equals and type_):
            raise typer.BadParameter(f"{text!r}: write COLUMN=TYPE", param_hint="--type")
        found[column] = type_
    return found


def _show(bars: Progress, task: TaskID, number: int, name: str, at: Loading) -> None:
    rate = f"{count(at.rows)} rows, {count(round(at.rate))}/s"
    bars.update(task, completed=number + at.fraction, description=f"load {name}", rate=rate)


def _report(item: Loaded) -> None:
    console = out()
    if item.skipped:
        console.message(f"{item.file}: skipped, its content was loaded before as {item.same_as}")
        return
    said = [f"{counted(item.rows, 'row')} of {size(item.bytes)}"]
    if len(item.added) > MANY:
        said.append(f"{len(item.added)} columns are new")
    elif item.added:
        said.append(f"new: {', '.join(column.name for column in item.added)}")
    if item.widened:
        said.append(f"wider {', '.join(f'{w.column} {w.old} to {w.new}' for w in item.widened)}")
    if item.ignored:
        said.append(f"left out {', '.join(item.ignored)}, dropped by the config")
    console.message(f"{item.file}: {'; '.join(said)}")
    if item.quarantined:
        console.message(
            f"  {count(item.quarantined)} rows are in quarantine: isotherm.quarantine has file, "
            "line, reason and text",
            style="yellow",
        )


def _together(loaded: list[Loaded]) -> None:
    fresh = [item for item in loaded if not item.skipped]
    if len(fresh) > 1:
        seconds = sum(item.seconds for item in fresh)
        rows = sum(item.rows for item in fresh)
        rate = f", {count(round(rows / seconds))} a second" if seconds else ""
        out().message(f"{len(fresh)} files: {count(rows)} rows in {seconds:.1f} s{rate}.")
