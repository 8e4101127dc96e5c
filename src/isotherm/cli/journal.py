"""`isotherm journal`: what was done, and that nobody has changed the record."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, AnyDataset, ConfigFile, Format, OutputFormat, Wait, opened
from .output import counted, out, write_json


def run(
    dataset: AnyDataset = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the hash chain and print its head.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Show so many rows, the newest.", min=1)] = 50,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """List what was done, or check the record's hash chain."""
    with opened(config, read_only=True, wait=wait) as lake:
        if verify:
            head, heads = lake.verify_journal()
            if format_ is Format.JSON:
                write_json({"version": 1, "rows": head.seq, "head": head.hash, "noted": heads})
                return
            out().message(f"The journal holds: {counted(head.seq, 'row')}, head {head.hash}")
            for name, noted in heads.items():
                row, _, hash_ = noted.partition(":")
                found = f"row {row}, {hash_[:10]}..., is noted in its Iceberg snapshot"
                out().message(f"  {name}: {found}, and in the chain")
            return
        entries = lake.journal(dataset, limit)
    if format_ is Format.JSON:
        write_json({"version": 1, "entries": [entry.to_json() for entry in entries]})
        return
    rows = [
        (
            str(entry.seq or "-"),
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            *(() if dataset else (entry.dataset,)),
            entry.event,
            entry.summary,
            (entry.hash or "not sealed")[:10],
        )
        for entry in entries
    ]
    columns = ["row", "at (UTC)", *([] if dataset else ["dataset"]), "event", "what", "hash"]
    out().table(columns, rows, right="row", fold="what")
