"""A query that DuckDB has parsed, written so that Spark reads the same names and texts in it.

Names in double quotes are texts to Spark, and a backslash in a text means something to it. What
functions do, and where NULLs are put, is as Spark has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..engine.sql import quote
from ..model.errors import QueryError
from ..query.owned import Owned
from ..query.parse import NOWHERE, Node, Splice, Statement, match_at, spliced
from ..query.plain import place_of

_NAME = rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)'
_QUALIFIER = re.compile(_NAME + rb"\s*\.\s*")
_WHOLE = re.compile(_NAME + rb"(?:\s*\.\s*" + _NAME + rb")*")
_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | [$]\w*[$] | --[^\n]* | /[*].*?[*]/""",
    re.VERBOSE | re.DOTALL,
)


def quoted(name: str) -> str:
    """Write an identifier for Spark."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: str) -> str:
    """Write a text for Spark."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def tables(statement: Statement, owned: Owned) -> Iterator[tuple[Node, tuple[str, str]]]:
    """Yield the tables that a query names, with schema (empty if not said) and name."""
    shared = shared_names(statement)
    for node in statement.nodes:
        if node.get("type") == "BASE_TABLE":
            schema, table = place_of(node, owned)
            if schema or table not in shared:
                yield node, (schema, table)


def shared_names(statement: Statement) -> frozenset[str]:
    """Return the names that a query gives in a WITH, in lower case."""
    tables = (node.get("cte_map") for node in statement.nodes)
    return frozenset(
        str(item["key"]).casefold()
        for table in tables
        if isinstance(table, dict)
        for item in table.get("map", ())
    )


def spoken(statement: Statement, owned: Owned, views: Mapping[tuple[str, str], str]) -> str:
    """Write a query for Spark.

    Args:
        views: What is asked for instead of a table, by schema and name.

    Raises:
        QueryError: a table is named in a place that cannot be found again.

    """
    splices = []
    for node, place in tables(statement, owned):
        found = None
        if node["query_location"] != NOWHERE:
            found = match_at(statement.text, node, _WHOLE)
        if not found:
            raise QueryError(f"{place[1]} is named where it cannot be read by Spark")
        alias = "" if node.get("alias") else f" AS {quote(str(node['table_name']))}"
        splices.append(Splice(*found, f"{quote(views[place])}{alias}"))
    for node in statement.nodes:
        names = [str(name).casefold() for name in node.get("column_names") or ()]
        if len(names) > 2 and (names[0], names[1]) in views:  # views have no schema
            found = match_at(statement.text, node, _QUALIFIER)
            splices += [Splice(*found, "")] if found else []
    return _TOKENS.sub(_token, spliced(statement.text, splices))


def _token(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] == "'":
        return literal(token[1:-1].replace("''", "'"))
    if token[0] == '"':
        return quoted(token[1:-1].replace('""', '"'))
    if token[0] == "$":
        raise QueryError(f"a text in {token} was refused: Spark knows those in quotes alone")
    return " "  # a comment
