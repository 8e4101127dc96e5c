"""The SQL of cold rows: objects, each of them read as the columns are called and typed today."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..engine.session import DuckDBSession
from ..engine.sql import listed, opaque, quote, unused_name
from ..model.names import folded
from ..model.part import Location, Part
from ..model.schema import Column
from .layout import Memory

FILES_AT_MOST = 256
"""The columns of more files are not looked at: that would take longer than it saves."""
Columns = Mapping[int, Column]
"""By field id."""


def cold_rows(
    columns: Columns,
    url: Callable[[Location], str],
    memory: Memory,
    session: DuckDBSession,
    parts: Sequence[Part],
) -> str:
    """Return the query of the rows of some parts.

    A column is known by its field id, so that an object with an older name or type of it is read
    right; one that an object has not yet is NULL. Where every object has the names and types of
    today they are read by name: the engine knows the statistics of such files, and reads each of
    them on all threads.

    Args:
        columns: With the names and types that the query sees.
        session: Looks into the objects.

    """

    def made() -> str:
        urls = [url(part.readable_location) for part in parts]
        if len(urls) == 1 or (len(urls) <= FILES_AT_MOST and urls[0].startswith("file:")):
            objects = memory.object_columns(session, urls)
            if all(_is_of_today(found, columns) for found in objects):
                return _by_name(session, urls, columns, objects)
        # By field id the engine compares a FLOAT as such with what a DOUBLE is to be.
        floats = memory.once_floats(parts[0].dataset)
        picked = ", ".join(
            f"{opaque(quote(c.name))} AS {quote(c.name)}"
            if c.type == "DOUBLE" and id_ in floats
            else quote(c.name)
            for id_, c in columns.items()
        )
        return f"SELECT {picked} FROM {session.parquet(urls, columns)}"

    return memory.cold(columns, parts, made)


def together(columns: Sequence[Column], *queries: str) -> str:
    """Return the query of the rows of several queries, hot and cold.

    Of a union the engine reads the first column at least, were it only to count rows: it is a
    constant, so that objects are counted by their footers.
    """
    names = [column.name for column in columns]
    first = quote(unused_name(names))
    every = " UNION ALL BY NAME ".join(
        f"SELECT TRUE AS {first}, * FROM ({rows})" for rows in queries
    )
    return f"SELECT {listed(names)} FROM ({every})"


def _is_of_today(found: Columns, columns: Columns) -> bool:
    """Say whether an object has the columns that it has by the names and types of today."""
    ids = {folded(column.name): id_ for id_, column in columns.items()}
    return all(
        columns[id_] == column if id_ in columns else folded(column.name) not in ids
        for id_, column in found.items()
    )


def _by_name(
    session: DuckDBSession, urls: Sequence[str], columns: Columns, objects: Sequence[Columns]
) -> str:
    there = {id_ for found in objects for id_ in found}
    picked = ", ".join(
        f"{quote(c.name) if id_ in there else f'NULL::{c.type}'} AS {quote(c.name)}"
        for id_, c in columns.items()
    )
    alike = all(found == objects[0] for found in objects)
    return f"SELECT {picked} FROM {session.parquet(urls, alike=alike)}"
