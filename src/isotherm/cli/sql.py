"""`isotherm sql`: one query over hot, cold and restored rows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_CONFIG, ConfigFile, Wait, opened
from .output import check_writable, counted, err, out, write_json, writing

if TYPE_CHECKING:
    from ..query.result import Result

ROWS_SHOWN = 200


class SqlFormat(StrEnum):
    """How the rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class ArchivedChoice(StrEnum):
    """What happens to a query that may need archived partitions."""

    REFUSE = "refuse"
    SKIP = "skip"


IfArchived = Annotated[
    ArchivedChoice,
    typer.Option("--archived", help="Refuse to miss archived partitions, or skip them."),
]
OutFile = Annotated[Path | None, typer.Option("--out", "-o", help="Write the rows to a file.")]
RowsFormat = Annotated[
    SqlFormat | None,
    typer.Option("--format", help="How to write the rows; by the file's name, else a table."),
]


def run(
    query: Annotated[str, typer.Argument(metavar="SQL", help="One query; - reads it from stdin.")],
    archived: IfArchived = ArchivedChoice.REFUSE,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what it would read and cost; run nothing.")
    ] = False,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let it read files that are no dataset.")
    ] = False,
    out_file: OutFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: RowsFormat = None,
    wait: Wait = 0.0,
) -> None:
    """Run one query. A dataset's name, and its table's own name, mean all of its rows."""
    form = format_of(format_, out_file)
    text = sys.stdin.read() if query == "-" else query
    with opened(config, read_only=True, wait=wait) as lake:
        if not (allow_files or lake.config.engine.is_spark):  # Spark sees what it may see
            lake.confine()
        if explain:
            from .estimate import show

            show(lake.explain_sql(text, allow_files=allow_files), form is SqlFormat.JSON)
            return
        with lake.sql(text, archived=archived.value, allow_files=allow_files) as result:
            for note in result.notes:
                err().message(note, style="yellow")
            write(result, form, out_file)


def format_of(format_: SqlFormat | None, file: Path | None) -> SqlFormat:
    """Return how rows are written: as is said, by the file's name, or as a table.

    Raises:
        BadParameter: the file's name says another format.
        RequestError: it cannot be written.

    """
    check_writable(file)
    if format_ or not file:
        return format_ or SqlFormat.TABLE
    known = {f".{item.value}": item for item in SqlFormat if item is not SqlFormat.TABLE}
    ending = file.suffix.casefold() or ".csv"
    if ending not in known:
        raise typer.BadParameter(
            f"{file} ends in none of {', '.join(known)}: say --format", param_hint="--out"
        )
    return known[ending]


def write(result: Result, format_: SqlFormat, file: Path | None) -> None:
    """Write the rows of a result: to a file, or to the terminal."""
    if file is None:
        if format_ is SqlFormat.PARQUET:
            _parquet(result, None)
        elif format_ is SqlFormat.TABLE:
            _table(result)
        else:
            _text(result, format_, sys.stdout)
        return
    with writing(file):
        if format_ is SqlFormat.PARQUET:
            rows = _parquet(result, file)
        else:
            with file.open("w", encoding="utf-8", newline="") as target:
                rows = _text(result, format_, target)
    err().message(f"Wrote {file}: {counted(rows, 'row')}.")


def _text(result: Result, format_: SqlFormat, target: Any) -> int:
    """Write the rows as JSON or CSV, and return how many there are."""
    if format_ is SqlFormat.JSON:
        keys = _keys(result.columns)
        found = [dict(zip(keys, row, strict=True)) for rows in result.plain() for row in rows]
        write_json(found, target)
        return len(found)
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(result.columns)
    written = 0
    for rows in result.texts():
        writer.writerows(rows)
        written += len(rows)
    return written


def _keys(columns: Sequence[str]) -> list[str]:
    """Return names that differ; of two columns `a` the second becomes `a_1`, as in DuckDB."""
    keys: list[str] = []
    for name in columns:
        key, number = name, 0
        while key in keys:
            number += 1
            key = f"{name}_{number}"
        keys.append(key)
    return keys


def _table(result: Result) -> None:
    columns, shown, all_ = result.columns, list[tuple[str | None, ...]](), 0
    for rows in result.texts():
        shown += rows[: ROWS_SHOWN - len(shown)]
        all_ += len(rows)
    numbers = (name.replace(" ", "_") for name in result.numbers)
    cells = [tuple("NULL" if value is None else value for value in row) for row in shown]
    out().table(columns, cells, right=" ".join(numbers))
    if all_ > ROWS_SHOWN:
        err().message(f"The first {ROWS_SHOWN} of {all_:,} rows; --format csv has all.")


def _parquet(result: Result, file: Path | None) -> int:
    """Write the rows as Parquet, and return how many there are."""
    import pyarrow.parquet as pq

    if file is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file with --out")
    table = result.arrow()
    pq.write_table(
        table.rename_columns(_keys(table.column_names)), file if file else sys.stdout.buffer
    )
    return table.num_rows
