"""Which table functions and file names a query may use; what is not listed is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..model.errors import QueryError
from ..model.names import folded
from .owned import Owned
from .parse import Node

# fmt: off
HARMLESS = frozenset({
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
    "icu_calendar_names", "pg_timezone_names", "duckdb_columns", "duckdb_constraints",
    "duckdb_databases", "duckdb_extensions", "duckdb_functions", "duckdb_indexes",
    "duckdb_keywords", "duckdb_schemas", "duckdb_sequences", "duckdb_settings", "duckdb_tables",
    "duckdb_types", "duckdb_views", "pragma_collations", "pragma_database_size",
    "pragma_platform", "pragma_show", "pragma_table_info",
    "pragma_user_agent", "pragma_version", "test_all_types",
})
# fmt: on
"""Table functions that read nothing, or the catalog alone. `pragma_storage_info` is none: it tells
values of rows, of whatever table there is."""

# fmt: off
READS_FILES = frozenset({
    "glob", "iceberg_metadata", "iceberg_scan", "iceberg_snapshots", "parquet_bloom_probe",
    "parquet_file_metadata", "parquet_full_metadata", "parquet_kv_metadata", "parquet_metadata",
    "parquet_scan", "parquet_schema", "read_blob", "read_csv", "read_csv_auto", "read_json",
    "read_json_auto", "read_json_objects", "read_json_objects_auto", "read_ndjson",
    "read_ndjson_auto", "read_ndjson_objects", "read_parquet", "read_text", "sniff_csv",
})
# fmt: on
"""Table functions that need `--allow-files`. Every other one may run SQL that nobody has checked,
change settings, or follow a pointer."""

_SCHEMAS = frozenset({"hot", "main", "information_schema", "pg_catalog"})
"""Schemas that are there in every query, beside the warehouse's own."""

_CATALOGS = frozenset({"information_schema", "pg_catalog"})
_LISTING = re.compile("pg_|duckdb_|sqlite_|pragma_")
"""How the names of tables and functions begin that list what there is."""

_FILE = re.compile(r"[^\w$ -]")
"""What the name of a file has, and that of a table seldom."""


def check(nodes: Iterable[Node], owned: Owned, *, allow_files: bool) -> None:
    """Check that a query reads no file that is no dataset, or may.

    Raises:
        QueryError: it names what it may not use.

    """
    for node in nodes:
        if folded(str(node.get("function_name") or "")) == "json_serialize_plan":
            raise QueryError(
                "json_serialize_plan was refused: it plans SQL that nobody has checked"
            )
        match node.get("type"):
            case "TABLE_FUNCTION":
                _check_function(str(node["function"].get("function_name", "")), owned, allow_files)
            case "BASE_TABLE" if not allow_files:
                _check_table(node, owned)
            case "SHOW_REF" if node["query"] is None:
                raise QueryError(
                    "SHOW was refused: it would show what Isotherm makes for one query",
                    hint="Datasets are shown by: isotherm status. Others: "
                    "SELECT table_schema, table_name FROM information_schema.tables",
                )


def lists_tables(nodes: Iterable[Node], owned: Owned) -> bool:
    """Say whether a query names what lists the tables that there are."""

    def lists(node: Node) -> bool:
        match node.get("type"):
            case "TABLE_FUNCTION":
                return bool(_LISTING.match(folded(str(node["function"].get("function_name", "")))))
            case "BASE_TABLE":
                schema, name = folded(str(node["schema_name"] or "")), str(node["table_name"])
                return schema in _CATALOGS or bool(
                    _LISTING.match(folded(name)) and not owned.has_table(name, schema)
                )
        return False

    return any(map(lists, nodes))


def _check_table(node: Node, owned: Owned) -> None:
    """Refuse a name that DuckDB may take for a file's: it joins catalog, schema and table."""
    catalog, schema, name = (
        str(node.get(key) or "") for key in ("catalog_name", "schema_name", "table_name")
    )
    whole = ".".join(part for part in (catalog, schema, name) if part)
    known = {*(folded(own) for own in owned.schemas), *_SCHEMAS}
    if schema and (folded(schema) not in known and folded(schema) not in owned.catalogs):
        raise _refused(f"{whole}: there is no schema {schema}, and it")
    if _FILE.search(name) and not owned.has_table(name, schema):
        raise _refused(f"the file {whole}")


def _check_function(name: str, owned: Owned, allow_files: bool) -> None:
    known = folded(name)
    if known in HARMLESS or (known not in READS_FILES and owned.has_macro(known)):
        return
    if known not in READS_FILES:
        raise QueryError(
            f"the table function {name} was refused: isotherm sql does not know what it may do"
        )
    if not allow_files:
        raise _refused(f"the table function {name}")


def _refused(what: str) -> QueryError:
    return QueryError(
        f"{what} was refused: it may read files that are no dataset",
        hint="If you mean it, add --allow-files.",
    )
