"""Native partitions of PostgreSQL: which of them hold one period each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from ..engine.base import Row
from ..engine.sql import text
from ..model.dataset import TableName
from ..model.period import Period

_BOUNDS = re.compile(r"FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)")


def find(
    native: Callable[[str], list[Row]],
    regclass: str,
    clock: str,
    periods: Iterable[Period],
    privilege: str,
) -> tuple[TableName, ...]:
    """Return the range partitions of a table whose bounds are those of a period.

    Args:
        native: Runs a query on the server.
        regclass: The table, as an expression of its oid.
        privilege: SQL over `c`, the partition in pg_class, that holds where we may act on it.

    """
    rows = native(
        "SELECT n.nspname::text AS schema, c.relname::text AS name, "
        "pg_get_expr(c.relpartbound, c.oid) AS bounds FROM pg_partitioned_table p "
        "JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] "
        "JOIN pg_inherits i ON i.inhparent = p.partrelid JOIN pg_class c ON c.oid = i.inhrelid "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.partrelid = {regclass} "
        f"AND p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = {text(clock)} "
        f"AND c.relkind = 'r' AND {privilege} ORDER BY 1, 2"
    )
    wanted = {(period.start, period.end) for period in periods}
    found = []
    for schema, name, said in rows:
        bounds = _BOUNDS.fullmatch(said)
        if bounds and tuple(_instant(bound) for bound in bounds.groups()) in wanted:
            found.append(TableName(schema, name))
    return tuple(found)


def _instant(bound: str) -> datetime | None:
    """Read a bound; none that is no date of ours, as MINVALUE or a year before Christ."""
    try:
        found = datetime.fromisoformat(bound)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
