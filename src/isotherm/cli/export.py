"""`isotherm export`: everything about some people, from all tiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .erase import people_of
from .hold import read_subjects
from .options import DEFAULT_CONFIG, ConfigFile, OneDataset, Wait, opened
from .output import counted, err
from .sql import ArchivedChoice, SqlFormat, write


def run(
    dataset: OneDataset,
    subject: Annotated[
        list[str] | None,
        typer.Option("--subject", metavar="COLUMN=VALUE", help="Who; may be repeated."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A CSV whose header names columns that identify people.")
    ] = None,
    archived: Annotated[
        ArchivedChoice, typer.Option(help="Refuse to miss archived partitions, or skip them.")
    ] = ArchivedChoice.REFUSE,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the rows to a file.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: Annotated[
        SqlFormat | None,
        typer.Option("--format", help="How to write the rows; by the file's name, else a table."),
    ] = None,
    wait: Wait = 0.0,
) -> None:
    """Write every row about some people, hot, cold and restored (a subject access request)."""
    whose = (*read_subjects(subject or ()), *(people_of(file) if file else ()))
    with opened(config, read_only=True, wait=wait) as lake:
        query, quarantined = lake.erasing.question(dataset, whose)
        lake.confine()
        with lake.sql(query, archived=archived.value) as result:
            for note in result.notes:
                err().message(note, style="yellow")
            write(result, format_, out_file)
    if quarantined:
        err().message(
            f"{counted(quarantined, 'row')} in quarantine may be about them, too: "
            "isotherm.quarantine",
            style="yellow",
        )
