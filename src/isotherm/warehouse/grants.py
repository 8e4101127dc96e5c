"""What a role of PostgreSQL has to be granted; nothing of it needs a superuser."""

from __future__ import annotations

from collections.abc import Iterable

from ..engine.sql import quote
from ..model.dataset import TableName


def grants(database: str, role: str, tables: Iterable[TableName]) -> tuple[str, ...]:
    """Return the statements for whoever owns the database and the tables.

    Args:
        tables: Those of the datasets.

    """
    tables = sorted(tables)
    to = f"TO {quote(role)}"
    return (
        f"GRANT CONNECT, TEMPORARY ON DATABASE {quote(database)} {to}",
        f"CREATE SCHEMA IF NOT EXISTS isotherm AUTHORIZATION {quote(role)}",
        *(f"GRANT USAGE ON SCHEMA {quote(s)} {to}" for s in sorted({t.schema for t in tables})),
        *(f"GRANT SELECT, INSERT, DELETE ON {quote(t.schema, t.name)} {to}" for t in tables),
    )
