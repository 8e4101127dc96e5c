"""What control remembers of datasets: by which clock and period their cold rows were cut.

A config that says otherwise would have queries look for cold rows where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..model.dataset import Dataset, TableName
from ..model.errors import ConfigError
from ..warehouse.base import Transaction

_COLUMNS = "dataset, table_name, clock, unit, created_at"


def remember(tx: Transaction, dataset: Dataset, now: datetime) -> None:
    """Write a dataset down, and where its table is now."""
    table = str(dataset.table)
    rows = tx.execute("SELECT table_name FROM isotherm.datasets WHERE dataset = ?", [dataset.name])
    if not rows:
        tx.execute(
            f"INSERT INTO isotherm.datasets ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
            [dataset.name, table, dataset.clock, dataset.unit.value, now],
        )
    elif rows[0][0] != table:
        tx.execute(
            "UPDATE isotherm.datasets SET table_name = ? WHERE dataset = ?", [table, dataset.name]
        )


def touch(tx: Transaction, name: str) -> None:
    """Meet whoever else does this at the same time: of two transactions one then fails.

    What is deleted and what is held must not pass each other unseen.
    """
    tx.execute(
        "UPDATE isotherm.datasets SET touched = coalesce(touched, 0) + 1 WHERE dataset = ?", [name]
    )


def remembered(tx: Transaction, name: str) -> tuple[TableName, str] | None:
    """Return table and clock of a dataset as they were written down; None if it never was."""
    rows = tx.execute("SELECT table_name, clock FROM isotherm.datasets WHERE dataset = ?", [name])
    return (TableName.parse(rows[0][0]), rows[0][1]) if rows else None


def check(tx: Transaction, datasets: Mapping[str, Dataset], where: str) -> None:
    """Hold the datasets of the config against what stands of them: cold rows, cases, requests.

    Args:
        where: The config file, for the error.

    Raises:
        ConfigError: one is missing, or has another clock or period now.

    """
    _check_named(tx, datasets, where)
    rows = tx.execute(
        "SELECT dataset, table_name, clock, unit FROM isotherm.datasets d WHERE EXISTS "
        "(SELECT 1 FROM isotherm.parts p WHERE p.dataset = d.dataset) ORDER BY dataset"
    )
    for name, table, clock, unit in rows:
        dataset = datasets.get(name)
        if dataset is None:
            raise ConfigError(
                f"{where}: there is no dataset {name}, but {table} has cold rows under this name",
                hint=f'Put it back: [datasets.{name}] table = "{table}", clock = "{clock}", '
                f'period = "{unit}". A query would miss its cold rows without.',
            )
        if dataset.unit.value != unit:
            raise ConfigError(
                f'{where}: datasets.{name}.period: found "{dataset.unit}", but its cold rows are '
                f"cut by the {unit}",
                hint=f'Set it back: period = "{unit}"',
            )
        _check_clock(dataset, clock, f"its cold rows are cut by {clock}", where)


def _check_named(tx: Transaction, datasets: Mapping[str, Dataset], where: str) -> None:
    """Check that what a case holds, or a request is about, is still what it was."""
    rows = tx.execute(
        "SELECT d.dataset, table_name, clock, what FROM isotherm.datasets d, "
        "(SELECT dataset, 'case ' || case_name || ' holds rows' AS what FROM isotherm.holds "
        "WHERE released_at IS NULL UNION ALL "
        "SELECT dataset, 'request ' || case_name || ' is about rows' FROM isotherm.erasures "
        "WHERE proven_at IS NULL AND withdrawn_at IS NULL) n "
        "WHERE n.dataset = d.dataset ORDER BY d.dataset, what"
    )
    for name, table, clock, what in rows:
        dataset = datasets.get(name)
        if dataset is None:
            raise ConfigError(
                f"{where}: there is no dataset {name}, but {what} of {table} under this name",
                hint=f'Put it back: [datasets.{name}] table = "{table}", clock = "{clock}". Once '
                "that has ended, it may have another name.",
            )
        _check_clock(dataset, clock, f"{what} by the time of {clock}", where)


def _check_clock(dataset: Dataset, before: str, why: str, where: str) -> None:
    """Check that a dataset's clock is what it was, whatever it is called now."""
    old_names = [old for old, new in dataset.renamed.items() if new == dataset.clock]
    if before not in (dataset.clock, *old_names):
        raise ConfigError(
            f'{where}: datasets.{dataset.name}.clock: found "{dataset.clock}", but {why}',
            hint=f'Set it back: clock = "{before}". Was the column renamed? '
            f'renamed = {{ {before} = "{dataset.clock}" }}',
        )
