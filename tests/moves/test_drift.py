"""A table that its owner changes while some of its months are cold."""

from __future__ import annotations

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, set_config, tiers_of, untidy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed, SchemaError

COLD = policy(STANDARD="6 months")


def make(make_lake: MakeLake, config: str = COLD) -> Lake:
    """Make a lake whose March is cold, and whose April has still to follow."""
    lake = make_lake(config, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 12) HOUR AS pickup, "
        "i::INTEGER AS id, (i * 2)::INTEGER AS fare, 'x' || i AS tag FROM range(122) t(i)",
    )
    age(lake, "2018-03")
    assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "hot"}
    return lake


def reopened(lake: Lake, config: str) -> Lake:
    set_config(lake, config)
    lake.close()
    return isotherm.open(lake.config.file, clock=Clock())


def refusal(lake: Lake) -> SchemaError:
    with pytest.raises(MovesFailed) as failed:
        age(lake)
    (error,) = failed.value.applied.failures.values()
    assert isinstance(error, SchemaError)
    assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "hot"}
    assert not untidy(lake)
    return error


def reload(lake: Lake, config: str) -> Lake:
    """Bring everything back into the warehouse."""
    hot = reopened(lake, config.replace('STANDARD = "6 months"', ""))
    age(hot)
    assert set(tiers_of(hot).values()) == {"hot"}
    assert ids(hot) == list(range(122))
    assert not untidy(hot)
    return hot


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("ALTER TABLE trips RENAME fare TO price", "fare"),
        ("ALTER TABLE trips DROP COLUMN fare", "fare"),
    ],
)
def test_a_column_that_is_gone_stops_the_move_and_asks_what_became_of_it(
    make_lake: MakeLake, change: str, column: str
) -> None:
    lake = make(make_lake)
    run_sql(lake, change)
    error = refusal(lake)
    assert f"column {column} of main.trips is gone, but cold rows have it" in error.message
    assert "renamed = {" in error.hint
    assert 'dropped = ["fare"]' in error.hint


def with_key(key: str) -> str:
    """Return the config with one more key of the dataset."""
    policy_section = "[datasets.trips.policy]"
    return COLD.replace(policy_section, f"{key}\n\n{policy_section}")


def test_a_renamed_column_goes_on_under_its_new_name_and_comes_back_with_all_its_values(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    run_sql(lake, "ALTER TABLE trips RENAME fare TO price")
    config = with_key('renamed = { fare = "price" }')
    with reopened(lake, config) as lake:
        age(lake)
        assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "STANDARD"}
        want = [(n, n * 2) for n in range(122)]
        assert lake.sql("select id, price from trips order by id").fetchall() == want
    with reload(lake, config) as hot:
        assert run_sql(hot, "SELECT id, price FROM trips ORDER BY id") == want


def test_a_new_column_may_take_the_old_name_of_a_renamed_one(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    run_sql(lake, "ALTER TABLE trips RENAME fare TO price")
    config, both = with_key('renamed = { fare = "price" }'), "select id, price, fare from trips"
    with reopened(lake, config) as lake:
        age(lake)
        run_sql(
            lake,
            "ALTER TABLE trips ADD COLUMN fare INTEGER",
            "INSERT INTO trips VALUES (TIMESTAMP '2018-05-01', 122, 244, 'x', 7)",
        )
        want = [*((n, n * 2, None) for n in range(122)), (122, 244, 7)]
        assert sorted(lake.sql(both).fetchall()) == want
        age(lake)
        assert set(tiers_of(lake).values()) == {"STANDARD"}
        assert sorted(lake.sql(both).fetchall()) == want
        run_sql(lake, "DELETE FROM trips")
    with reopened(lake, config.replace('STANDARD = "6 months"', "")) as hot:
        age(hot)
        assert sorted(run_sql(hot, both)) == want


def test_a_dropped_column_stays_behind_in_the_objects_and_its_values_are_not_lost_by_a_reload(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    run_sql(lake, "ALTER TABLE trips DROP COLUMN fare")
    config = with_key('dropped = ["fare"]')
    with reopened(lake, config) as lake:
        age(lake)
        assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "STANDARD"}
        assert ids(lake) == list(range(122))
    with reopened(lake, config.replace('STANDARD = "6 months"', "")) as hot:
        with pytest.raises(MovesFailed, match="2018-03 have fare as INTEGER"):
            age(hot)
        assert tiers_of(hot) == {"2018-03": "STANDARD", "2018-04": "hot"}
        run_sql(hot, "ALTER TABLE trips ADD COLUMN fare INTEGER")
        age(hot)
        assert tiers_of(hot) == {"2018-03": "hot", "2018-04": "hot"}
        assert run_sql(hot, "SELECT sum(fare) FROM trips") == [(sum(range(0, 124, 2)),)]


def test_a_column_born_later_is_null_in_what_was_cold_before_it(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    run_sql(lake, "ALTER TABLE trips ADD COLUMN tip INTEGER DEFAULT 5")
    age(lake)
    found = lake.sql("select tip, count(*) from trips group by all order by all").fetchall()
    assert found == [(5, 60), (None, 62)]
    with reload(lake, COLD) as hot:
        found = run_sql(hot, "SELECT tip, count(*) FROM trips GROUP BY ALL ORDER BY ALL")
        assert found == [(5, 60), (None, 62)]


def test_a_wider_column_is_widened_cold_and_comes_back_as_it_is_now(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    run_sql(
        lake,
        "ALTER TABLE trips ALTER fare TYPE BIGINT",
        "UPDATE trips SET fare = 9000000000 WHERE id = 121",
    )
    age(lake)
    assert lake.sql("select max(fare), min(fare) from trips").fetchall() == [(9_000_000_000, 0)]
    with reload(lake, COLD) as hot:
        assert run_sql(hot, "SELECT max(fare), sum(fare) FROM trips") == [
            (9_000_000_000, sum(range(0, 242, 2)) + 9_000_000_000)
        ]


@pytest.mark.parametrize("kind", ["VARCHAR", "DOUBLE", "DECIMAL(9,2)", "BOOLEAN"])
def test_a_column_of_another_type_is_refused_by_name(make_lake: MakeLake, kind: str) -> None:
    lake = make(make_lake)
    run_sql(lake, f"ALTER TABLE trips ALTER fare TYPE {kind}")
    error = refusal(lake)
    assert f"column fare of trips is {kind} now, but its cold rows are INTEGER" in error.message
    assert '[datasets.trips.cast] fare = "INTEGER"' in error.hint


def test_a_narrower_column_follows_into_the_wider_cold_one(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    run_sql(lake, "ALTER TABLE trips ALTER fare TYPE SMALLINT")
    age(lake)
    assert lake.sql("select sum(fare) from trips").fetchall() == [(sum(range(0, 244, 2)),)]
    assert tiers_of(lake) == {"2018-03": "STANDARD", "2018-04": "STANDARD"}


def test_rows_that_break_a_constraint_made_since_are_not_brought_back(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    run_sql(lake, "CREATE UNIQUE INDEX ids ON trips (id)", "UPDATE trips SET id = 3 WHERE id = 121")
    with reopened(lake, policy()) as hot:
        with pytest.raises(MovesFailed, match=r"a constraint of main\.trips forbids it.*id: 3"):
            age(hot)
        assert tiers_of(hot) == {"2018-03": "STANDARD", "2018-04": "hot"}
        assert not untidy(hot)
        # The journal is for ever: of what the engine says, which names a value, it has nothing.
        reasons = [entry.detail["reason"] for entry in hot.journal() if entry.event == "abandoned"]
        assert reasons == ["SchemaError: a constraint of main.trips forbids it"]


def test_a_table_that_was_dropped_is_named_and_its_cold_rows_are_untouched(
    make_lake: MakeLake,
) -> None:
    lake = make(make_lake)
    plan = plan_of(lake)
    run_sql(lake, "DROP TABLE trips")
    with pytest.raises(SchemaError, match=r"table main\.trips of trips does not exist") as error:
        age(lake)
    assert "Its 1 cold partition" in error.value.hint
    with pytest.raises(SchemaError):
        lake.apply(plan)
    run_sql(
        lake,
        "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, fare INTEGER, tag VARCHAR)",
    )
    assert ids(lake) == list(range(62))


def test_a_generated_column_is_kept_cold_and_its_rows_are_not_brought_back_half(
    make_lake: MakeLake,
) -> None:
    lake = make_lake(COLD, clock=Clock())
    run_sql(
        lake,
        "CREATE TABLE trips (pickup TIMESTAMP, id INTEGER, double INTEGER AS (id * 2))",
        "INSERT INTO trips SELECT TIMESTAMP '2018-03-01' + INTERVAL (i) HOUR, i "
        "FROM range(122) t(i)",
    )
    age(lake)
    total = [(sum(range(0, 244, 2)),)]
    assert lake.sql("select sum(double) from trips").fetchall() == total
    with reopened(lake, policy()) as hot:
        with pytest.raises(MovesFailed, match="Cannot insert into a generated column"):
            age(hot)
        assert hot.sql("select sum(double) from trips").fetchall() == total
        assert not untidy(hot)


@pytest.mark.parametrize("clock", ["DATE", "TIMESTAMPTZ"])
def test_a_clock_may_be_a_date_or_have_a_zone(make_lake: MakeLake, clock: str) -> None:
    lake = make_lake(COLD, clock=Clock())
    run_sql(
        lake,
        f"CREATE TABLE trips AS SELECT (TIMESTAMP '2018-03-01' + INTERVAL (i * 12) HOUR)::{clock} "
        "AS pickup, i AS id FROM range(122) t(i)",
        "INSERT INTO trips VALUES (NULL, 500)",
    )
    age(lake)
    assert ids(lake) == [*range(122), 500]
    assert run_sql(lake, "SELECT id FROM trips") == [(500,)]
    march = "select count(*) from trips where pickup < '2018-04-01'"
    assert lake.sql(march).fetchall() == [(62,)]
    with reopened(lake, policy()) as hot:
        age(hot)
        assert run_sql(hot, "SELECT count(*), sum(id) FROM trips") == [(123, sum(range(122)) + 500)]
        assert not untidy(hot)
