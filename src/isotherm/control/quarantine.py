"""People in rows that could not be loaded: such a row is a text, in which their values stand.

It is as its file had it: a value may be spelled there in other ways than the table would have it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from ..model.hold import Hold
from ..model.person import DataSubject
from ..warehouse.base import Transaction

_NAMES = (
    "dataset = ? AND list_bool_and(list_transform(?::VARCHAR[], name -> "
    "regexp_matches(concat_ws(' ', raw, reason), name)))"
)
"""Rows that name somebody: all its values stand in them, each as a word of its own."""
_ESCAPED = re.compile(r"\\\\u[0-9a-f]{4}")
_OTHER_ENCODINGS = ("cp1252", "latin-1")
"""What a file that is not UTF-8 most likely is; its bytes are kept as `\xe9`."""


def is_held(standing: Iterable[Hold]) -> bool:
    """Say whether a case keeps rows in quarantine: nobody knows of which period they are."""
    return any(hold.periods is None for hold in standing)


def count(
    tx: Transaction, dataset: str, subjects: Iterable[DataSubject], types: Mapping[str, str]
) -> int:
    """Count the rows in quarantine that name one of some people.

    Args:
        types: Of the columns of the table.

    """
    if not _any(tx, dataset):
        return 0
    return sum(
        int(tx.execute(f"SELECT count(*) FROM isotherm.quarantine WHERE {_NAMES}", values)[0][0])
        for values in _naming(dataset, subjects, types)
    )


def drop(
    tx: Transaction, dataset: str, subjects: Iterable[DataSubject], types: Mapping[str, str]
) -> int:
    """Delete the rows in quarantine that name one of some people, and return their number.

    Args:
        types: Of the columns of the table.

    """
    gone = 0
    if not _any(tx, dataset):
        return gone
    for values in _naming(dataset, subjects, types):
        found = tx.execute(f"DELETE FROM isotherm.quarantine WHERE {_NAMES}", values)
        gone += int(found[0][0]) if found else 0
    return gone


def spellings(value: str, type_: str) -> str:
    """Return the regular expression of how files may spell a value of a column, as a word.

    Args:
        type_: Of the column in the table.

    """
    if type_ == "UUID":
        found = [f"(?i:{re.escape(value).replace(re.escape('-'), '-?')})"]
    elif type_.endswith("INT") or type_.endswith("INTEGER"):
        sign, digits = ("-", value[1:]) if value.startswith("-") else (r"\+?", value)
        found = [f"{sign}0*{digits}"]
    else:
        quoted = (json.dumps(value, ensure_ascii=only_ascii)[1:-1] for only_ascii in (False, True))
        bytes_ = (_with_bytes(value, encoding) for encoding in _OTHER_ENCODINGS)
        texts = (value, value.replace('"', '""'), *quoted, *bytes_)
        # The digits of an escaped character are written in either case.
        found = [_ESCAPED.sub(r"(?i:\g<0>)", re.escape(text)) for text in dict.fromkeys(texts)]
    return rf"(^|[^\pL\pN])({'|'.join(found)})($|[^\pL\pN])"


def _with_bytes(value: str, encoding: str) -> str:
    """Write what is not ASCII as the bytes of an encoding; as it is, where that has none."""
    try:
        return value.encode(encoding).decode("ascii", errors="backslashreplace")
    except UnicodeEncodeError:
        return value


def _any(tx: Transaction, dataset: str) -> bool:
    """Say whether it is worth asking for one person after the other."""
    found = tx.execute("SELECT count(*) FROM isotherm.quarantine WHERE dataset = ?", [dataset])
    return bool(found[0][0])


def _naming(
    dataset: str, subjects: Iterable[DataSubject], types: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    for subject in subjects:
        yield dataset, [spellings(value, types.get(name, "")) for name, value in subject.values]
