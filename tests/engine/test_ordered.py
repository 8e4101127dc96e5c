"""Rows keep their order while anybody wants that: the engine has one setting for all sessions."""

from __future__ import annotations

from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.session import DuckDBSession


def is_ordered(session: DuckDBSession) -> bool:
    (found,) = session.execute("SELECT current_setting('preserve_insertion_order')")
    return bool(found[0])


def test_who_ends_first_leaves_the_order_to_the_other() -> None:
    engine = DuckDBEngine()
    one, other = engine.session(), engine.session().beside()
    assert not is_ordered(one)
    with one.ordered():
        with other.ordered():
            assert is_ordered(one)
        assert is_ordered(one)
    assert not is_ordered(other)
