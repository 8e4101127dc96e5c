"""People are found in rows that could not be loaded, however their file has spelled them."""

from __future__ import annotations

import pytest

from isotherm.control.quarantine import spellings
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.session import DuckDBSession

ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"


@pytest.fixture(scope="module")
def session() -> DuckDBSession:
    return DuckDBEngine().session()


@pytest.mark.parametrize(
    ("type_", "value", "raw"),
    [
        ("UUID", ID, f"1,{ID.upper()},x"),
        ("UUID", ID, f"1,{{{ID}}},x"),
        ("UUID", ID, f"1,{ID.replace('-', '')},x"),
        ("VARCHAR", "josé@x.org", r'{"mail": "jos\u00e9@x.org"}'),
        ("VARCHAR", "josé@x.org", r'{"mail": "jos\u00E9@x.org"}'),
        ("VARCHAR", "josé@x.org", r"1,jos\xe9@x.org,x"),
        ("VARCHAR", "josé@x.org", "1,josé@x.org,x"),
        ("VARCHAR", 'the "ace" doe', '1,"the ""ace"" doe",x'),
        ("VARCHAR", 'the "ace" doe', r'{"name": "the \"ace\" doe"}'),
        ("VARCHAR", "a\\b", r'{"name": "a\\b"}'),
        ("VARCHAR", "a+b@x.org", "1,a+b@x.org"),
        ("INTEGER", "42", "x,0042,y"),
        ("UBIGINT", "42", "x,+42,y"),
        ("INTEGER", "-42", "x,-042,y"),
        ("INTEGER", "42", "42"),
    ],
)
def test_a_row_names_somebody_in_the_spelling_of_its_file(
    session: DuckDBSession, type_: str, value: str, raw: str
) -> None:
    assert found(session, raw, spellings(value, type_))


@pytest.mark.parametrize(
    ("type_", "value", "raw"),
    [
        ("INTEGER", "42", "x,420,y"),
        ("INTEGER", "42", "x,142,y"),
        ("VARCHAR", "42", "x,0042,y"),
        ("VARCHAR", "r3@x.org", "1,R3@x.org"),
        ("VARCHAR", "a.b", "1,axb,2"),
        ("UUID", ID, f"1,{ID[:-1]}3,x"),
    ],
)
def test_a_row_that_names_another_is_not_taken_for_it(
    session: DuckDBSession, type_: str, value: str, raw: str
) -> None:
    assert not found(session, raw, spellings(value, type_))


def found(session: DuckDBSession, raw: str, pattern: str) -> bool:
    return bool(session.execute("SELECT regexp_matches(?, ?)", [raw, pattern])[0][0])
