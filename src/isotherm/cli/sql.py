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


def run(
    query: Annotated[str, typer.Argument(metavar="SQL", help="One query; - reads it from stdin.")],
    archived: Annotated[
        ArchivedChoice, typer.Option(help="Refuse to miss archived partitions, or skip them.")
    ] = ArchivedChoice.REFUSE,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what it would read and cost; run nothing.")
    ] = False,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let it read files that are no dataset.")
    ] = False,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the rows to a file.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: Annotated[
        SqlFormat, typer.Option("--format", help="How to write the rows.")
    ] = SqlFormat.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Run one query. A dataset's name, and its table's own name, mean all of its rows."""
    text = sys.stdin.read() if query == "-" else query
    with opened(config, read_only=True, wait=wait) as lake:
        if not allow_files:
            lake.confine()
        if explain:
            from .estimate import show

            show(lake.explain_sql(text, allow_files=allow_files), format_ is SqlFormat.JSON)
            return
        with lake.sql(text, archived=archived.value, allow_files=allow_files) as result:
            for note in result.notes:
                err().message(note, style="yellow")
            _write(result, format_, out_file)


def _write(result: Result, format_: SqlFormat, file: Path | None) -> None:
    if format_ is SqlFormat.PARQUET:
        _parquet(result, file)
    elif format_ is SqlFormat.TABLE and file is None:
        _table(result)
    elif file is None:
        _text(result, format_, sys.stdout)
    else:
        with file.open("w", encoding="utf-8", newline="") as target:
            _text(result, SqlFormat.CSV if format_ is SqlFormat.TABLE else format_, target)


def _text(result: Result, format_: SqlFormat, target: Any) -> None:
    if format_ is SqlFormat.JSON:
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
        if target is sys.stdout:
            write_json(rows)
        else:
            import json

            json.dump(rows, target, indent=2, default=str)
        return
    writer = csv.writer(target)
    writer.writerow(result.columns)
    for batch in result.batches():
        writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _table(result: Result) -> None:
    columns = result.columns
    rows = result.fetchall()
    shown = [tuple("NULL" if v is None else str(v) for v in row) for row in rows[:ROWS_SHOWN]]
    numbers = {
        i for i in range(len(columns)) if rows and all(_is_number(row[i]) for row in rows[:50])
    }
    right = " ".join(name.replace(" ", "_") for i, name in enumerate(columns) if i in numbers)
    out().table(columns, shown, right=right)
    if len(rows) > ROWS_SHOWN:
        err().message(f"The first {ROWS_SHOWN} of {len(rows):,} rows; --format csv has all.")


def _is_number(value: object) -> bool:
    from decimal import Decimal

    return value is None or (isinstance(value, int | float | Decimal) and value is not True)


def _parquet(result: Result, file: Path | None) -> None:
    import pyarrow.parquet as pq

    if file is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file with --out")
    table = result.arrow()
    pq.write_table(table, file if file else sys.stdout.buffer)
