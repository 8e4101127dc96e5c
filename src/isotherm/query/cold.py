"""The SQL of cold rows: objects, each of them read as the columns are called and typed today."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..engine.duckdb import DuckDBSession
from ..engine.sql import quote
from ..model.part import Location, Part
from ..model.schema import Column
from .layout import Memory


def cold_rows(
    session: DuckDBSession,
    columns: Mapping[int, Column],
    parts: Sequence[Part],
    url: Callable[[Location], str],
    memory: Memory,
) -> str:
    """Return the query of the rows of some parts.

    A column is known by its field id, so that an object with an older name or type of it is read
    right; one that an object has not yet is NULL.

    Args:
        columns: By field id, with the names and types that the query sees.

    """
    urls = [url(part.readable_location) for part in parts]
    if len(urls) == 1:  # by field id, DuckDB reads a single file on one thread
        found = memory.object_columns(session, urls[0])
        if all(found[id_].type == c.type for id_, c in columns.items() if id_ in found):
            return _by_name(session.parquet(urls), columns, found)
    return f"SELECT * FROM {session.parquet(urls, columns)}"


def _by_name(source: str, columns: Mapping[int, Column], found: Mapping[int, Column]) -> str:
    picked = ", ".join(
        f"{quote(found[id_].name) if id_ in found else f'NULL::{c.type}'} AS {quote(c.name)}"
        for id_, c in columns.items()
    )
    return f"SELECT {picked} FROM {source}"
