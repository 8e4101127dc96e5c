"""Names with the warehouse's own catalog, made plain: `warehouse.main.trips` is `main.trips`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..model.errors import QueryError
from ..model.names import folded
from .owned import Owned
from .parse import NOWHERE, Node, Splice, Statement, match_at

PRIVATE = "isotherm_"
"""How the names of Isotherm's own catalogs and schemas begin; no query may name them."""

HOT = "hot"
"""The schema in which a dataset's name means its hot rows alone."""

_QUALIFIER = re.compile(rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)\s*\.\s*')


def place_of(table: Node, owned: Owned) -> tuple[str, str]:
    """Return schema and name of a table as they are written, in lower case, no catalog.

    The schema is empty where the name stands alone.
    """
    catalog, schema, name = (
        folded(str(table[key])) for key in ("catalog_name", "schema_name", "table_name")
    )
    if not catalog and schema and _is_own(schema, owned):
        return owned.default, name  # DuckDB reads catalog.table so
    return schema, name


def plain(statement: Statement, owned: Owned) -> Iterator[Splice]:
    """Yield the splices that take the warehouse's own catalog off the names of a query.

    Raises:
        QueryError: it names another catalog.

    """
    taken: set[tuple[str, str]] = set()
    columns: list[Node] = []
    for node in statement.nodes:
        if node.get("type") == "COLUMN_REF":
            columns.append(node)
            continue
        names = _names(node)
        instead = _instead(names, owned) if len(names) > 1 else None
        if instead is not None:
            yield _cut(statement, node, owned, instead)
            taken.add((folded(names[-2]), folded(names[-1])))
    for node in columns:
        column = [folded(str(name)) for name in node["column_names"]]
        own = len(column) == 4 and column[0] in owned.catalogs
        if own and (column[1], column[2]) in taken:
            yield _cut(statement, node, owned, "")


def _names(node: Node) -> list[str]:
    """Return the names that a table or a function is written with."""
    if node.get("type") == "BASE_TABLE":
        keys = ("catalog_name", "schema_name", "table_name")
    elif node.get("class") in ("FUNCTION", "WINDOW"):
        keys = ("catalog", "schema", "function_name")
    else:
        return []
    return [str(node[key]) for key in keys if node[key]]


def _instead(names: Sequence[str], owned: Owned) -> str | None:
    """Return what takes the place of a name's catalog; None if it has none."""
    first = folded(names[0])
    if len(names) == 3:
        if first in owned.catalogs:
            return ""
        if first not in ("system", "temp"):
            raise _other(names[0], owned)
    elif _is_own(first, owned):
        return f"{owned.default}."
    elif first.startswith(PRIVATE) and not _is_schema(first, owned):
        raise _other(names[0], owned)
    return None


def _is_own(schema: str, owned: Owned) -> bool:
    """Say whether what stands for a schema is the warehouse's catalog."""
    return schema in owned.catalogs and not _is_schema(schema, owned)


def _is_schema(name: str, owned: Owned) -> bool:
    return name in {folded(schema) for schema in owned.schemas}


def _cut(statement: Statement, node: Node, owned: Owned, instead: str) -> Splice:
    found = None
    if node["query_location"] != NOWHERE:
        found = match_at(statement.text, node, _QUALIFIER)
    if not found:
        raise QueryError(
            f"a name with the database {owned.name} was refused here",
            hint="Write it without the database: schema.table",
        )
    return Splice(*found, instead)


def _other(name: str, owned: Owned) -> QueryError:
    return QueryError(
        f"there is no database {name} here",
        hint=f"The warehouse's is {owned.name}, and a name needs none.",
    )
