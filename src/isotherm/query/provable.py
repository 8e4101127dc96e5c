"""The query once more, for the optimizer alone, in a spelling of which it can prove more.

What `pickup::DATE` or `year(pickup)` lets through is a range of time, but DuckDB does not see it on
every type of clock, nor through a subquery. Of the bare clock it does, and of `date_trunc` by the
day and the year. So where the clock is wrapped and compared with nothing but constants, the text
that is planned is spelled so. It lets the same finite times through on every type of clock, as
sessions are in UTC; rows on the store have no others. The query that runs stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..model.names import folded
from .parse import Node, Splice, Statement, match_at
from .times import compared_as, comparison_sides, is_steady, is_text, kind_of, text_as

_COLUMN = re.compile(
    rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+))*'
)
_NUMBER = re.compile(rb"\d{4}(?![\w.])")
_YEAR_PARTS = frozenset({"year", "years", "yr", "y", "yrs"})
UNWRAPPED = {
    "DATE": "date_trunc('day', {})",
    # Never by a unit below the day: of a DATE, DuckDB 1.5.5 compares that wrongly.
    "TIMESTAMP": "{}",
    "TIMESTAMP WITH TIME ZONE": "{}",
}
"""What is planned for a clock that is cast to a type."""
_TYPES = {
    "DATE": rb"DATE",
    "TIMESTAMP": rb"TIMESTAMP(?:\s+WITHOUT\s+TIME\s+ZONE)?(?!TZ)",
    "TIMESTAMP WITH TIME ZONE": rb"TIMESTAMP(?:TZ|\s+WITH\s+TIME\s+ZONE)",
}
_END = rb"(?![\w(\[]|\s*[(\[])"
_IN = re.compile(rb"\s+IN\s*\(\s*", re.IGNORECASE)
_COMMA = re.compile(rb"\s*,\s*")
_END_OF_LIST = re.compile(rb"\s*\)")


def provable(statement: Statement, clocks: frozenset[str]) -> Iterator[Splice]:
    """Yield the pieces that unwrap a clock where it is compared with constants.

    Args:
        clocks: The names of the datasets' clocks, in lower case.

    """
    for sides in comparison_sides(statement.nodes):
        for place, side in enumerate(sides):
            others = [*sides[:place], *sides[place + 1 :]]
            found = _unwrapped(statement, side, others, clocks)
            if found:
                yield from _as_alternatives(statement, *found)
                break


def _unwrapped(
    statement: Statement, side: Node, others: Sequence[Node], clocks: frozenset[str]
) -> tuple[Splice, list[Splice]] | None:
    """Return what takes the place of one side and of the others beside it.

    None if it is no such comparison, or is spelled strangely.
    """
    column = _wrapped(side)
    if column is None or not _is_clock(column, clocks):
        return None
    if side["class"] == "CAST":
        type_ = side["cast_type"]["id"]
        around = _cast_around(statement, column, type_)
        form = UNWRAPPED[type_]
        kind = compared_as(kind_of(one) for one in (side, *others) if not is_text(one))
        values = [_beside_cast(statement, other, kind) for other in others]
    else:
        around = _year_around(statement, column)
        form = "date_trunc('year', {})"
        values = [_year(statement, other) for other in others]
    if around is None or any(value is None for value in values):
        return None
    start, end, name = around
    return Splice(start, end, form.format(name)), [value for value in values if value is not None]


def _as_alternatives(
    statement: Statement, clock: Splice, values: Sequence[Splice]
) -> Iterator[Splice]:
    """Yield the pieces of a comparison; `x IN (a, b)` becomes `(x = a OR x = b)`."""
    raw = statement.text.encode()
    between = [raw[one.end : two.start] for one, two in pairwise([clock, *values])]
    is_list = (
        bool(between) and _IN.fullmatch(between[0]) and _END_OF_LIST.match(raw, values[-1].end)
    )
    if not is_list or not all(_COMMA.fullmatch(gap) for gap in between[1:]):
        yield from (clock, *(value for value in values if value.start < value.end))
        return
    alternatives = " OR ".join(f"{clock.text} = {value.text}" for value in values)
    yield Splice(clock.start, values[-1].end, f"({alternatives}")


def _wrapped(side: Node) -> Node | None:
    """Return the column in a cast to a type of time, or of which the year is taken."""
    if side.get("class") == "CAST" and side["cast_type"]["id"] in UNWRAPPED:
        found = None if side["try_cast"] else side["child"]
    elif side.get("class") == "FUNCTION" and side["function_name"] == "year":
        found = side["children"][0] if len(side["children"]) == 1 else None
    elif side.get("class") == "FUNCTION" and side["function_name"] == "date_part":
        part, *rest = side["children"]
        by_year = part.get("class") == "CONSTANT" and part["value"].get("value") in _YEAR_PARTS
        found = rest[0] if by_year and len(rest) == 1 else None
    else:
        found = None
    return found if found and found.get("type") == "COLUMN_REF" else None


def _is_clock(column: Node, clocks: frozenset[str]) -> bool:
    names = column["column_names"]
    return len(names) < 4 and folded(str(names[-1])) in clocks


Around = tuple[int, int, str] | None
"""Where a wrapped column begins and ends with what is around it, and its name as it is written."""


def _cast_around(statement: Statement, column: Node, type_: str) -> Around:
    """Find `column::TYPE` or `CAST(column AS TYPE)`."""
    name = _TYPES[type_]
    short = re.compile(rb"\s*::\s*" + name + _END, re.IGNORECASE)
    before = re.compile(rb"\bCAST\s*\(\s*$", re.IGNORECASE)
    after = re.compile(rb"\s+AS\s+" + name + rb"\s*\)", re.IGNORECASE)
    return _around(statement, column, None, short) or _around(statement, column, before, after)


def _year_around(statement: Statement, column: Node) -> Around:
    """Find `year(column)`, `date_part('year', column)` or `extract(year FROM column)`."""
    before = re.compile(
        rb"\b(?:year\s*\(|date_?part\s*\(\s*'\w+'\s*,|extract\s*\(\s*'?\w+'?\s+FROM)\s*$",
        re.IGNORECASE,
    )
    return _around(statement, column, before, re.compile(rb"\s*\)"))


def _around(
    statement: Statement,
    column: Node,
    before: re.Pattern[bytes] | None,
    after: re.Pattern[bytes],
) -> Around:
    found = match_at(statement.text, column, _COLUMN)
    if not found:
        return None
    raw = statement.text.encode()
    start, end = found
    name = raw[start:end].decode()
    closing = after.match(raw, end)
    opening = before.search(raw[:start]) if before else None
    if not closing or (before and not opening):
        return None
    return (opening.start() if opening else start), closing.end(), name


def _beside_cast(statement: Statement, other: Node, kind: str | None) -> Splice | None:
    """Return what the other side becomes; None if nothing is known of it.

    Args:
        kind: The type of text there.

    """
    if is_text(other):
        return text_as(statement, other, kind) if kind else None
    return Splice(0, 0, "") if other.get("class") != "CONSTANT" and is_steady(other) else None


def _year(statement: Statement, other: Node) -> Splice | None:
    """Return the day on which a year begins; None if it is something else."""
    if other.get("class") != "CONSTANT" or other["value"]["type"]["id"] != "INTEGER":
        return None
    found = match_at(statement.text, other, _NUMBER)
    return Splice(*found, f"DATE '{other['value']['value']:04}-01-01'") if found else None
