"""What PostgreSQL's own catalog says of tables: columns, sizes, and who else depends on rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..engine.base import Row
from ..engine.sql import quote, text
from ..model.dataset import TableName

Native = Callable[[str], list[Row]]
"""Runs a query on the server."""
SAMPLE_ROWS = 10_000
"""So many rows are measured to say how large one is."""
ROW_BYTES = 28
"""Of each row beside its values: its header, and where in the page it is."""
_HIDDEN = "'pg_catalog', 'information_schema', 'pg_toast'"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What forbids that rows of a table are moved, and what to do about it."""

    what: str
    hint: str


def name_of(table: TableName) -> str:
    """Return the table's name as the server's SQL."""
    return quote(table.schema, table.name)


def regclass(table: TableName) -> str:
    """Return an expression of the table's oid; NULL where there is none."""
    return f"to_regclass({text(name_of(table))})::oid"


def columns(native: Native, table: TableName, *, enums: bool = False) -> list[Row]:
    """Return name and type of each column, in order.

    Args:
        enums: Call an enum so; it is text if not, of which it has some values.

    """
    return native(
        f"SELECT attname::text, CASE WHEN typtype = 'e' THEN '{'enum' if enums else 'text'}' "
        "ELSE format_type(atttypid, atttypmod) END AS type "
        "FROM pg_attribute JOIN pg_type t ON t.oid = atttypid "
        f"WHERE attrelid = {regclass(table)} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )


def computed(native: Native, table: TableName) -> frozenset[str]:
    """Return the columns whose values the server computes from others of the row."""
    rows = native(
        f"SELECT attname::text FROM pg_attribute WHERE attrelid = {regclass(table)} "
        "AND attnum > 0 AND attgenerated <> ''"
    )
    return frozenset(row[0] for row in rows)


def row_bytes(native: Native, table: TableName) -> float:
    """Return how many bytes a row takes on average; what the table has free is not counted."""
    sizes = [f"coalesce(pg_column_size({quote(row[0])}), 0)" for row in columns(native, table)]
    rows = native(
        f"SELECT avg({' + '.join(sizes) or 0})::float8 FROM "
        f"(SELECT * FROM {name_of(table)} LIMIT {SAMPLE_ROWS}) AS sample"
    )
    return ROW_BYTES + float(rows[0][0] or 0)


def schemas(native: Native) -> tuple[str, ...]:
    """Return the schemas, the default one first."""
    rows = native(
        "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' "
        "AND nspname <> 'information_schema' ORDER BY nspname <> 'public', 1"
    )
    return tuple(row[0] for row in rows)


def tables(native: Native) -> frozenset[tuple[str, str]]:
    """Return the tables and what else can be read like one, by schema and name."""
    rows = native(
        "SELECT nspname::text, relname::text FROM pg_class "
        "JOIN pg_namespace n ON n.oid = relnamespace "
        f"WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT IN ({_HIDDEN})"
    )
    return frozenset((schema, name) for schema, name in rows)


def partial(native: Native) -> Mapping[tuple[str, str], Sequence[TableName]]:
    """Return what shows rows of a table, of which the server knows those alone that it has.

    Views over the table, its partitions, and what it is itself a partition of.
    """
    rows = native(
        "WITH RECURSIVE views AS ("
        "SELECT r.ev_class AS upper, d.refobjid AS lower FROM pg_rewrite r "
        "JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass "
        "AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class), "
        "below AS (SELECT * FROM views UNION SELECT inhrelid, inhparent FROM pg_inherits), "
        # Apart from the others: a partition's neighbour shows none of its rows.
        "above AS (SELECT * FROM views UNION SELECT inhparent, inhrelid FROM pg_inherits), "
        "down AS (SELECT * FROM below UNION SELECT down.upper, below.lower FROM down "
        "JOIN below ON down.lower = below.upper), "
        "up AS (SELECT * FROM above UNION SELECT up.upper, above.lower FROM up "
        "JOIN above ON up.lower = above.upper) "
        "SELECT un.nspname::text AS upper_schema, u.relname::text AS upper_name, "
        "ln.nspname::text AS lower_schema, l.relname::text AS lower_name "
        "FROM (SELECT * FROM down UNION SELECT * FROM up) AS reach "
        "JOIN pg_class u ON u.oid = upper JOIN pg_namespace un ON un.oid = u.relnamespace "
        "JOIN pg_class l ON l.oid = lower JOIN pg_namespace ln ON ln.oid = l.relnamespace "
        f"WHERE un.nspname NOT IN ({_HIDDEN}) AND ln.nspname NOT IN ({_HIDDEN})"
    )
    found: dict[tuple[str, str], list[TableName]] = {}
    for schema, name, below_schema, below in rows:
        found.setdefault((schema, name), []).append(TableName(below_schema, below))
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a table has its rows, and which of them a snapshot has.

    Attributes:
        oldest: The number of the oldest transaction that was at work when the snapshot was taken.
        relations: The oids of the table and its partitions, those that have rows; none if there is
            no such table.
        numbered: Whether each of their rows has the number of the transaction that wrote it.

    """

    oldest: str
    relations: tuple[str, ...]
    numbered: bool


INCARNATION = (
    "SELECT pg_postmaster_start_time()::text AS since, coalesce(inet_server_addr()::text, '') AS at"
)
"""The query of what tells a server from another one that has taken its place."""


def kept(native: Native, table: TableName) -> Kept:
    """Return where a table has its rows at this snapshot; nobody renames it while that is open.

    What is detached meanwhile, or attached, is not among them: they are those that are locked.
    """
    if native(f"SELECT {regclass(table)} IS NULL AS is_missing") == [(True,)]:
        return Kept("", (), numbered=False)
    native(f"SELECT count(*) AS none FROM (SELECT FROM {name_of(table)} LIMIT 0) AS nothing")
    ((oldest, relations, numbered),) = native(
        f"WITH RECURSIVE family AS (SELECT {regclass(table)} AS oid UNION ALL "
        "SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = family.oid) "
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text AS oldest, "
        "coalesce(string_agg(c.oid::text, ' '), '') AS relations, "
        "coalesce(bool_and(relkind = 'r' AND amname = 'heap'), true) AS numbered "
        "FROM family JOIN pg_class c ON c.oid = family.oid LEFT JOIN pg_am a ON a.oid = relam "
        "WHERE relkind <> 'p' AND c.oid IN (SELECT relation FROM pg_locks "
        "WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted)"
    )
    return Kept(oldest, tuple(relations.split()), numbered)


def obstacle(native: Native, table: TableName) -> Obstacle | None:
    """Say why rows of a table must not be moved: what it is, or what would happen with them."""
    rows = native(_OBSTACLES.format(table=regclass(table)))
    if not rows:
        return None
    kind, name, where = rows[0]
    what, hint = _WORDS[kind]
    return Obstacle(
        f"rows of {table} cannot be moved: {what.format(name=name, where=where)}",
        f"Nothing was moved. {hint.format(name=name, where=where)}",
    )


_OBSTACLES = """
WITH RECURSIVE top AS (SELECT * FROM pg_class WHERE oid = {table}),
family AS (
    SELECT oid FROM top UNION ALL
    SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = family.oid)
SELECT kind, name, place FROM (
    SELECT 'relation' AS kind, '' AS name, '' AS place, 1 AS rank
    FROM top WHERE relkind NOT IN ('r', 'p')
    UNION ALL
    SELECT 'children', inhrelid::regclass::text, '', 2
    FROM top JOIN pg_inherits ON inhparent = oid WHERE relkind = 'r'
    UNION ALL
    SELECT 'foreign', c.oid::regclass::text, '', 2
    FROM pg_class c JOIN family ON c.oid = family.oid WHERE relkind = 'f'
    UNION ALL
    SELECT 'key', conname::text, conrelid::regclass::text, 3
    FROM pg_constraint JOIN family ON confrelid = family.oid
    WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd')
    UNION ALL
    SELECT 'trigger', quote_ident(tgname), tgrelid::regclass::text, 4
    FROM pg_trigger JOIN family ON tgrelid = family.oid
    WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgtype & 8 <> 0
    UNION ALL
    SELECT 'rule', quote_ident(rulename), ev_class::regclass::text, 5
    FROM pg_rewrite JOIN family ON ev_class = family.oid
    WHERE ev_type = '4' AND ev_enabled <> 'D') AS found
ORDER BY rank, name, place LIMIT 1
"""
_WORDS = {
    "relation": ("it is no table", "Write the table that has the rows in isotherm.toml."),
    "children": (
        "{name} inherits from it, and its own columns would be lost",
        "Make it a partitioned table, or end it: ALTER TABLE {name} NO INHERIT ...",
    ),
    "foreign": (
        "its partition {name} lies on another server, whose deletion would not be of one piece "
        "with the rest",
        "Detach it: ALTER TABLE ... DETACH PARTITION {name}",
    ),
    "key": (
        "with them the foreign key {name} would delete or change rows of {where}",
        "Make it ON DELETE RESTRICT, or drop it.",
    ),
    "trigger": (
        "the trigger {name} would run for their deletion",
        "Disable it while rows are moved: ALTER TABLE {where} DISABLE TRIGGER {name}",
    ),
    "rule": (
        "the rule {name} would run for their deletion",
        "Disable it while rows are moved: ALTER TABLE {where} DISABLE RULE {name}",
    ),
}
"""By the kind of an obstacle: what it is, and what to do."""
