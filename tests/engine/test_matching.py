"""Whose rows a condition means: the same ones, however many people it names."""

from __future__ import annotations

import pytest

from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.matching import FEW, PLAIN, Kept, belongs_to, kept_as
from isotherm.engine.session import DuckDBSession
from isotherm.model.dataset import Dataset, TableName
from isotherm.model.person import DataSubject
from isotherm.model.schema import Column
from turns import in_turn

TYPED = Kept({"rider": "BIGINT", "email": "VARCHAR"})
TABLE = """(SELECT CASE WHEN i % 11 > 0 THEN i % 400 END AS rider,
    CASE WHEN i % 7 > 0 THEN 'r' || i % 400 || '''@x.org' END AS email FROM range(9000) t(i))"""


@pytest.fixture(scope="module")
def session() -> DuckDBSession:
    return DuckDBEngine().session()


def person(rider: object = None, email: object = None) -> DataSubject:
    given = {"email": email, "rider": rider}
    return DataSubject(tuple((name, str(v)) for name, v in given.items() if v is not None))


def rows_of(
    session: DuckDBSession, people: list[DataSubject], kept: Kept
) -> list[tuple[object, ...]]:
    condition = belongs_to(people, kept)
    rows = session.execute(f"SELECT rider, email FROM {TABLE} WHERE {condition} ORDER BY ALL")
    stay = session.execute(f"SELECT count(*) FROM {TABLE} WHERE NOT coalesce({condition}, FALSE)")
    assert len(rows) + stay[0][0] == 9_000
    return rows


def expected(session: DuckDBSession, people: list[DataSubject]) -> list[tuple[object, ...]]:
    found = session.execute(f"SELECT rider, email FROM {TABLE} ORDER BY ALL")
    texts = [{"rider": None if r is None else str(r), "email": e} for r, e in found]
    return [
        row
        for row, text in zip(found, texts, strict=True)
        if any(all(text[name] == value for name, value in p.values) for p in people)
    ]


@pytest.mark.parametrize("many", [1, *in_turn([2, FEW, FEW + 1, 300], 4)])
@pytest.mark.parametrize("kept", [TYPED, PLAIN], ids=["typed", "untyped"])
def test_a_condition_means_the_rows_of_those_it_names(
    session: DuckDBSession, many: int, kept: Kept
) -> None:
    one = [person(rider=number) for number in range(many)]
    two = [person(number, f"r{number}'@x.org") for number in range(many)]
    crossed = [person(number, f"r{number + 1}'@x.org") for number in range(many)]
    for people in (
        one,
        two,
        crossed,
        [*two, *one[:3], *crossed],
        [*one, person(email="r1'@x.org")],
    ):
        assert rows_of(session, people, kept) == expected(session, people)
    assert rows_of(session, two, kept)
    assert not rows_of(session, crossed, kept)


@pytest.mark.parametrize("many", [2, FEW + 5])
def test_a_value_that_none_of_its_type_can_be_is_nobodys_even_where_nothing_is_written(
    session: DuckDBSession, many: int
) -> None:
    words = [person("no number", f"r{number}'@x.org") for number in range(many)]
    assert not rows_of(session, words, TYPED)
    assert not rows_of(session, [person("no number") for _ in range(many)], TYPED)
    some = [*words, person(3, "r3'@x.org")]
    assert rows_of(session, some, TYPED) == expected(session, [person(3, "r3'@x.org")])


def test_a_column_is_compared_as_the_table_has_it_where_the_engine_knows_that_type() -> None:
    cold = [Column("rider", "VARCHAR"), Column("fare", "VARCHAR"), Column("email", "VARCHAR")]
    table = [Column("rider", "UUID"), Column("fare", "money"), Column("email", "VARCHAR")]
    cast = {"rider": "VARCHAR", "fare": "VARCHAR"}
    dataset = Dataset("t", TableName("main", "t"), "pickup", cast=cast)
    kept = kept_as(cold, dataset, table)
    assert kept.cast == {"rider"}
    assert kept.types == {"rider": "UUID", "fare": "VARCHAR", "email": "VARCHAR"}
