"""The rows of a dataset for Spark: its objects, column by column as they are called today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ..model.errors import SchemaError
from ..model.schema import Column, cold_type, decimal
from .dialect import quoted

_TYPES = {
    "BOOLEAN": "BOOLEAN",
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "VARCHAR": "STRING",
    "BLOB": "BINARY",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ",
}
Layout = tuple[tuple[int, Column], ...]


def spark_type(column: Column) -> str | None:
    """Return what Spark calls the type of a column; None if it has none for it."""
    kept = cold_type(column.type) or ""
    return kept if decimal(kept) else _TYPES.get(kept)


def checked(dataset: str, columns: Sequence[Column]) -> dict[str, str]:
    """Return Spark's types of columns by their names.

    Raises:
        SchemaError: it has none for one.

    """
    found = {column.name: spark_type(column) for column in columns}
    for column in columns:
        if found[column.name] is None:
            raise SchemaError(
                f"column {column.name} of {dataset} is {column.type}, which Spark does not have",
                hint="Ask for it without Spark: take [engine] url out of the config.",
            )
    return {name: type_ for name, type_ in found.items() if type_}


def by_layout(
    urls: Sequence[str], objects: Sequence[Mapping[int, Column]]
) -> dict[Layout, list[str]]:
    """Return objects by the columns that they were written with, and by their field ids."""
    groups: dict[Layout, list[str]] = defaultdict(list)
    for url, found in zip(urls, objects, strict=True):
        groups[tuple(sorted(found.items()))].append(url)
    return groups


def picked(layout: Layout, ids: Mapping[str, int], types: Mapping[str, str]) -> list[str]:
    """Return the expressions that make the columns of today out of those of some objects.

    Args:
        ids: The field id of each column of today that cold rows have.
        types: The types of today's columns, by name.

    """
    there = {id_: column.name for id_, column in layout}
    return [
        f"CAST({quoted(there[ids[own]]) if ids.get(own) in there else 'NULL'} AS {type_}) "
        f"AS {quoted(own)}"
        for own, type_ in types.items()
    ]
