"""A value that is written into a statement is the value that DuckDB would have bound."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.engine.sql import with_values

SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**127), 2**127 - 1),
    st.text(),
    st.datetimes(),
)
VALUES = st.one_of(SIMPLE, st.lists(st.text(), min_size=1), st.lists(st.integers(-9, 9)))


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_written_values_are_the_bound_ones(
    engine: duckdb.DuckDBPyConnection, values: list[object]
) -> None:
    places = ", ".join("?, typeof(?)" for _ in values)
    twice = [value for value in values for _ in range(2)]
    sql = f"SELECT {places}, 'why?' AS \"what?\" -- ends"
    written = with_values(sql, twice)
    if written is None:  # a text with a zero, a list of nothing, a far date: it is bound
        return
    assert engine.execute(written).fetchall() == engine.execute(sql, twice).fetchall()


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT ?", [b"bytes"]),
        ("SELECT ?", [1.5]),
        ("SELECT ?", ["a\0b"]),
        ("SELECT ?", [datetime(2019, 1, 1, tzinfo=UTC)]),
        ("SELECT ?", [datetime.max]),
        ("SELECT ?", [[]]),
        ("SELECT $1, $1", ["a"]),
        ("SELECT ?, ?", ["a"]),
    ],
)
def test_what_has_no_sure_literal_is_bound(sql: str, values: list[object]) -> None:
    assert with_values(sql, values) is None
