"""Times that a query names: `now()` as a constant, and the dates that it is written with.

`pickup >= now() - INTERVAL 6 MONTH` compares with a TIMESTAMP WITH TIME ZONE. Where the clock is a
TIMESTAMP, the optimizer can prove nothing of that. Isotherm's sessions are in UTC, where the same
instant as a TIMESTAMP compares alike with every type: so it is written in, wherever `now()` stands
on a side of a comparison that names no column. Everywhere else it stays what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from .parse import Node, Splice, Statement, match_at, nodes

MAX_INSTANTS = 32

_FUNCTIONS = frozenset({"now", "get_current_timestamp", "transaction_timestamp"})
_CALL = re.compile(
    rb"(?:now|get_current_timestamp|transaction_timestamp|current_timestamp)\s*\(\s*\)"
    rb"|current_timestamp\b(?!\s*[.(])",
    re.IGNORECASE,
)
_STEADY = frozenset(
    [
        "+",
        "-",
        "*",
        "date_trunc",
        "to_years",
        "to_months",
        "to_weeks",
        "to_days",
        "to_hours",
        "to_minutes",
        "to_seconds",
    ]
)
"""Functions that give equal results for a TIMESTAMP and the same instant with a zone, in UTC."""
_STEADY_TYPES = frozenset(
    {"INTERVAL", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTEGER", "BIGINT", "VARCHAR"}
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def steady_now(statement: Statement, now: datetime) -> Iterator[Splice]:
    """Yield the pieces that make `now()` a constant where it is compared with something.

    Args:
        now: The transaction's time, UTC without zone.

    """
    for node in nodes(statement.tree):
        for side in _sides(node):
            for call in _calls(side):
                found = match_at(statement.text, call, _CALL)
                if found:
                    yield Splice(*found, f"CAST('{now.isoformat(' ')}' AS TIMESTAMP)")


def instants(tree: Node) -> tuple[datetime, ...]:
    """Return the dates and times that stand in the query, UTC; what it is likely to ask for."""
    values = (
        node["value"]["value"]
        for node in nodes(tree)
        if node.get("type") == "VALUE_CONSTANT" and node["value"]["type"]["id"] == "VARCHAR"
    )
    dates = (value for value in values if isinstance(value, str) and _DATE.match(value))
    return tuple(islice((found for value in dates if (found := _instant(value))), MAX_INSTANTS))


def _sides(node: Node) -> list[Node]:
    """Return what a comparison compares."""
    match node.get("class"):
        case "COMPARISON":
            return [node["left"], node["right"]]
        case "BETWEEN":
            return [node["input"], node["lower"], node["upper"]]
        case "OPERATOR" if node.get("type") in ("COMPARE_IN", "COMPARE_NOT_IN"):
            return list(node["children"])
        case _:
            return []


def _calls(side: Node) -> list[Node]:
    """Return the calls of `now()` in a side; none if anything else in it minds their type."""
    calls, waiting = [], [side]
    while waiting:
        node = waiting.pop()
        name = str(node.get("function_name", "")).lower()
        match node.get("class"):
            case "CONSTANT":
                continue
            case "CAST" if node["cast_type"]["id"] in _STEADY_TYPES and not node["try_cast"]:
                if node["cast_type"]["id"] == "VARCHAR" and node["child"]["class"] != "CONSTANT":
                    return []
                waiting.append(node["child"])
            case "FUNCTION" if name in _FUNCTIONS and not node["children"]:
                calls.append(node)
            case "FUNCTION" if name in _STEADY:
                waiting.extend(node["children"])
            case "COLUMN_REF" if [n.lower() for n in node["column_names"]] == ["current_timestamp"]:
                calls.append(node)
            case _:
                return []
    return calls


def _instant(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
