"""A copy that does not hold what the warehouse holds is found, whatever is wrong with it."""

from __future__ import annotations

import duckdb
import pytest

from ageing import Clock, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, VerifyError
from isotherm.moves.applying import Watch
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage
from turns import in_turn

WRONG = {
    "another value": "SELECT pickup, CASE WHEN id = 7 THEN 8 ELSE id END AS id FROM rows",
    "a row less": "SELECT * FROM rows WHERE id <> 7",
    "a row twice": "SELECT * FROM rows UNION ALL SELECT * FROM rows WHERE id = 7",
    "a row instead of another": "SELECT * FROM rows WHERE id <> 7 "
    "UNION ALL SELECT * FROM rows WHERE id = 8",
    "no rows": "SELECT * FROM rows WHERE false",
    "values of two rows changed over": "SELECT pickup, CASE id WHEN 7 THEN 8 WHEN 8 THEN 7 "
    "ELSE id END AS id FROM rows",
}


def make_due(make_lake: MakeLake) -> Lake:
    lake = make_lake(policy(STANDARD="6 months"), clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 6) HOUR AS pickup, "
        "i AS id FROM range(100) t(i)",
    )
    return lake


def rewrite(lake: Lake, query: str) -> None:
    """Write the one object anew, with other rows and the same field ids."""
    assert isinstance(lake.storage, FolderStorage)
    (location,) = lake.storage.list("STANDARD")
    path = lake.storage.path(location)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows AS FROM read_parquet('{path}')")
        connection.execute(
            f"COPY ({query}) TO '{path}' (FORMAT parquet, FIELD_IDS {{pickup: 1, id: 2}})"
        )


MACROS = """
    CREATE MACRO hash(x) AS 1::UBIGINT;
    CREATE MACRO sum(x) AS 7;
    CREATE MACRO count(x) AS 100;
    CREATE MACRO bit_xor(x) AS 3;
    CREATE MACRO max(x) AS NULL;
    CREATE MACRO date_trunc(a, b) AS TIMESTAMP '2000-01-01';
    CREATE MACRO "+"(a, b) AS 5;
    CREATE MACRO duckdb_tables() AS TABLE SELECT 1 AS database_name;
    CREATE MACRO list(x) AS [];
    CREATE MACRO lower(x) AS 'x';
"""
"""What a warehouse's owner may have made, by names of the engine's own functions."""


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("wrong", in_turn(WRONG, 2))
def test_rows_stay_in_the_warehouse_when_their_copy_has(
    make_lake: MakeLake, wrong: str, exclusive: bool
) -> None:
    lake = make_due(make_lake)

    def spoil(_: Move, step: Step) -> None:
        if step is Step.VERIFY:
            rewrite(lake, WRONG[wrong])

    with pytest.raises(MovesFailed) as failed:
        lake.apply(plan_of(lake), exclusive=exclusive, watch=Watch(step=spoil))
    (error,) = failed.value.applied.failures.values()
    assert isinstance(error, VerifyError)
    assert "does not equal the rows of 2018-03" in error.message
    assert run_sql(lake, "SELECT count(DISTINCT id), count(*) FROM trips") == [(100, 100)]
    assert ids(lake) == list(range(100))
    assert not untidy(lake)

    lake.apply(plan_of(lake))
    assert ids(lake) == list(range(100))
    assert tiers_of(lake) == {"2018-03": "STANDARD"}


def test_macros_with_the_names_of_the_engine_s_functions_hide_no_wrong_copy(
    make_lake: MakeLake,
) -> None:
    lake = make_due(make_lake)
    run_sql(lake, MACROS)

    def spoil(_: Move, step: Step) -> None:
        if step is Step.VERIFY:
            rewrite(lake, WRONG["another value"])

    with pytest.raises(MovesFailed, match="does not equal the rows of 2018-03"):
        lake.apply(plan_of(lake), watch=Watch(step=spoil))
    assert ids(lake) == list(range(100))
    assert not untidy(lake)

    lake.apply(plan_of(lake))
    assert tiers_of(lake) == {"2018-03": "STANDARD"}
    assert ids(lake) == list(range(100))
    assert not lake.audit(share=1.0).findings
    assert not untidy(lake)
    assert lake.connection().execute("SELECT sum(1), hash('a')").fetchall() == [(7, 1)]


def test_a_row_that_is_changed_after_its_copy_was_read_back_is_copied_again(
    make_lake: MakeLake,
) -> None:
    lake = make_due(make_lake)
    seen: list[Step] = []

    def change(_: Move, step: Step) -> None:
        seen.append(step)
        if step is Step.FENCE and seen.count(Step.FENCE) == 1:
            run_sql(lake, "UPDATE trips SET id = 1007 WHERE id = 7")

    lake.apply(plan_of(lake), watch=Watch(step=change))
    assert seen.count(Step.COPY) == 2
    assert ids(lake) == sorted({*range(100), 1007} - {7})
    assert tiers_of(lake) == {"2018-03": "STANDARD"}
    assert not untidy(lake)
