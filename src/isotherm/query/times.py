"""Times that a query names: `now()` as a constant, and the times that it is likely to ask for.

`pickup >= now() - INTERVAL 6 MONTH` compares with a TIMESTAMP WITH TIME ZONE. Where the clock is a
TIMESTAMP, the optimizer can prove nothing of that. Isotherm's sessions are in UTC, where the same
instant as a TIMESTAMP compares alike with every type but text: so it is written in, wherever
`now()` stands on a side of a comparison that names no column. Constants with a zone are treated
alike, and so is text beside them, for it has their type. Everywhere else they stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from ..engine.failures import failure
from ..engine.session import DuckDBSession
from .owned import Owned
from .parse import Node, Splice, Statement, match_at, nodes

MAX_TIMES = 32

_NOW = frozenset({"now", "get_current_timestamp", "transaction_timestamp"})
_TODAY = frozenset({"current_date", "today", "current_localtimestamp", "localtimestamp"})
_CALL = re.compile(
    rb"(?:now|get_current_timestamp|transaction_timestamp|current_timestamp)\s*\(\s*\)"
    rb"|current_timestamp\b(?!\s*[.(])",
    re.IGNORECASE,
)
_ZONED = re.compile(
    rb"'(?:[^']|'')*'(?:\s*::\s*TIMESTAMP(?:TZ|\s+WITH\s+TIME\s+ZONE))?(?!\s*(?:::|AS\b))",
    re.IGNORECASE,
)
"""The constant, with its type behind it where it stands there."""
# fmt: off
_STEADY = frozenset({
    "+", "-", "*", "date_trunc", "to_years", "to_months", "to_weeks", "to_days", "to_hours",
    "to_minutes", "to_seconds", "to_milliseconds", "to_microseconds", "make_date",
    "make_timestamp", "trunc",
})
# fmt: on
"""Functions that give equal results for a TIMESTAMP and the same instant with a zone, in UTC."""
ZONED = "TIMESTAMP WITH TIME ZONE"
_KINDS = ("DATE", "TIMESTAMP", ZONED)
"""What is compared with each other has the last of its types."""
_TEXT = {
    "DATE": "CAST({} AS DATE)",
    "TIMESTAMP": "CAST({} AS TIMESTAMP)",
    ZONED: "CAST(CAST({} AS TIMESTAMPTZ) AS TIMESTAMP)",
}
"""What is planned for text that is compared with a type."""
_STRING = re.compile(rb"'(?:[^']|'')*'")
_STEADY_TYPES = frozenset({"INTERVAL", "DATE", "TIMESTAMP", ZONED, "INTEGER", "BIGINT", "DOUBLE"})
KNOWN = _NOW | _TODAY | _STEADY | {"year", "date_part"}
"""Functions of which it is known what they do, here and in `provable`."""
UNSEEN = _NOW | _TODAY | {"date_trunc"}
"""Those of them that a query may call without naming them, and that are written in."""
_BY_YEAR = frozenset({"year", "date_part", "datepart", "isoyear"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def steady(statement: Statement, owned: Owned) -> Iterator[Splice]:
    """Yield the pieces that make instants with a zone, `now()` too, TIMESTAMPs in comparisons."""
    for sides in comparison_sides(statement.nodes):
        moments = {
            splice: kind_of(side)
            for side in sides
            if is_steady(side)
            for splice in _without_zone(statement, side, owned)
        }
        if not moments or any(map(_may_be_text, sides)):
            continue
        texts = [text_as(statement, side, ZONED) for side in sides if is_text(side)]
        if texts and not set(moments.values()).isdisjoint({None, ZONED}):
            if None in texts or None in moments.values():
                continue  # it is not known what type the text has
            yield from (text for text in texts if text)
        yield from moments


def _without_zone(statement: Statement, side: Node, owned: Owned) -> Iterator[Splice]:
    """Yield the pieces that make a side's instants with a zone TIMESTAMPs."""
    for node in nodes(side):
        if _is_call(node, _NOW):
            if found := match_at(statement.text, node, _CALL):
                yield Splice(*found, f"CAST('{owned.now.isoformat(' ')}' AS TIMESTAMP)")
        elif _is_zoned(node) and (found := match_at(statement.text, node["child"], _ZONED)):
            yield Splice(found[1], found[1], "::TIMESTAMP")


def is_text(side: Node) -> bool:
    """Say whether a side is bare text, whose type is that of what it is compared with."""
    return side.get("class") == "CONSTANT" and side["value"]["type"]["id"] == "VARCHAR"


def text_as(statement: Statement, side: Node, kind: str) -> Splice | None:
    """Return what is planned for bare text of a type; None if it is spelled strangely."""
    found = match_at(statement.text, side, _STRING)
    if not found:
        return None
    return Splice(*found, _TEXT[kind].format(statement.text.encode()[slice(*found)].decode()))


def kind_of(side: Node) -> str | None:
    """Return the type of a side that is steady, or a cast; None where it is not known."""
    if side.get("class") == "CONSTANT":
        return str(side["value"]["type"]["id"])
    if side.get("class") == "CAST":
        return str(side["cast_type"]["id"])
    if _is_call(side, _NOW):
        return ZONED
    if _is_call(side, _TODAY):
        name = side.get("function_name") or side["column_names"][0]
        return "TIMESTAMP" if str(name).lower().endswith("timestamp") else "DATE"
    name = str(side.get("function_name", "")).lower()
    if name in ("make_date", "make_timestamp"):
        return name.removeprefix("make_").upper()
    if name.startswith("to_"):
        return "INTERVAL"
    kinds = [kind_of(child) for child in side.get("children") or ()]
    times = [kind for kind in kinds if kind in _KINDS]
    if len(times) != 1:
        return None
    if times == ["DATE"] and name in ("+", "-"):
        return {"INTEGER": "DATE", "INTERVAL": "TIMESTAMP"}.get(str(kinds[1]))
    return "TIMESTAMP" if times == ["DATE"] else times[0]


def compared_as(kinds: Iterable[str | None]) -> str | None:
    """Return the type in which sides of these types are compared; None where it is not known."""
    found = set(kinds)
    return max(found, key=_KINDS.index, default=None) if found <= set(_KINDS) else None


def likely(session: DuckDBSession, query: Sequence[Node]) -> tuple[datetime, ...]:
    """Return times, UTC, that a query is likely to ask for: the search begins there.

    Args:
        session: Beside the query's transaction; one statement may be run in it.
        query: The nodes of its tree.

    """
    found = [*_written(query), *_years(query), *_computed(session, query)]
    return tuple(dict.fromkeys(found))[:MAX_TIMES]


def comparison_sides(query: Iterable[Node]) -> Iterator[list[Node]]:
    """Yield what is compared with each other, comparison by comparison."""
    for node in query:
        match node.get("class"):
            case "COMPARISON":
                yield [node["left"], node["right"]]
            case "BETWEEN":
                yield [node["input"], node["lower"], node["upper"]]
            case "OPERATOR" if node.get("type") in ("COMPARE_IN", "COMPARE_NOT_IN"):
                yield node["children"]


def _steady_sides(query: Iterable[Node]) -> Iterator[Node]:
    """Yield the sides of comparisons in which nothing minds the type of `now()`."""
    yield from (side for sides in comparison_sides(query) for side in sides if is_steady(side))


def is_steady(node: Node) -> bool:
    """Say whether an expression is made of nothing but constants and what is steady."""
    match node.get("class"):
        case "CONSTANT":
            return True
        case "CAST":
            steady = node["cast_type"]["id"] in _STEADY_TYPES and not node["try_cast"]
            return steady and is_steady(node["child"])
        case "FUNCTION" if str(node["function_name"]).lower() in _STEADY:
            return all(is_steady(child) for child in node["children"])
        case "FUNCTION" | "COLUMN_REF":
            return _is_call(node, _NOW | _TODAY)
    return False


def _may_be_text(side: Node) -> bool:
    """Say whether a side is text that is computed: it would be another instant without a zone."""
    match side.get("class"):
        case "CAST":
            return side["cast_type"]["id"] not in _STEADY_TYPES
        case "FUNCTION":
            name = str(side["function_name"]).lower()
            return name not in _STEADY and not _is_call(side, _NOW | _TODAY)
    return side.get("class") not in ("CONSTANT", "COLUMN_REF")


def _is_zoned(node: Node) -> bool:
    """Say whether a node is a constant TIMESTAMP WITH TIME ZONE."""
    is_cast = node.get("class") == "CAST" and node["child"].get("class") == "CONSTANT"
    return is_cast and node["cast_type"]["id"] == ZONED


def _is_call(node: Node, functions: frozenset[str]) -> bool:
    """Say whether a node calls one of these functions; without parentheses they look as columns."""
    if node.get("class") == "FUNCTION":
        return str(node["function_name"]).lower() in functions and not node["children"]
    names = [str(name).lower() for name in node.get("column_names") or ()]
    return names == ["current_timestamp"] or (len(names) == 1 and names[0] in functions & _TODAY)


def _written(query: Iterable[Node]) -> Iterator[datetime]:
    """Yield the dates and times that are written as text."""
    for node in query:
        if node.get("type") == "VALUE_CONSTANT":
            value = node["value"].get("value")
            if isinstance(value, str) and _DATE.match(value) and (found := _instant(value)):
                yield found


def _years(query: Iterable[Node]) -> Iterator[datetime]:
    """Yield the beginnings and ends of years, where the query asks by the year."""
    numbers: list[int] = []
    by_year = False
    for node in query:
        by_year = by_year or str(node.get("function_name", "")).lower() in _BY_YEAR
        if node.get("type") == "VALUE_CONSTANT":
            value = node["value"].get("value")
            if isinstance(value, int) and 1900 <= value <= 2200:
                numbers.append(value)
    for number in numbers if by_year else ():
        yield datetime(number, 1, 1)
        yield datetime(number + 1, 1, 1)


def _computed(session: DuckDBSession, query: Iterable[Node]) -> Sequence[datetime]:
    """Return the times that are computed from constants, as `now() - INTERVAL 6 MONTH` is."""
    sides = [s for s in _steady_sides(query) if s.get("class") != "CONSTANT" and not _is_typed(s)]
    if not sides:
        return ()
    try:
        tree = json.loads(session.execute("SELECT json_serialize_sql('SELECT 1')")[0][0])
        tree["statements"][0]["node"]["select_list"] = sides
        text = session.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)])[0][0]
        row = session.execute(f"SELECT TRY_CAST(COLUMNS(*) AS TIMESTAMP) FROM ({text})")[0]
    except Exception as error:
        if failure(error) is None:
            raise
        return ()  # it was only to save a round
    return [value for value in row if isinstance(value, datetime)]


def _is_typed(side: Node) -> bool:
    """Say whether a side is a constant with its type before or after it."""
    return side.get("class") == "CAST" and side["child"].get("class") == "CONSTANT"


def _instant(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
