"""`isotherm sql`: one query over hot, cold and restored rows."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_CONFIG, ConfigFile, Wait, opened
from .output import err, out, write_json

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
    text = sys.stdin.read() if query == "-" else query
    with opened(config, read_only=True, wait=wait) as lake:
        if not (allow_files or lake.config.engine.is_spark):  # Spark sees what it may see
            lake.confine()
        if explain:
            from .estimate import show

            show(lake.explain_sql(text, allow_files=allow_files), format_ is SqlFormat.JSON)
            return
        with lake.sql(text, archived=archived.value, allow_files=allow_files) as result:
            for note in result.notes:
                err().message(note, style="yellow")
            write(result, format_, out_file)


def write(result: Result, format_: SqlFormat | None, file: Path | None) -> None:
    """Write the rows of a result: to a file, or to the terminal as a table."""
    if format_ is None:
        format_ = _format_of(file) if file else SqlFormat.TABLE
    if format_ is SqlFormat.PARQUET:
        _parquet(result, file)
    elif format_ is SqlFormat.TABLE and file is None:
        _table(result)
    elif file is None:
        _text(result, format_, sys.stdout)
    else:
        with file.open("w", encoding="utf-8", newline="") as target:
            _text(result, format_, target)


def _format_of(file: Path) -> SqlFormat:
    """Return the format that a file's name says; CSV if it says none."""
    known = {f".{item.value}": item for item in SqlFormat if item is not SqlFormat.TABLE}
    return known.get(file.suffix.casefold(), SqlFormat.CSV)


def _text(result: Result, format_: SqlFormat, target: Any) -> None:
    if format_ is SqlFormat.JSON:
        columns = result.columns
        found = [dict(zip(columns, row, strict=True)) for rows in result.plain() for row in rows]
        write_json(found, target)
        return
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(result.columns)
    for rows in result.texts():
        writer.writerows(rows)


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


def _parquet(result: Result, file: Path | None) -> None:
    import pyarrow.parquet as pq

    if file is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file with --out")
    table = result.arrow()
    pq.write_table(table, file if file else sys.stdout.buffer)
