"""`isotherm audit`: whether everything is there and unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..cost.amounts import size
from ..model.errors import AuditError
from .options import DEFAULT_CONFIG, AnyDataset, ConfigFile, Format, OutputFormat, Wait, opened
from .output import count, counted, out, write_json
from .progress import bar

if TYPE_CHECKING:
    from ..check.audit import Audited


def run(
    dataset: AnyDataset = None,
    percent: Annotated[
        float,
        typer.Option(
            "--hash", help="How many percent of the objects are read whole.", min=0, max=100
        ),
    ] = 10.0,
    rate: Annotated[
        float | None,
        typer.Option(metavar="MB", help="Read so many megabytes a second at most.", min=0.001),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Look whether every object, Iceberg, control and the journal are there and unchanged.

    One line where all is well; else what is wrong, and what mends it.
    """
    with opened(config, read_only=True, wait=wait) as lake, bar() as progress:
        task = progress.add_task("audit", total=None)

        def watch(done: int, all_: int) -> None:
            progress.update(task, completed=done, total=all_)

        audited = lake.audit(dataset, share=percent / 100, rate=rate and rate * 1e6, watch=watch)
    show(audited, format_)


def show(audited: Audited, format_: Format) -> None:
    """Show what an audit has found.

    Raises:
        AuditError: something is not as it should be.

    """
    if format_ is Format.JSON:
        write_json(_json(audited))
    else:
        _show(audited)
    if audited.findings:
        raise AuditError(
            f"{counted(len(audited.findings), 'thing')} not as it should be",
            hint="Nothing was changed.",
        )


def _show(audited: Audited) -> None:
    console = out()
    for finding in audited.findings:
        console.message(f"{finding.where} {finding.what}", style="red")
        console.message(f"  {finding.mend}")
    seen = (
        f"{counted(audited.partitions, 'cold partition')}, {counted(audited.objects, 'object')} of "
        f"{size(audited.bytes)} with {counted(audited.rows, 'row')}, {count(audited.hashed)} of "
        f"them read whole{_since(audited)}; {counted(audited.journal, 'journal row')}"
    )
    console.message(f"Looked at {seen}." if audited.findings else f"All is well: {seen}.")


def _since(audited: Audited) -> str:
    """Say since when all of them were, by this audit and those before it."""
    since = audited.all_read_since
    return f", and all since {since:%Y-%m-%d}" if since else ""


def _json(audited: Audited) -> dict[str, object]:
    return {
        "version": 1,
        "partitions": audited.partitions,
        "objects": audited.objects,
        "bytes": audited.bytes,
        "rows": audited.rows,
        "hashed": audited.hashed,
        "all_read_since": audited.all_read_since and audited.all_read_since.isoformat(),
        "journal_rows": audited.journal,
        "findings": [
            {"where": item.where, "what": item.what, "mend": item.mend} for item in audited.findings
        ],
    }
