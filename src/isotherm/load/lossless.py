"""From a file's type to the table's without losing a value.

Types are written as DuckDB writes them. A cast can be safe for every value of its type, or safe for
the values that are there, which is then checked; or the table's type can be widened.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..model.schema import decimal

INTEGERS: dict[str, tuple[int, int]] = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "UBIGINT": (0, 2**64 - 1),
    "HUGEINT": (-(2**127), 2**127 - 1),
}
"""The least and the greatest value of each integer type, narrow types first."""

EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""Up to which size a floating-point type holds every whole number."""

_ANY_TIME = {"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}


@dataclass(frozen=True, slots=True)
class Way:
    """How values of one type get into a column of another.

    Attributes:
        safe: The cast holds for every value; if not, it must be checked for those that are there.
        wider: The type that the column can be widened to, which holds the values of both.
        widen_first: Widen even if the values that are there would fit.

    """

    safe: bool = False
    wider: str | None = None
    widen_first: bool = False


SAFE = Way(safe=True)


def same_value(value: str, old: str, new: str) -> str:
    """Return the condition that a value comes back from a cast to `new` as it was; NULL does."""
    return f"{value} IS NOT DISTINCT FROM TRY_CAST(TRY_CAST({value} AS {new}) AS {old})"


def way(old: str, new: str) -> Way:
    """Return how values of type `new` get into a column of type `old`."""
    if old == new:
        return SAFE
    if new in INTEGERS:
        return _from_integer(old, new)
    if decimal(new):
        return _from_decimal(old, new)
    if new in EXACT:
        return _from_float(old, new)
    if old == "VARCHAR":
        return SAFE if new != "BLOB" else Way()
    if old in _ANY_TIME or old == "DATE":
        return _from_time(old, new)
    return Way()


def _from_integer(old: str, new: str) -> Way:
    low, high = INTEGERS[new]
    if old in INTEGERS:
        if INTEGERS[old][0] <= low and high <= INTEGERS[old][1]:
            return SAFE
        return Way(wider=_integer_for(old, new), widen_first=True)
    if old in EXACT:
        return Way(safe=max(-low, high) <= EXACT[old], wider=_float_for(old, new))
    if shape := decimal(old):
        digits = len(str(high))
        whole = max(shape[0] - shape[1], digits)
        return Way(safe=shape[0] - shape[1] >= digits, wider=_decimal(whole, shape[1]))
    return Way(safe=old == "VARCHAR")


def _integer_for(old: str, new: str) -> str | None:
    low = min(INTEGERS[old][0], INTEGERS[new][0])
    high = max(INTEGERS[old][1], INTEGERS[new][1])
    return next((t for t, (least, most) in INTEGERS.items() if least <= low and high <= most), None)


def _float_for(old: str, new: str) -> str | None:
    """Return the wider of two floating-point types; an integer needs a DOUBLE."""
    return "DOUBLE" if old == "FLOAT" and new != "FLOAT" else None


def _from_float(old: str, new: str) -> Way:
    if old in INTEGERS:
        return Way(wider="DOUBLE")
    if old in EXACT:
        return Way(safe=old == "DOUBLE", wider="DOUBLE" if old == "FLOAT" else None)
    return Way(safe=old == "VARCHAR")


def _from_decimal(old: str, new: str) -> Way:
    precision, scale = decimal(new) or (0, 0)
    whole = precision - scale
    if shape := decimal(old):
        own = shape[0] - shape[1]
        if own >= whole and shape[1] >= scale:
            return SAFE
        return Way(wider=_decimal(max(own, whole), max(shape[1], scale)), widen_first=True)
    if old in INTEGERS:
        return Way(wider=_decimal(max(len(str(INTEGERS[old][1])), whole), scale))
    return Way(safe=old == "VARCHAR" or (old == "DOUBLE" and precision <= 15))


def _decimal(whole: int, scale: int) -> str | None:
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= 38 else None


def _from_time(old: str, new: str) -> Way:
    if new == "DATE":
        return SAFE
    if old == "DATE":
        return Way(wider="TIMESTAMP" if new in _ANY_TIME - {"TIMESTAMP WITH TIME ZONE"} else None)
    if new in _ANY_TIME:
        # A time without zone is UTC, so that both say the same instant.
        finest = old in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
        return Way(safe=finest, wider=None if finest else "TIMESTAMP")
    return Way()
