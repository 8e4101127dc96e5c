"""Control as rows of text: every row of its tables as JSON, beside the table's name.

What was written by an older version of Isotherm is read as well: columns that came later are NULL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ..engine.sql import quote, text
from ..model.errors import ConfigError
from ..warehouse.base import Transaction
from . import migrations

QUARANTINE = "quarantine"
"""The table of rows that could not be loaded: it may be large, and is kept apart."""
LEASES = "leases"
UNTOLD = "hashed"
"""A column that stays in control: what an object's rows were hashed to before somebody's left it,
and after, tells what theirs hash to. No copy may outlive the part."""
OPTIONS = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false"
SMALL = (
    "migrations",
    "settings",
    "datasets",
    "parts",
    "pins",
    "intents",
    "journal",
    "requests",
    "removals",
    "loads",
    "loaded_periods",
    "tags",
    "holds",
    "erasures",
    "forgotten",
)
"""All other tables but that of leases, which say who is at work now."""


def rows(table: str, where: str = "TRUE") -> str:
    """Return the query of a table's rows: `name` of the table, and `content` as JSON."""
    told = f"(SELECT COLUMNS(c -> c <> {text(UNTOLD)}) FROM isotherm.{table} WHERE {where})"
    return (
        f"SELECT {text(table)} AS name, to_json(whole_row)::VARCHAR AS content "
        f"FROM {told} AS whole_row"
    )


def write(
    tx: Transaction, tables: Iterable[str], path: str, more: Iterable[tuple[str, str]] = ()
) -> None:
    """Write tables to a Parquet file.

    Args:
        more: Further rows, name and content.

    """
    selects = [rows(table) for table in tables]
    selects += [f"SELECT {text(name)}, {text(content)}" for name, content in more]
    query = " UNION ALL ".join(selects)
    tx.session.execute(f"COPY ({query}) TO {text(path)} ({OPTIONS})")


def fill(tx: Transaction, source: str, tables: Sequence[str]) -> None:
    """Add rows to tables of control.

    Args:
        source: The SQL of a relation with `name` and `content`, as `rows` returns them.

    """
    for table in tables:
        found = tx.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE "
            "table_schema = 'isotherm' AND table_name = ? AND table_catalog = current_database() "
            "ORDER BY ordinal_position",
            [table],
        )
        structure = json.dumps(dict(found))
        names = ", ".join(quote(name) for name, _ in found)
        values = ", ".join(f"r.{quote(name)}" for name, _ in found)
        tx.session.execute(
            f"INSERT INTO isotherm.{table} ({names}) SELECT {values} FROM "
            f"(SELECT from_json(content, {text(structure)}) AS r FROM {source} "
            f"WHERE name = {text(table)})"
        )


def replace_all(tx: Transaction, source: str) -> None:
    """Make control anew with the rows of a dump; what there was of it is gone.

    Raises:
        ConfigError: the dump was written by a newer Isotherm.

    """
    versions = "(json_extract_string(content, '$.version'))::BIGINT"
    found = tx.session.execute(
        f"SELECT coalesce(max({versions}), 0) FROM {source} WHERE name = 'migrations'"
    )
    migrations.check_known(int(found[0][0]))
    drop(tx)
    migrations.migrate(tx)
    tx.execute("DELETE FROM isotherm.settings")
    fill(tx, source, [table for table in (*SMALL, QUARANTINE) if table != "migrations"])


def drop(tx: Transaction) -> None:
    """Drop every table of control that is there."""
    for name in sorted(tables(tx)):
        tx.execute(f"DROP TABLE isotherm.{name}")


def tables(tx: Transaction) -> frozenset[str]:
    """Return the tables of control that are there."""
    found = tx.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'isotherm' "
        "AND table_catalog = current_database()"
    )
    return frozenset(name for (name,) in found) & {*SMALL, QUARANTINE, LEASES}


def setting(tx: Transaction, source: str, name: str) -> str:
    """Return a setting that a dump holds.

    Raises:
        ConfigError: it has none of that name: it is no dump of control.

    """
    found = tx.session.execute(
        f"SELECT json_extract_string(content, '$.value') FROM {source} WHERE name = 'settings' "
        f"AND json_extract_string(content, '$.name') = {text(name)}"
    )
    if not found:
        raise ConfigError("it holds no control of a lake")
    return str(found[0][0])
