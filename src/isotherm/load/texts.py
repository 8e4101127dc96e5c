"""Values that are written as text, as in CSV: which types they fit, and how they are cast.

DuckDB's own casts lose values without a word: `1.5` becomes the BIGINT 2, `12.345` a DECIMAL(9,2)
of 12.35, `2019-01-01 10:00` a DATE, and the zone of `10:00+02:00` is dropped by a TIMESTAMP. So a
text fits a type only if the type holds all that it says.
"""

from __future__ import annotations

from ..engine.base import Session
from ..engine.sql import quote, text
from ..model.schema import decimal
from .lossless import EXACT, INTEGERS, same_value
from .options import Formats

CLOCKS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
NEW_TYPES = ("BOOLEAN", "BIGINT", "DOUBLE", *CLOCKS, "TIME")
"""What a new column of texts may become, the first that fits; VARCHAR is what is left."""

NARROWED = {"BIGINT": ("BIGINT", "DOUBLE"), "DATE": CLOCKS, "TIMESTAMP": CLOCKS[1:], "VARCHAR": ()}
"""What a column may turn out to be that looks like a type in a sample; if not just that."""

LENGTHS = {"DATE": 10, "TIMESTAMP": 19}
"""How long the usual forms are, `2019-01-01` and `2019-01-01 10:00:00`."""

COMMON_FORMATS = (
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y%m%d%H%M%S",
    "%d-%b-%Y %H:%M:%S",
)

_WHOLE = "'[+-]?(0|[1-9][0-9]*)'"
_NUMBER = r"'[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|NaN|[+-]?[iI]nf(inity)?'"
_DAY = r"'\d{4,}[-/]\d{1,2}[-/]\d{1,2}'"
_YEAR_FIRST = r"'^\s*\d{4,}[-/]'"
_TIME = r"'\d{1,2}:\d\d(:\d\d(\.\d+)?)?'"


def cast(value: str, type_: str, formats: Formats) -> str:
    """Return the text as a value of a type; NULL if that cannot be."""
    if type_ == "VARCHAR":
        return value
    if type_ == "DATE":
        return f"CAST({_moment(value, formats)} AS DATE)"
    if type_ == "TIMESTAMP":
        return _moment(value, formats)
    if type_ == "TIMESTAMP WITH TIME ZONE" and (formats.date or formats.timestamp):
        return f"CAST({_moment(value, formats)} AS TIMESTAMP WITH TIME ZONE)"
    if is_nested(type_):
        return f"TRY(CAST(CAST({value} AS JSON) AS {type_}))"
    if type_ == "JSON":
        return f"CASE WHEN json_valid({value}) THEN CAST({value} AS JSON) ELSE to_json({value}) END"
    return f"TRY_CAST({value} AS {type_})"


def fits(value: str, type_: str, formats: Formats) -> str:
    """Return the condition that a text says nothing that a type does not hold."""
    if type_ in ("VARCHAR", "JSON"):
        return "true"
    found = cast(value, type_, formats)
    there = f"{found} IS NOT NULL"
    # CASE asks what is dear only of the values that need it; AND and OR would ask all of it of all.
    if type_ in INTEGERS:
        number = f"TRY_CAST({value} AS DOUBLE)"
        whole = f"{there} AND {number} = trunc({number})"
        told = f"CASE WHEN regexp_matches({value}, '[.eE]') THEN {whole} ELSE {there} END"
    elif type_ == "DOUBLE":
        exact = same_value(f"TRY_CAST({value} AS HUGEINT)", "HUGEINT", "DOUBLE")
        told = (
            f"CASE WHEN length({value}) <= 15 OR NOT regexp_full_match(trim({value}), {_WHOLE}) "
            f"THEN {there} ELSE {there} AND {exact} END"
        )
    elif shape := decimal(type_):
        digits = f"rtrim(regexp_extract({value}, '\\.(\\d*)', 1), '0')"
        roundtrip = f"CAST({found} AS DOUBLE) = TRY_CAST({value} AS DOUBLE)"
        told = (
            f"CASE WHEN regexp_matches({value}, '[eE]') THEN {roundtrip} "
            f"ELSE {there} AND length({digits}) <= {shape[1]} END"
        )
    elif type_ == "DATE":
        told = f"{found} = {_moment(value, formats)}"
    else:
        return f"({there})"
    return f"coalesce({told}, false)"


def looks_like(value: str, type_: str, formats: Formats) -> str:
    """Return the condition that a text is what somebody writes who means a type.

    It is stricter than `fits`: `007` fits a BIGINT but looks like text, `1.0` like a DOUBLE, and
    `2019-01-01 00:00` like a TIMESTAMP.
    """
    fit = fits(value, type_, formats)
    if type_ == "BOOLEAN":
        return f"coalesce(lower(trim({value})) IN ('true', 'false'), false)"
    if type_ == "BIGINT":
        whole = f"regexp_full_match(trim({value}), {_WHOLE})"
        return f"{whole} AND TRY_CAST({value} AS BIGINT) IS NOT NULL"
    if type_ == "DOUBLE":
        return f"regexp_full_match(trim({value}), {_NUMBER}) AND {fit}"
    if type_ == "TIME":
        return f"regexp_full_match(trim({value}), {_TIME}) AND {fit}"
    if type_ == "DATE":
        day = f"regexp_full_match(trim({value}), {_DAY})"
        if formats.date:
            day = f"({day} OR try_strptime({value}, {text(formats.date)}) IS NOT NULL)"
        return f"{day} AND {fit}"
    if type_ == "TIMESTAMP" and not (formats.date or formats.timestamp):
        # Unlike a TIMESTAMP WITH TIME ZONE, it has nothing to say of an offset.
        return f"coalesce(TRY_CAST({value} AS TIMESTAMP) = {_moment(value, formats)}, false)"
    return fit


def has_leading_zeros(value: str) -> str:
    """Return the condition that a text is a code of digits, which a number would not keep."""
    return f"regexp_full_match(trim({value}), '[+-]?0[0-9]+')"


def usual(value: str, type_: str) -> str:
    """Return the condition that a text is in the form that a plain cast takes whole."""
    if type_ in INTEGERS or type_ == "DOUBLE":
        return f"abs(TRY_CAST({value} AS DOUBLE)) < {EXACT['DOUBLE']}"
    if type_ in LENGTHS:
        seconds = f" AND {value}[17] = ':'" if type_ == "TIMESTAMP" else ""
        return f"length({value}) = {LENGTHS[type_]}{seconds}"
    return "true"


def is_nested(type_: str) -> bool:
    """Say whether values of a type hold other values."""
    return type_.endswith("]") or type_.startswith(("STRUCT(", "MAP(", "UNION("))


def understood(session: Session, relation: str, column: str) -> tuple[str, tuple[str, ...]]:
    """Return a value of a column, and the common formats that all its values are written in."""
    value = quote(column)
    fit = ", ".join(
        f"bool_and(try_strptime({value}, {text(pattern)}) IS NOT NULL)"
        for pattern in COMMON_FORMATS
    )
    there = f"FROM {relation} WHERE {value} IS NOT NULL"
    row = session.execute(f"SELECT min({value}), {fit} {there}")[0]
    return row[0], tuple(p for p, fits_ in zip(COMMON_FORMATS, row[1:], strict=True) if fits_)


def _moment(value: str, formats: Formats) -> str:
    """Return the text as a TIMESTAMP of UTC; one without zone is taken as it is written.

    Beside formats, ISO 8601 counts only of texts that none of them can mean.
    """
    iso = (
        f"CASE WHEN {usual(value, 'TIMESTAMP')} THEN TRY_CAST({value} AS TIMESTAMP) "
        f"ELSE TRY_CAST(TRY_CAST({value} AS TIMESTAMP WITH TIME ZONE) AS TIMESTAMP) END"
    )
    tried = [
        f"CAST(try_strptime({value}, {text(pattern)}) AS TIMESTAMP)" for pattern in formats.given
    ]
    if not tried:
        return f"({iso})"
    if not formats.begin_with_a_year:
        tried.append(f"CASE WHEN regexp_matches({value}, {_YEAR_FIRST}) THEN {iso} END")
    return f"coalesce({', '.join(tried)})"
