"""The SQL of cold rows: objects, each of them read as the columns are called and typed today."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..engine.duckdb import DuckDBSession
from ..engine.sql import quote, text
from ..model.part import Location, Part
from .layout import Memory
from .pinned import Field

PLAIN = "hive_partitioning = false"
"""A folder that happens to be called `fare=5` says nothing about the column."""


def cold_rows(
    session: DuckDBSession,
    fields: Sequence[Field],
    parts: Sequence[Part],
    url: Callable[[Location], str],
    memory: Memory,
) -> str:
    """Return the query of the rows of some parts.

    A column is known by its field id, so that an object with an older name or type of it is read
    right; one that an object has not yet is NULL.

    Args:
        fields: The columns by the names and types that the query sees.

    """
    urls = [url(part.readable_location) for part in parts]
    if len(urls) == 1:  # by field id, DuckDB reads a single file on one thread
        found = memory.object_fields(session, urls[0])
        if all(found[f.id].type == f.type for f in fields if f.id in found):
            return _by_name(urls[0], fields, found)
    return _by_id(urls, fields)


def _by_name(url: str, fields: Sequence[Field], found: dict[int, Field]) -> str:
    picked = ", ".join(
        f"{quote(found[f.id].name) if f.id in found else f'NULL::{f.type}'} AS {quote(f.name)}"
        for f in fields
    )
    return f"SELECT {picked} FROM read_parquet({text(url)}, {PLAIN})"


def _by_id(urls: Sequence[str], fields: Sequence[Field]) -> str:
    schema = ", ".join(
        f"{f.id}: {{'name': {text(f.name)}, 'type': {text(f.type)}, 'default_value': NULL}}"
        for f in fields
    )
    listed = ", ".join(text(url) for url in urls)
    return f"SELECT * FROM read_parquet([{listed}], {PLAIN}, schema = MAP {{{schema}}})"
