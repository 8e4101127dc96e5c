"""The 99 queries of TPC-DS over sales that are hot and cold: the answers of plain tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from bench import tpcds

import isotherm
from isotherm.lake import Lake

COLD_BEFORE = datetime(1998, 5, 1)


@pytest.fixture(scope="module")
def sides(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Lake, duckdb.DuckDBPyConnection]]:
    folder: Path = tmp_path_factory.mktemp("tpcds")
    tpcds.make(folder, 0.01, COLD_BEFORE)
    with (
        isotherm.open(folder / "lake" / "isotherm.toml") as lake,
        tpcds.plain(folder) as connection,
    ):
        yield lake, connection


def test_all_queries_have_the_answers_of_plain_tables(
    sides: tuple[Lake, duckdb.DuckDBPyConnection],
) -> None:
    lake, connection = sides
    cold = {name: len(lake.inventory(name).parts) for name in tpcds.CLOCKS}
    assert min(cold.values()) > 0, cold
    rows = {number: tpcds.check(lake, connection, number) for number in tpcds.QUERIES}
    assert len(rows) == 99
    assert sum(1 for count in rows.values() if count) > 60
