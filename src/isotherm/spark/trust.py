"""What of a query means the same to DuckDB and to Spark, as far as the clock is concerned.

The guard asks DuckDB which partitions a query may need. What Spark could read otherwise is taken
out of the query before; where that cannot be done, every partition is needed.
"""

from __future__ import annotations

import re

from ..query.parse import NOWHERE, Node, Splice, Statement, spliced

# fmt: off
_SAME = frozenset({
    "+", "-", "*", "/", "%", "||", "~~", "!~~", "~~*", "!~~*", "abs", "round", "floor", "ceil",
    "count", "count_star", "sum", "avg", "min", "max", "any_value", "stddev", "variance",
    "row_number", "rank", "dense_rank", "ntile", "lag", "lead", "first_value", "last_value",
    "lower", "upper", "trim", "length", "concat", "replace", "coalesce", "nullif", "greatest",
    "least", "date_trunc", "year", "quarter", "month", "day", "now", "current_date",
    "current_timestamp", "to_years", "to_months", "to_days", "to_hours", "to_minutes",
    "to_seconds",
})
# fmt: on
"""Functions that do not differ where they say something of the clock."""
_LIKE_A_DATE = re.compile(r"\s*[+-]?\d{1,6}-\d")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?")


_CALL = re.compile(
    rb"""(?:(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)\s*[.]\s*)*(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)\s*[(]"""
)
_PIECE = re.compile(rb"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[^'"()]+""")
UNKNOWN = "error('it is not for DuckDB to know')"
"""What has no type and no statistics: nothing can be proved of it."""


def opaque(statement: Statement) -> str | None:
    """Return a query in which DuckDB knows nothing of what Spark might see otherwise.

    None if there is no such query: then every partition may be needed.
    """
    if not all(map(_is_plain, statement.nodes)):
        return None
    splices = []
    for node in statement.nodes:
        if str(node.get("function_name", "count")).casefold() in _SAME:
            continue
        extent = _call(statement.text.encode(), int(node["query_location"]))
        if extent is None:
            return None
        splices.append(Splice(*extent, UNKNOWN))
    outer = [s for s in splices if not any(_holds(other, s) for other in splices)]
    return spliced(statement.text, outer)


def _is_plain(node: Node) -> bool:
    """Say whether a node is no constant that may be another date to Spark."""
    if node.get("class") != "CONSTANT":
        return True
    value = node["value"].get("value")
    if not isinstance(value, str) or not _LIKE_A_DATE.match(value):
        return True
    return bool(_DATE.fullmatch(value))


def _call(text: bytes, start: int) -> tuple[int, int] | None:
    """Return where the call of a function begins and ends; None if none begins there."""
    if start == NOWHERE or not (found := _CALL.match(text, start)):
        return None
    depth = 1
    for piece in _PIECE.finditer(text, found.end()):
        depth += {b"(": 1, b")": -1}.get(piece[0], 0)
        if depth == 0:
            return start, piece.end()
    return None


def _holds(one: Splice, other: Splice) -> bool:
    return one != other and one.start <= other.start and other.end <= one.end
