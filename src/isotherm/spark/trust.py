"""What of a query means the same to DuckDB and to Spark, as far as it tells partitions apart.

The guard asks DuckDB's optimizer which partitions a query may need. It is asked about a query in
which nothing is left that Spark may compute otherwise: what is not known to be the same is replaced
by something of which nothing can be proved. Where that cannot be done, every partition is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..query.parse import NOWHERE, Node, Splice, Statement, nodes, spliced
from ..query.times import comparison_sides

UNKNOWN = "error('it is not for DuckDB to know: {}')"
"""What has no type and no statistics: nothing can be proved of it, where it is compared as it is.

As an operand of anything else it would be folded to NULL. Each has a number: two of a kind are not
the same value.
"""

_PARTS = frozenset({"year", "quarter", "month", "day"})
"""Functions of a time that are the same, as are units that it is cut at."""
_UNITS = _PARTS | {"week", "hour", "minute", "second"}
_DAYS = frozenset({"to_years", "to_months", "to_weeks", "to_days"})
"""Intervals of whole days: shorter ones make a DATE a TIMESTAMP here, and not there."""
_NOW = frozenset({"now", "today", "current_timestamp", "current_date"})
"""What is written into the query that Spark gets, as it is in this transaction."""
_TOTALS = frozenset({"count", "count_star", "sum", "avg", "min", "max"})
_WINDOWS = _TOTALS | {
    "row_number", "rank", "dense_rank", "ntile", "lag", "lead", "first_value", "last_value",
}  # fmt: skip
_OPERATORS = frozenset({
    "COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL",
    "OPERATOR_COALESCE",
})  # fmt: skip
_SAME_CLASSES = frozenset({
    "STAR", "CONJUNCTION", "SUBQUERY", "POSITIONAL_REFERENCE",
})  # fmt: skip
_OTHER_TABLES = frozenset({"PIVOT", "SHOW_REF", "COLUMN_DATA"})
_TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_SQL_VALUES = frozenset({
    "current_user", "user", "session_user", "current_role", "current_schema", "current_catalog",
    "current_time", "localtime", "localtimestamp", "current_database",
})  # fmt: skip
"""Names that are no columns: what they are is each engine's own."""

_LIKE_A_DATE = re.compile(r"\s*[+-]?\d{1,6}-\d")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?")
_INTERVAL = re.compile(r"\d{1,6} (?:day|week|month|year)s?")
_NUMBER = re.compile(r"-?\d{1,18}")

_NAME = rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)'
_CALL = re.compile(rb"(?:" + _NAME + rb"\s*[.]\s*)*" + _NAME + rb"\s*[(]")
_TEXT = re.compile(rb"'(?:[^']|'')*'")
_PIECE = re.compile(rb"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[^'"()]+""")


class _DoubtError(Exception):
    """Something cannot be taken out of the query."""


def opaque(statement: Statement, is_scalar: Callable[[str], bool]) -> str | None:
    """Return a query in which DuckDB knows nothing of what Spark might see otherwise.

    None if there is no such query: then every partition may be needed.

    Args:
        is_scalar: Says whether DuckDB has a function, in lower case, of one value for each row.

    """
    try:
        splices = list(_Doubts(statement, is_scalar).splices())
    except _DoubtError:
        return None
    outer = [s for s in splices if not any(_holds(other, s) for other in splices)]
    return spliced(statement.text, outer)


class _Doubts:
    def __init__(self, statement: Statement, is_scalar: Callable[[str], bool]) -> None:
        self.statement = statement
        self.raw = statement.text.encode()
        self.is_scalar = is_scalar
        selects = [node for node in statement.nodes if node.get("type") == "SELECT_NODE"]
        self.selects = len(selects)
        self.bare = {id(side) for sides in comparison_sides(statement.nodes) for side in sides}
        """What is compared as it is: nothing is made of it before."""
        if len(selects) == 1:  # nothing is made of what is only shown
            only = selects[0]
            shown = only["select_list"]
            used = [only.get(k) for k in ("where_clause", "from_table", "having", "qualify")]
            names = {
                str(found["column_names"][-1]).casefold()
                for found in self._columns([*used, *shown])
            }
            self.bare |= {id(i) for i in shown if str(i.get("alias", "")).casefold() not in names}
        self.between = {
            id(side)
            for node in statement.nodes
            if node.get("class") == "BETWEEN"
            for side in (node["input"], node["lower"], node["upper"])
        }
        self.fractions = any(
            node.get("class") == "CONSTANT" and not _is_whole(node) for node in statement.nodes
        )
        for node in selects[1:]:
            self.aliases(node)
        self.known: set[int] = set()
        """Nodes that were judged with another one that holds them, by their identity."""

    @staticmethod
    def _columns(tree: object) -> Iterator[Node]:
        return (node for node in nodes(tree) if node.get("class") == "COLUMN_REF")

    def aliases(self, select: Node) -> None:
        """Look at a subquery's WHERE: to DuckDB its aliases come before columns from around it."""
        given = {
            str(item.get("alias") or "").casefold()
            for item in select["select_list"]
            if item.get("class") != "COLUMN_REF"
        }
        for node in self._columns(select.get("where_clause")):
            names = node["column_names"]
            _require(len(names) > 1 or str(names[0]).casefold() not in given)

    def splices(self) -> Iterator[Splice]:
        """Yield what has to be replaced.

        Raises:
            _DoubtError: something may differ that cannot be.

        """
        for node in self.statement.nodes:  # who holds another comes before it
            if id(node) in self.known:
                continue
            match node.get("class"):
                case "CONSTANT":
                    yield from self.constant(node)
                case "FUNCTION":
                    yield from self.function(node)
                case None:
                    self.table(node)
                case _:
                    self.expression(node)

    def expression(self, node: Node) -> None:
        """Look at an expression that is no call and no constant: it stays as it is."""
        match node["class"]:
            case "COLUMN_REF":
                names = node["column_names"]
                _require(len(names) > 1 or str(names[0]).casefold() not in _SQL_VALUES)
            case "CAST":
                self.cast(node)
            case "WINDOW":
                _require(str(node["function_name"]).casefold() in _WINDOWS)
            case "OPERATOR":
                _require(node["type"] in _OPERATORS)
                if node["type"] != "OPERATOR_NOT" and len(node["children"]) > 1:
                    self.compared(node["children"])
            case "COMPARISON":
                self.compared([node["left"], node["right"]])
            case "BETWEEN":
                self.compared([node["input"], node["lower"], node["upper"]])
            case "CASE":
                found = [check["then_expr"] for check in node["case_checks"]]
                _of_one_kind([*found, node["else_expr"]])
            case other:
                _require(other in _SAME_CLASSES)

    def table(self, node: Node) -> None:
        """Look at what is no expression: a table, a SELECT, a piece of one."""
        kind = node.get("type")
        _require(not isinstance(kind, str) or kind not in _OTHER_TABLES)
        if kind == "TABLE_FUNCTION":
            function = node["function"]
            _require(str(function["function_name"]).casefold() == "range")
            self.known.add(id(function))

    def compared(self, sides: Sequence[Node]) -> None:
        """Look at what is compared: never constants alone, which each engine computes its way."""
        kinds = {_kind(side) for side in sides}
        if not any(_has_column(side) or side.get("class") == "SUBQUERY" for side in sides):
            _require(len(kinds) == 1 and None not in kinds)
        timed = [side for side in sides if _has_interval(side)]
        _require(len(timed) < 2)
        if timed:  # a DATE and an interval are a TIMESTAMP here, and a DATE there
            texts = (_text_of(found) for side in sides for found in nodes(side))
            _require(not any(text and _DATE.fullmatch(text) and len(text) > 10 for text in texts))
        _of_one_kind(sides)

    def constant(self, node: Node) -> Iterator[Splice]:
        """Take out a text that looks like a date, and may be another one to Spark."""
        value = node["value"].get("value")
        if not isinstance(value, str) or not _LIKE_A_DATE.match(value) or _DATE.fullmatch(value):
            return
        found = None
        if node["query_location"] != NOWHERE:
            found = _TEXT.match(self.raw, int(node["query_location"]))
        if not found or id(node) not in self.bare or id(node) in self.between:
            raise _DoubtError
        yield Splice(found.start(), found.end(), UNKNOWN.format(found.start()))

    def cast(self, node: Node) -> None:
        """Look at a cast: of a column, of a constant that is the same to both, of a time."""
        _require(not node["try_cast"])
        child, target = node["child"], str(node["cast_type"]["id"])
        if child["class"] == "CONSTANT":
            _require(_is_whole(child) and _same_constant(child["value"].get("value"), target))
            self.known.add(id(child))
        elif child["class"] == "COLUMN_REF":
            _require(target in _TIMES | _WHOLE | {"DOUBLE", "VARCHAR", "BOOLEAN"} or _scaled(node))
            _require(target not in _WHOLE or not self.fractions)  # of one that a query has made
        elif target in _WHOLE:
            _require(str(child.get("function_name", "")).casefold() in _PARTS)
        else:
            _require(target in _TIMES or (target in ("DOUBLE", "VARCHAR") and _has_column(child)))

    def function(self, node: Node) -> Iterator[Splice]:
        name = str(node["function_name"]).casefold()
        children = node["children"]
        if name in _PARTS | _TOTALS | _NOW:
            return
        if name == "date_trunc":
            _require(children[0].get("class") == "CONSTANT")
            _require(str(children[0]["value"].get("value")).casefold() in _UNITS)
        elif name in _DAYS:
            self.days(children[0])
        elif name in ("+", "-", "*"):
            whole = all(_is_whole(found) for found in nodes(node) if found.get("class"))
            _require(whole and (name != "*" or not _has_interval(node)))
        elif node.get("is_operator"):  # it has no statistics, but constants would be computed
            _require(_has_column(node))
        else:
            yield self.call(node, name)

    def days(self, child: Node) -> None:
        """Look at what an interval of whole days is made of: a number that is written."""
        while child.get("class") in ("CAST", "FUNCTION"):
            self.known.add(id(child))
            if child["class"] == "FUNCTION":
                _require(child["function_name"] == "trunc")
            child = child["child"] if child["class"] == "CAST" else child["children"][0]
        _require(child.get("class") == "CONSTANT" and _is_whole(child))
        _require(bool(_NUMBER.fullmatch(str(child["value"].get("value")))))

    def call(self, node: Node, name: str) -> Splice:
        """Take out the call of a function that Spark may understand otherwise, or alone."""
        _require(id(node) in self.bare and id(node) not in self.between)
        ordered = node.get("order_bys") or {}
        _require(not node.get("filter") and not ordered.get("orders"))
        # One that makes a row of many cannot be replaced where somebody counts the rows.
        _require(self.selects == 1 or self.is_scalar(name))
        start = int(node["query_location"])
        found = _CALL.match(self.raw, start) if start != NOWHERE else None
        if not found:
            raise _DoubtError
        depth = 1
        for piece in _PIECE.finditer(self.raw, found.end()):
            depth += {b"(": 1, b")": -1}.get(piece[0], 0)
            if depth == 0:
                self.known.update(id(inner) for inner in nodes(node["children"]))
                return Splice(start, piece.end(), UNKNOWN.format(start))
        raise _DoubtError


def _require(same: bool) -> None:
    if not same:
        raise _DoubtError


def _same_constant(value: object, target: str) -> bool:
    """Say whether both make the same of a constant that is cast."""
    if value is None:
        return True
    if isinstance(value, int) and not isinstance(value, bool):
        return target in _WHOLE
    if not isinstance(value, str):
        return False
    if target in _TIMES:
        return bool(_DATE.fullmatch(value))
    if target == "INTERVAL":
        return bool(_INTERVAL.fullmatch(value))
    return target == "VARCHAR" or (target in _WHOLE and bool(_NUMBER.fullmatch(value)))


def _scaled(cast: Node) -> bool:
    """Say whether it is cast to a decimal of a size that was written: they assume another one."""
    info = cast["cast_type"].get("type_info") or {}
    size = (info.get("width"), info.get("scale"))
    return cast["cast_type"]["id"] == "DECIMAL" and size not in ((18, 3), (None, None))


def _is_whole(node: Node) -> bool:
    """Say whether an operand of a sum is no fraction, which is rounded in ways of its own."""
    if node.get("class") != "CONSTANT":
        return True
    type_ = node["value"].get("type") or {}
    return type_.get("id") not in ("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT")


def _has_interval(node: Node) -> bool:
    return any(
        str(found.get("function_name", "")).casefold().startswith("to_")
        or (found.get("class") == "CAST" and found["cast_type"]["id"] == "INTERVAL")
        for found in nodes(node)
    )


def _of_one_kind(branches: Sequence[Node]) -> None:
    """Require that constants of which one is taken are texts or numbers: none is made another."""
    _require(not ({"VARCHAR"} < {kind for branch in branches if (kind := _kind(branch))}))


def _kind(node: Node) -> str | None:
    """Return the type of a constant; None of anything else."""
    if node.get("class") != "CONSTANT" or node["value"].get("is_null"):
        return None
    type_ = node["value"].get("type") or {}
    return "VARCHAR" if type_.get("id") == "VARCHAR" else "a number"


def _text_of(node: Node) -> str:
    value = node["value"].get("value") if node.get("class") == "CONSTANT" else None
    return value if isinstance(value, str) else ""


def _has_column(node: Node) -> bool:
    """Say whether an expression hangs on a row: one of constants and the time alone is computed."""
    columns = (found for found in nodes(node) if found.get("class") == "COLUMN_REF")
    return any(str(found["column_names"][-1]).casefold() not in _NOW for found in columns)


def _holds(one: Splice, other: Splice) -> bool:
    return one != other and one.start <= other.start and other.end <= one.end
