"""A name that DuckDB may take for a file's reads no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import QueryError


@pytest.mark.parametrize(
    "query",
    [
        "select * from secret.parquet",
        'select * from "{folder}/secret".parquet',
        'select * from "{folder}/*".parquet',
        'select (select count(*) from "{folder}/secret".parquet)',
        'select * from trips join "{folder}/secret".parquet using (id)',
    ],
)
def test_a_file_named_by_schema_and_table_is_refused(
    make_lake: Callable[..., Lake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    lake = make_lake()
    monkeypatch.chdir(tmp_path)
    run_sql(lake, make_trips(100), f"COPY main.trips TO '{tmp_path}/secret.parquet'")
    with pytest.raises(QueryError, match=r"secret|parquet"):
        lake.sql(query.format(folder=tmp_path))


def test_a_parameter_is_refused_by_its_name(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake()
    run_sql(lake, make_trips(100))
    with pytest.raises(QueryError, match="parameter"):
        lake.sql("select * from trips where id = $1")


def test_a_whole_row_may_be_taken_apart(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake()
    run_sql(lake, make_trips(100))
    assert lake.sql("select sum((t).id) from trips t").fetchall() == [(4950,)]
    assert lake.sql("select sum(struct_extract(trips, 'id')) from trips").fetchall() == [(4950,)]
