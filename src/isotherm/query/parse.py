"""What a user's SQL is, before anything of it runs: one query, as text and as a tree.

The tree is DuckDB's own, by `json_serialize_sql`. Where SQL has to be changed, its text is: pieces
of it are replaced at the places that the tree names, and the rest stays as it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.session import DuckDBSession
from ..model.errors import QueryError

Node = Mapping[str, Any]

_SPACES = re.compile(
    r"""
    (['"]).*?(?:\1|\Z) | --[^\n\r]* | [$]((?:[^\W\d]\w*)?)[$].*?(?:[$]\2[$]|\Z)
    | (?P<space>[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff])
    """,
    re.VERBOSE | re.DOTALL,
)
"""Spaces that DuckDB makes plain before it counts the places of what it has parsed.

It passes over strings, names and comments that begin with two dashes, not over other comments.
"""

NOWHERE = 2**64 - 1
"""What DuckDB writes for the place of a node that has none."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One query.

    Attributes:
        nodes: Of its syntax tree, as `json_serialize_sql` gives it.

    """

    text: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Splice:
    """A piece of SQL that is to be replaced; places count bytes of UTF-8."""

    start: int
    end: int
    text: str


def one_query(session: DuckDBSession, sql: str) -> Statement:
    """Check that `sql` is exactly one query.

    Raises:
        QueryError: it is none, several, or does something else than read.

    """
    sql = _SPACES.sub(lambda found: " " if found["space"] else found[0], sql)
    try:
        tree = json.loads(session.execute("SELECT json_serialize_sql(?)", [sql])[0][0])
    except RecursionError:
        raise QueryError("this SQL is nested too deeply") from None
    if not tree.get("error") and len(tree["statements"]) == 1:
        statement = Statement(sql, tuple(nodes(tree["statements"][0]["node"])))
        if any(node.get("class") == "PARAMETER" for node in statement.nodes):
            raise QueryError("this query has a parameter: write its value in its place")
        return statement
    if tree.get("error_type") == "parser":
        raise QueryError(f"this SQL cannot be parsed: {tree['error_message']}")
    raise _refusal(session, sql)


def nodes(tree: object) -> Iterator[Node]:
    """Yield every node of a tree, or of a part of one."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return `text` with pieces of it replaced."""
    raw = text.encode()
    for splice in sorted(set(splices), key=lambda s: s.start, reverse=True):
        raw = raw[: splice.start] + splice.text.encode() + raw[splice.end :]
    return raw.decode()


def match_at(text: str, node: Node, pattern: re.Pattern[bytes]) -> tuple[int, int] | None:
    """Return where `pattern` begins and ends in `text` at the node's place; None if not there."""
    found = pattern.match(text.encode(), node["query_location"])
    return (found.start(), found.end()) if found else None


def _refusal(session: DuckDBSession, sql: str) -> QueryError:
    """Say what it is that is not one query."""
    kinds = [item.type.name for item in session.cursor.extract_statements(sql)]
    if not kinds:
        return QueryError("there is no statement in this SQL")
    if re.search(r"\bpivot\b", sql, re.IGNORECASE) and kinds[-1] == "SELECT":
        return QueryError(
            "this PIVOT needs two statements, and isotherm sql runs exactly one",
            hint="Name the values: PIVOT t ON column IN ('a', 'b') USING sum(x)",
        )
    if len(kinds) > 1:
        return QueryError(f"{len(kinds)} statements were given, and isotherm sql runs exactly one")
    kind = (re.match(r"\s*(\w+)", sql) or [kinds[0], kinds[0]])[1].upper()
    if kinds[0] == "EXPLAIN":
        hint = "What a query will read and cost is shown by: isotherm sql --explain"
    else:
        hint = "Write one SELECT. Rows get in by: isotherm load"
    return QueryError(f"{kind} was refused: isotherm sql only reads", hint=hint)
