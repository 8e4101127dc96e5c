"""Many threads query while months move: every one sees each row once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from ageing import Clock, policy
from conftest import MakeLake, make_trips, run_sql

READERS = 4
QUERIES = (
    "SELECT count(*), sum(fare), bit_xor(hash(id)) FROM trips",
    "SELECT count(*), sum(fare), bit_xor(hash(id)) FROM all_trips",
    "WITH a AS (SELECT * FROM trips WHERE pickup < '2018-09-01'), "
    "b AS (SELECT * FROM trips WHERE pickup >= '2018-09-01') "
    "SELECT count(*), sum(fare), bit_xor(hash(id)) FROM (FROM a UNION ALL FROM b)",
)


def test_readers_beside_an_apply_never_see_another_number(make_lake: MakeLake) -> None:
    lake = make_lake(policy(STANDARD="3 months", STANDARD_IA="9 months"), clock=Clock())
    run_sql(lake, make_trips(), "CREATE VIEW all_trips AS SELECT * FROM main.trips")
    expected = run_sql(lake, QUERIES[0])
    plan = lake.plan(even_if_uneconomic=True)
    over = threading.Event()

    def read(number: int) -> int:
        count = 0
        while not over.is_set() or count < 3:
            query = QUERIES[(number + count) % len(QUERIES)]
            assert lake.sql(query).fetchall() == expected
            count += 1
        return count

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read, number) for number in range(READERS)]
        try:
            lake.apply(plan)
        finally:
            over.set()
        counts = [reader.result() for reader in readers]
    assert all(count >= 3 for count in counts)
    assert lake.sql("SELECT count(*) FROM hot.trips").fetchall()[0][0] < 1_500
    assert lake.sql(QUERIES[0]).fetchall() == expected


def test_threads_that_ask_at_once_each_get_their_own_answer(make_lake: MakeLake) -> None:
    lake = make_lake(clock=Clock())
    run_sql(lake, make_trips())
    lake.apply(lake.plan(even_if_uneconomic=True))
    days = [f"2018-{month:02}-{day:02}" for month in range(5, 13) for day in (3, 17)]

    def ask(day: str) -> list[tuple[object, ...]]:
        return lake.sql(
            "SELECT min(pickup)::DATE::VARCHAR, count(*) > 9 FROM trips "
            f"WHERE pickup::DATE = '{day}'"
        ).fetchall()

    with ThreadPoolExecutor(READERS) as pool:
        assert list(pool.map(ask, days)) == [[(day, True)] for day in days]
