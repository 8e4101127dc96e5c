"""Options that name people, by the columns that identify them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..model.errors import RequestError
from ..model.person import DataSubject
from .output import unreadable

Subjects = Annotated[
    list[str] | None,
    typer.Option("--subject", metavar="COLUMN=VALUE", help="Who; may be repeated."),
]
PeopleFile = Annotated[
    Path | None,
    typer.Option("--file", help="A CSV whose header names columns that identify people."),
]


def read_people(texts: Sequence[str] | None, file: Path | None = None) -> tuple[DataSubject, ...]:
    """Read people from options, and from a file where one is named.

    Raises:
        BadParameter: an option names nobody.
        RequestError: the file cannot be read, or a line of it names nobody.

    """
    try:
        named = tuple(DataSubject.parse(text) for text in texts or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--subject") from None
    return (*named, *(_of_file(file) if file else ()))


def _of_file(file: Path) -> tuple[DataSubject, ...]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            lines = list(csv.DictReader(source, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(file, error) from error
    found = []
    for number, line in enumerate(lines, start=2):
        values = [(n, v.strip()) for n, v in line.items() if n and isinstance(v, str) and v.strip()]
        if None in line or not values:
            raise RequestError(
                f"{file}, line {number}: it names nobody",
                hint="The first line names columns, each other one has values for them.",
            )
        found.append(DataSubject(tuple(sorted((n.strip(), v) for n, v in values))))
    if not found:
        raise RequestError(f"{file} names nobody")
    return tuple(found)
