"""A digest speaks of every value of every row, whatever its columns are called."""

from __future__ import annotations

import pytest

from isotherm.engine.duckdb import DuckDBEngine


@pytest.mark.parametrize("name", ["t", "hashed", "isotherm", "x"])
def test_a_column_may_have_any_name(name: str) -> None:
    session = DuckDBEngine().session()
    digests = {session.digest(f"SELECT {n} AS {name}, {m} AS b") for n in (1, 2) for m in (1, 2)}
    assert len(digests) == 4
    session.close()
