"""The types that the user gives columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..engine.base import Session
from ..engine.failures import failure
from ..model.errors import LoadError
from ..model.words import nearest

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ,()\[\]\"']*$")


def declared(session: Session, types: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the types as the engine writes them, by the column's name in lower case.

    Raises:
        LoadError: the file has no such column, or there is no such type.

    """
    known = {name.lower(): name for name in names}
    found = {}
    for column, type_ in types.items():
        if column.lower() not in known:
            raise LoadError(
                f"--type {column}={type_}: the file has no column {column}",
                hint=nearest(column, names) or f"Its columns are: {', '.join(names)}.",
            )
        found[column.lower()] = _written(session, column, type_)
    return found


def _written(session: Session, column: str, type_: str) -> str:
    try:
        if not _TYPE.match(type_):
            raise LoadError(f"--type {column}={type_}: {type_!r} is no type")
        return str(session.execute(f"SELECT typeof(CAST(NULL AS {type_}))")[0][0])
    except Exception as error:
        if failure(error):
            raise LoadError(
                f"--type {column}={type_}: there is no type {type_}",
                hint="Write it as DuckDB does: VARCHAR, BIGINT, DOUBLE, DECIMAL(9,2), TIMESTAMP.",
            ) from None
        raise
