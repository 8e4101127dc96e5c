"""What the warehouse's owner has made beside the datasets: schemas, tables, views, macros."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from ..engine.duckdb import DuckDBSession
from ..warehouse.duckdb import DuckDBTransaction


class Owned:
    """The warehouse's catalogue at one snapshot; each part is read when it is first asked for."""

    def __init__(self, tx: DuckDBTransaction) -> None:
        self._tx = tx
        self.stem = tx.warehouse.path.stem
        """What DuckDB itself calls the warehouse's file."""
        self.catalogs = frozenset({self.stem.casefold(), tx.warehouse.alias.casefold()})

    @cached_property
    def now(self) -> datetime:
        """The transaction's time, UTC without zone."""
        found: datetime = self._tx.session.execute("SELECT now()::TIMESTAMP")[0][0]
        return found

    @cached_property
    def schemas(self) -> tuple[str, ...]:
        """The schemas, the default one first."""
        rows = self._tx.session.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? "
            "AND (NOT internal OR schema_name = 'main') ORDER BY schema_name <> 'main', 1",
            [self._tx.warehouse.alias],
        )
        return tuple(row[0] for row in rows)

    @cached_property
    def views(self) -> dict[tuple[str, str], str]:
        """The SQL of the views, by schema and name."""
        rows = self._tx.session.execute(
            "SELECT schema_name, view_name, sql FROM duckdb_views() "
            "WHERE database_name = ? AND NOT internal ORDER BY schema_name <> 'main', schema_name",
            [self._tx.warehouse.alias],
        )
        return {(schema, name): sql for schema, name, sql in rows}

    @cached_property
    def tables(self) -> frozenset[tuple[str, str]]:
        """The tables, by schema and name."""
        rows = self._tx.session.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?",
            [self._tx.warehouse.alias],
        )
        return frozenset((schema, name) for schema, name in rows)

    @cached_property
    def macros(self) -> dict[str, list[str]]:
        """The bodies of the macros, as queries, by name in lower case."""
        found: dict[str, list[str]] = {}
        for name, kind, body in _macros(self._tx.session, self._tx.warehouse.alias):
            query = body if kind == "table_macro" else f"SELECT {body}"
            found.setdefault(name.casefold(), []).append(query)
        return found

    def has_table(self, name: str, schema: str = "") -> bool:
        """Say whether a table or view of a schema, of any if none is said, has this name."""
        wanted = (schema.casefold(), name.casefold())
        return any(
            (own_schema.casefold() if schema else "", own.casefold()) == wanted
            for own_schema, own in (*self.tables, *self.views)
        )

    def has_macro(self, name: str) -> bool:
        """Say whether some macro has this name."""
        return name.casefold() in self.macros


def builtin_functions(session: DuckDBSession, catalog: str) -> frozenset[str]:
    """Return the names of functions that the owner of `catalog` has not made, in lower case."""
    rows = session.execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
        "WHERE database_name = 'system'"
    )
    own = {name.casefold() for name, _, _ in _macros(session, catalog)}
    return (frozenset(row[0] for row in rows) | _WINDOW_FUNCTIONS) - own


# fmt: off
_WINDOW_FUNCTIONS = frozenset({
    "row_number", "rank", "dense_rank", "rank_dense", "percent_rank", "cume_dist", "ntile",
    "first_value", "last_value", "nth_value", "lag", "lead", "fill", "first", "last",
})
# fmt: on
"""Functions that the parser knows and the catalogue does not."""


def _macros(session: DuckDBSession, catalog: str) -> list[tuple[str, str, str]]:
    rows = session.execute(
        "SELECT function_name, function_type, macro_definition FROM duckdb_functions() "
        "WHERE database_name = ? AND NOT internal AND macro_definition IS NOT NULL",
        [catalog],
    )
    return [(row[0], row[1], row[2]) for row in rows]
