"""A query that DuckDB has parsed, written so that Spark reads the same names and texts in it.

Names in double quotes are texts to Spark, and a backslash in a text means something to it. What
functions do, and where NULLs are put, is as Spark has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from ..engine.sql import quote
from ..model.errors import QueryError
from ..model.names import folded
from ..query.owned import Owned
from ..query.parse import NOWHERE, Node, Splice, Statement, match_at, spliced
from ..query.plain import place_of

_NAME = rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)'
_ONE = re.compile(_NAME + rb"(?:\s*\(\s*\))?")
_QUALIFIER = re.compile(_NAME + rb"\s*\.\s*")
_WHOLE = re.compile(_NAME + rb"(?:\s*\.\s*" + _NAME + rb")*")
_TOKENS = re.compile(
    r"""
    (?<![\w$"])(?:[eExXbB]|[uU]&)' | '(?:[^']|'')*' | "(?:[^"]|"")*" | [$]\w*[$]
    | --[^\n\r]* | /[*].*?[*]/
    """,
    re.VERBOSE | re.DOTALL,
)
_JOINS = frozenset({"POSITIONAL", "ASOF"})
_OPERATORS = frozenset({"^", "**", "@", "//"})
"""What is another operator to Spark, or none."""
Place = tuple[str, str]
"""Schema and name, in lower case; no schema where none is said."""


def quoted(name: str) -> str:
    """Write an identifier for Spark."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: str) -> str:
    """Write a text for Spark."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def check(statement: Statement) -> None:
    """Check that a query means nothing else to Spark by its form.

    Raises:
        QueryError: it does.

    """
    for node in statement.nodes:
        if node.get("type") == "JOIN" and node["ref_type"] in _JOINS:
            raise QueryError(f"a {node['ref_type']} JOIN was refused: Spark has none")
        if node.get("is_operator") and node["function_name"] in _OPERATORS:
            raise QueryError(
                f"the operator {node['function_name']} was refused: Spark reads it otherwise"
            )


def tables(statement: Statement, owned: Owned) -> Iterator[tuple[Node, Place]]:
    """Yield the tables that a query names, and no name of a WITH where that is in force."""
    for node, given in _scoped(statement.nodes[0], frozenset()):
        schema, table = place_of(node, owned)
        if schema or table not in given:
            yield node, (schema, table)


def given_names(statement: Statement) -> frozenset[str]:
    """Return all names that a query gives in a WITH, in lower case."""
    return frozenset(
        folded(name)
        for node in statement.nodes
        for name in (*(key for key, _ in _ctes(node)), str(node.get("cte_name") or ""))
        if name
    )


def spoken(statement: Statement, owned: Owned, views: Mapping[Place, str], now: datetime) -> str:
    """Write a query for Spark.

    Args:
        views: What is asked for instead of each table.
        now: What time it is in the query, UTC.

    Raises:
        QueryError: something stands in a place that cannot be found again, or means something
            else to Spark.

    """
    splices = [*_clocks(statement, now)]
    for node, place in tables(statement, owned):
        found = _found(statement, node, _WHOLE)
        if not found or not _ends_with(statement.text, found, str(node["table_name"])):
            raise QueryError(f"{place[1]} is named where it cannot be read by Spark")
        alias = "" if node.get("alias") else f" AS {quote(str(node['table_name']))}"
        splices.append(Splice(*found, f"{quote(views[place])}{alias}"))
    for node in statement.nodes:
        names = [folded(str(name)) for name in node.get("column_names") or ()]
        if len(names) > 2 and (names[0], names[1]) in views:  # views have no schema
            found = _found(statement, node, _QUALIFIER)
            splices += [Splice(*found, "")] if found else []
    return _TOKENS.sub(_token, spliced(statement.text, splices))


def _clocks(statement: Statement, now: datetime) -> Iterator[Splice]:
    """Yield what takes the place of the time: it is that of the transaction, as for the guard."""
    instant, today = f"TIMESTAMP_LTZ '{now.isoformat(' ')}'", f"DATE '{now.date().isoformat()}'"
    said = {"now": instant, "current_timestamp": instant, "current_date": today, "today": today}
    for node in statement.nodes:
        columns = list(node.get("column_names") or [])
        name = folded(str(columns[0] if len(columns) == 1 else node.get("function_name") or ""))
        if name not in said or node.get("children") or (columns and not name.startswith("current")):
            continue  # `today` and `now` alone are columns
        found = _found(statement, node, _ONE)
        if not found:
            raise QueryError(f"{name} stands where it cannot be read by Spark")
        if statement.text.encode()[found[0] : found[0] + 1] != b'"':
            yield Splice(*found, said[name])


def _scoped(item: object, given: frozenset[str]) -> Iterator[tuple[Node, frozenset[str]]]:
    """Yield each table with the names that a WITH has given where it stands."""
    if isinstance(item, list):
        for part in item:
            yield from _scoped(part, given)
    if not isinstance(item, dict):
        return
    if item.get("type") == "BASE_TABLE":
        yield item, given
    own = folded(str(item.get("cte_name") or ""))
    for name, value in _ctes(item):
        yield from _scoped(value, given)  # it sees those before it
        given |= {folded(name)}
    for key, value in item.items():
        if key != "cte_map":
            sees_itself = own and key in ("right", "child")
            yield from _scoped(value, given | {own} if sees_itself else given)


def _ctes(node: Node) -> Iterator[tuple[str, object]]:
    ctes = node.get("cte_map")
    if isinstance(ctes, dict):
        for item in ctes.get("map", ()):
            yield str(item["key"]), item["value"]


def _found(statement: Statement, node: Node, pattern: re.Pattern[bytes]) -> tuple[int, int] | None:
    if node["query_location"] == NOWHERE:
        return None
    return match_at(statement.text, node, pattern)


def _ends_with(text: str, place: tuple[int, int], name: str) -> bool:
    """Say whether what stands at a place ends with a name."""
    last = text.encode()[place[0] : place[1]].decode(errors="replace").rpartition(".")[2].strip()
    plain = last[1:-1].replace('""', '"') if last.startswith('"') else last
    return folded(plain) == folded(name)


def _token(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] == "'":
        return literal(token[1:-1].replace("''", "'"))
    if token[0] == '"':
        return quoted(token[1:-1].replace('""', '"'))
    if token[0] in "-/":
        if "/*" in token[2:]:
            raise QueryError("a comment in a comment was refused: Spark may end it elsewhere")
        return " "
    raise QueryError(f"a text after {token.strip(chr(39))} was refused: Spark has it otherwise")
