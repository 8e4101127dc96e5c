"""The config that `isotherm init` writes."""

from __future__ import annotations

import json

from ..config.sections import WarehouseSection

_TEMPLATE = """\
# Isotherm keeps a table whole while its rows cool down. Relative paths are relative to this file.

[warehouse]
url = {warehouse:<28} # where recent rows live: a file, or postgresql://...

[storage]
url = {storage:<28} # where older rows go: a folder, or s3://bucket/prefix
# [storage.tiers]
# GLACIER = "/mnt/tape"            # a tier of a folder may be another mount

[catalog]
url = {catalog:<28} # the Iceberg catalogue; other engines can read it

# [engine]
# url = "sc://host:15002"          # a Spark Connect server runs the queries; DuckDB by default

[settings]
# grace          = "1 hour"        # how long readers may use what a move has replaced
# query_timeout  = "30 minutes"    # below the grace
# restore_margin = "5 minutes"     # a restored copy is not read this shortly before its end
# memory         = "1GB"           # what a move may take
# cache          = "1GB"           # what queries may keep of cold rows in memory
# threads        = 4               # all cores by default
# moves_at_once  = 2               # while one is committed, the next are copied

[prices]
# hot = 0.024                      # dollars a GB and month in the warehouse

# One section for each table that ages. Its name is its name in SQL.
[datasets.trips]
table  = {table:<25} # the warehouse's table; loading creates it if it is not there
clock  = {clock:<25} # the column that ages a row: TIMESTAMP, TIMESTAMPTZ or DATE
# clock_unit = "seconds"           # what the clock counts, where it is a whole number
period = "month"                   # month, day or hour
# subject  = ["rider_id"]          # the columns that identify a person
# earliest = 2009-01-01            # rows before it never age: they are dirt, and listed
# latest   = 2030-01-01            # rows from it on never age
# settle   = "7 days"              # no move sooner than this after a partition's last load
# order_by = ["pickup"]            # how the rows of an object are sorted
# target_object_bytes = 536870912  # larger partitions become several objects
# append_min_rows = 1              # late rows wait until there are as many ...
# append_max_age  = "7 days"       # ... or until they are this old

[datasets.trips.policy]            # the age at which a partition enters a tier
STANDARD    = "6 months"
STANDARD_IA = "12 months"
GLACIER     = "15 months"          # archived: restore it before you read it
expire      = "12 years"           # deleted, when you say: isotherm apply --expire
"""


def template(
    clock: str = "pickup",
    storage: str = "file:objects",
    warehouse: str = "duckdb:warehouse.duckdb",
) -> str:
    """Return a commented config.

    Args:
        clock: The clock column of its dataset.
        storage: The URL of its store.
        warehouse: The URL of its warehouse; one on PostgreSQL has the catalogue beside it.

    """
    section = WarehouseSection.model_construct(url=warehouse)
    local = section.default_schema == "main"
    return _TEMPLATE.format(
        clock=_toml(clock),
        storage=_toml(storage),
        warehouse=_toml(warehouse),
        catalog=_toml("sqlite:catalog.db" if local else warehouse),
        table=_toml(f"{section.default_schema}.trips"),
    )


def _toml(text: str) -> str:
    """Write a text as TOML does, which is as JSON does."""
    return json.dumps(text, ensure_ascii=False)
