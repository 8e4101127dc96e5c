"""What `isotherm sql --explain` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cost.amounts import money, size
from .output import count, out, write_json

if TYPE_CHECKING:
    from ..query.estimate import Estimate, TierRead

COLUMNS = ("dataset", "tier", "periods", "files", "rows", "of files", "of columns", "requests cost")


def show(estimate: Estimate, as_json: bool) -> None:
    """Write what a query will read and cost."""
    if as_json:
        write_json(estimate.to_json())
        return
    console = out()
    if estimate.reads:
        rows = map(_row, estimate.reads)
        console.table(COLUMNS, rows, right="files rows of_files of_columns requests_cost")
    else:
        console.message("The query reads no dataset.")
    for note in estimate.notes:
        console.message(note, style="yellow")
    for item in estimate.refused:
        console.message(
            f"Archived: {item.dataset} {item.periods} in {item.tier}, {count(item.rows)} rows; "
            f"restoring costs {money(item.dollars)} and takes up to {item.hours:g} h.",
            style="yellow",
        )
    console.message(
        f"On Amazon Redshift Spectrum the scan would cost {money(estimate.dollars_scan)}, "
        f"and requests and retrieval {money(estimate.dollars_retrieval)}."
    )


def _row(item: TierRead) -> tuple[str, ...]:
    return (
        item.dataset,
        f"{item.tier}, restored" if item.restored else item.tier,
        item.periods or "-",
        count(item.files),
        f"about {count(item.rows)}" if item.tier == "hot" and item.rows else count(item.rows),
        size(item.bytes) if item.files else "-",
        size(item.column_bytes) if item.files else "-",
        money(item.dollars),
    )
