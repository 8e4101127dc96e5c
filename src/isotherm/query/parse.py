"""What a user's SQL is, before anything of it runs: one query, over the datasets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from ..engine.duckdb import DuckDBSession
from ..model.errors import QueryError

TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"}
)
"""Table functions that read no file."""

_FILE = re.compile(r"[/\\*]|\.(csv|tsv|json|ndjson|jsonl|parquet|db|duckdb|gz|zst|txt)$", re.I)
_NOW = re.compile(r"\b(now\s*\(|current_timestamp|get_current_timestamp)", re.I)
_ZONE = re.compile(r"time\s*zone", re.I)


def check(session: DuckDBSession, sql: str, *, allow_files: bool) -> str:
    """Check that `sql` is exactly one query, and return it without its semicolon.

    Raises:
        QueryError: it is none, several, or writes; or it reads files that are no dataset.

    """
    try:
        statements = session.cursor.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(f"this SQL cannot be parsed: {error}") from error
    if len(statements) != 1:
        raise _not_one(sql, len(statements))
    statement = statements[0]
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError(
            f"a {statement.type.name} statement was refused: isotherm sql only reads",
            hint="Write one SELECT. Rows get in by: isotherm load",
        )
    text = statement.query.strip().rstrip(";").rstrip()
    if not allow_files:
        _refuse_files(session, text)
    return text


def says_now(sql: str) -> bool:
    """Say whether `now()` can be read as a TIMESTAMP of UTC without changing what `sql` means."""
    return bool(_NOW.search(sql)) and not _ZONE.search(sql)


def _not_one(sql: str, count: int) -> QueryError:
    if count == 0:
        return QueryError("there is no statement in this SQL")
    if re.search(r"\bpivot\b", sql, re.I):
        return QueryError(
            "this PIVOT needs two statements, and isotherm sql runs exactly one",
            hint="Name the values: PIVOT t ON column IN ('a', 'b') USING sum(x)",
        )
    return QueryError(f"{count} statements were given, and isotherm sql runs exactly one")


def _refuse_files(session: DuckDBSession, sql: str) -> None:
    row = session.execute("SELECT json_serialize_sql(?)", [sql])[0]
    tree = json.loads(row[0])
    if tree.get("error"):
        raise QueryError(f"this SQL was refused: {tree.get('error_message')}")
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS and not name.startswith(("duckdb_", "pragma_")):
                raise _files(f"the table function {name}")
        elif node.get("type") == "BASE_TABLE" and _FILE.search(str(node.get("table_name"))):
            raise _files(f"the file {node.get('table_name')}")


def _files(what: str) -> QueryError:
    return QueryError(
        f"{what} was refused: it may read files that are no dataset",
        hint="If you mean it, add --allow-files.",
    )


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def without_catalog(session: DuckDBSession, sql: str, catalog: str) -> str:
    """Return `sql` with the warehouse file's own name taken off its tables.

    `warehouse.main.trips` then means what `main.trips` means: the whole dataset.
    """
    if not re.search(rf"\b{re.escape(catalog)}\b\"?\s*\.", sql, re.I):
        return sql
    tree = json.loads(session.execute("SELECT json_serialize_sql(?)", [sql])[0][0])
    named = [
        node
        for node in _nodes(tree)
        if node.get("type") == "BASE_TABLE"
        and str(node.get("catalog_name")).lower() == catalog.lower()
    ]
    if not named:
        return sql
    for node in named:
        node["catalog_name"] = ""
    return str(session.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)])[0][0])
