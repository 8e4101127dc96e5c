"""`isotherm status`: where every partition stands, what it costs, what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cost.amounts import money, size
from .options import (
    DEFAULT_CONFIG,
    AnyDataset,
    AsOf,
    ConfigFile,
    Format,
    OutputFormat,
    Wait,
    opened,
    read_as_of,
)
from .output import Console, count, counted, out, write_json

if TYPE_CHECKING:
    from ..plan.status import DatasetStatus, Standing

COLUMNS = (
    "period",
    "age",
    "tier",
    "rows",
    "size",
    "objects",
    "a month",
    "due",
)


def run(
    dataset: AnyDataset = None,
    as_of: AsOf = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: OutputFormat = Format.TABLE,
    wait: Wait = 0.0,
) -> None:
    """Show a line a partition: age, tier, rows, size, dollars a month, and what is due."""
    with opened(config, read_only=True, wait=wait) as lake:
        status = lake.status(dataset, as_of=read_as_of(as_of))
    if format_ is Format.JSON:
        write_json(status.to_json())
        return
    console = out()
    if not status.datasets:
        console.message("There are no datasets: write a [datasets.<name>] section in the config.")
    for item in status.datasets:
        _show(console, item)


def _show(console: Console, status: DatasetStatus) -> None:
    paused = ", paused" if status.paused else ""
    console.message(f"{status.dataset}, by {status.unit}{paused}", style="bold")
    if not status.partitions:
        console.message("  no rows that age")
    else:
        console.table(COLUMNS, map(_row, status.partitions), right="age rows size objects a_month")
    for item in status.ageless:
        where = f": {', '.join(map(str, item.periods))}" if item.periods else ""
        stay = "stays" if item.rows == 1 else "stay"
        console.message(f"{counted(item.rows, 'row')} {stay} hot for ever, {item.reason}{where}")
    _totals(console, status)


def _row(line: Standing) -> tuple[str, ...]:
    return (
        str(line.period),
        str(line.age),
        _tier(line),
        count(line.rows),
        size(line.bytes),
        str(line.objects),
        money(line.dollars),
        _due(line),
    )


def _tier(line: Standing) -> str:
    """Say the tier that is billed, and where S3 still has the objects that its rules move."""
    late = " + late" if line.late_rows else ""
    return line.tier.name + late + "".join(f", in {now}" for now in sorted(line.on_s3))


def _due(line: Standing) -> str:
    """Say in a few words what happens next."""
    words = [f"{move.kind} to {move.target}" for move in line.moves]
    words += [f"{refusal.cause}, stays" for refusal in line.refused]
    if line.restored_until:
        words.append(f"readable until {line.restored_until:%Y-%m-%d %H:%M}")
    if line.late_rows and not line.moves:
        words.append(f"{count(line.late_rows)} late rows")
    return "; ".join(words)


def _totals(console: Console, status: DatasetStatus) -> None:
    rows = [
        (
            total.tier.name,
            count(total.rows),
            size(total.bytes),
            str(total.objects),
            money(total.dollars),
        )
        for total in status.tiers
    ]
    if rows:
        console.message("")
        console.table(
            ("tier", "rows", "size", "objects", "a month"), rows, right="rows size objects a_month"
        )
    console.message(
        f"{money(status.dollars)} a month; all of it hot would be {money(status.dollars_all_hot)}."
    )
