"""Objects whose digest is known are rewritten in one reading, and proven none the less."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import duckdb
import pytest

import isotherm
from ageing import Clock, age, ids, untidy
from conftest import MakeLake, lake_at, run_sql
from isotherm.control import parts
from isotherm.engine.tally import DuckDBTally
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed
from isotherm.model.part import Part
from isotherm.model.period import Duration, Period
from isotherm.model.person import DataSubject
from isotherm.moves import erase
from isotherm.moves.applying import Watch
from isotherm.moves.rewriting import Rewriting
from isotherm.opening import rebuild_lake
from isotherm.plan.plan import Move
from isotherm.plan.steps import Step
from isotherm.storage.folder import FolderStorage
from riders import NOW, THREE, about_riders, finish
from turns import in_turn, places_in_turn

WARM = about_riders(STANDARD="6 months")
TABLE = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 18) HOUR AS pickup, "
    "i::INTEGER AS id, CASE WHEN i % 10 < 9 THEN (i % 10)::INTEGER END AS rider_id, "
    "'r' || (i % 10) || '@x.org' AS email FROM range(80) t(i)"
)
EVERY = list(range(80))
OTHERS = [id_ for id_ in EVERY if id_ % 10 != 3]
UNKNOWN: dict[str, str] = {
    "by nobody": "NULL",
    "by another engine": "'0123456789abcdef ' || split_part(hashed, ' ', 2) || ' 0'",
    "wrongly": "split_part(hashed, ' ', 1) || ' 1 2'",
}


@pytest.fixture(autouse=True)
def they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "FEW", 1)  # as one row in ten is not


def make(make_lake: MakeLake, config: str = WARM) -> Lake:
    return made(make_lake(config, clock=Clock(NOW)))


def made(lake: Lake) -> Lake:
    run_sql(lake, TABLE)
    lake.erasing.new_key()
    age(lake)
    lake.erasing.ask("trips", [THREE], "DSR")
    return lake


def parts_of(lake: Lake) -> tuple[Part, ...]:
    with lake.warehouse.snapshot() as tx:
        return parts.of_dataset(tx, "trips")


def check_known(lake: Lake) -> None:
    """Hold what is known of every object against the object."""
    session = lake.warehouse.session()
    for part in parts_of(lake):
        source = session.parquet([lake.storage.url(part.readable_location)])
        assert part.hashed
        assert part.digest(part.hashed.by) == session.digest(f"SELECT * FROM {source}")
    session.close()


def read_otherwise(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of objects that are read in another way than the new one."""
    found: list[str] = []
    plain = Rewriting._found

    def noted(*given: object) -> object:
        found.append(str(given[2]))
        return plain(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Rewriting, "_found", noted)
    return found


@pytest.mark.parametrize("where", places_in_turn(["duckdb", "postgres", "duckdb on moto"], 3))
def test_every_move_that_writes_an_object_keeps_its_digest(
    request: pytest.FixtureRequest, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = made(lake_at(request, where, WARM, clock=Clock(NOW)))
    assert len(parts_of(lake)) > 1
    check_known(lake)
    before = {part.id for part in parts_of(lake)}
    twice = read_otherwise(monkeypatch)
    finish(lake)
    assert not twice
    assert ids(lake) == OTHERS
    assert before.isdisjoint(part.id for part in parts_of(lake))
    check_known(lake)  # of what the copy has told, and nothing else

    run_sql(lake, *(_late(number) for number in range(8)))
    for number in range(8):
        run_sql(lake, _late(100 + number))
        age(lake)
    assert ids(lake) == sorted([*OTHERS, *range(1000, 1008), *range(1100, 1108)])
    check_known(lake)
    lake.erasing.ask("trips", [DataSubject.parse("rider_id=4")], "TWO")
    finish(lake, "TWO")
    assert not twice
    assert ids(lake) == [id_ for id_ in OTHERS if id_ % 10 != 4]
    check_known(lake)
    assert not untidy(lake)
    assert not lake.audit(share=1.0).findings


def _late(number: int) -> str:
    return (
        "INSERT INTO trips VALUES "
        f"(TIMESTAMP '2018-03-05' + INTERVAL {number} HOUR, {1000 + number}, 4, 'r4@x.org')"
    )


@pytest.mark.parametrize("how", UNKNOWN)
def test_what_is_not_known_or_known_wrongly_is_read(make_lake: MakeLake, how: str) -> None:
    lake = make(make_lake)
    run_sql(lake, f"UPDATE isotherm.parts SET hashed = {UNKNOWN[how]}")
    finish(lake)
    assert ids(lake) == OTHERS
    check_known(lake)
    assert not untidy(lake)
    assert not lake.audit(share=1.0).findings


WRONG: dict[str, str] = {
    "somebody else's row less": "SELECT * FROM rows WHERE id <> 4",
    "a row of theirs": "SELECT * FROM rows UNION ALL SELECT * REPLACE (3 AS rider_id) FROM rows "
    "WHERE id = 4",
    "another value": "SELECT * REPLACE (CASE WHEN id = 4 THEN 'x' ELSE email END AS email) "
    "FROM rows",
    "their rows alone": "SELECT * REPLACE (3 AS rider_id) FROM rows",
    "no rows": "SELECT * FROM rows WHERE false",
}


def rewrite(lake: Lake, path: Path, query: str) -> None:
    """Write an object anew with other rows, and its field ids and notes."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows AS FROM read_parquet('{path}')")
        connection.execute(
            f"COPY ({query}) TO '{path}' (FORMAT parquet, "
            "FIELD_IDS {pickup: 1, id: 2, rider_id: 3, email: 4})"
        )


def path_of(lake: Lake, part: Part) -> Path:
    assert isinstance(lake.storage, FolderStorage)
    return Path(lake.storage.path(part.location))


@pytest.mark.parametrize(
    ("which", "wrong"),
    in_turn(
        [
            *(("the new one", wrong) for wrong in WRONG),
            # In one without rows nobody is found, so that it is left as it is: see `audit`.
            *(("the old one", wrong) for wrong in WRONG if wrong != "no rows"),
        ],
        2,
    ),
)
def test_an_object_that_is_another_is_found_before_anything_is_changed(
    make_lake: MakeLake, which: str, wrong: str
) -> None:
    lake = make(make_lake)
    march = parts_of(lake)[0]
    old = path_of(lake, march)
    content = old.read_bytes()

    def spoil(move: Move, step: Step) -> None:
        if step is Step.VERIFY and march.period in move.periods:
            (new,) = set(old.parent.glob("*.parquet")) - {old}
            rewrite(lake, new, WRONG[wrong])

    if which == "the old one":
        rewrite(lake, old, WRONG[wrong])
        says = f"{march.location} has other bytes than were recorded"
        with pytest.raises(MovesFailed, match=says):
            lake.erasing.run("DSR")
        old.write_bytes(content)
    else:
        with pytest.raises(MovesFailed, match="has not the rows that were to stay"):
            lake.erasing.run("DSR", watch=Watch(step=spoil))
    assert ids(lake)[: march.rows] == EVERY[: march.rows]
    assert march in parts_of(lake)
    finish(lake)
    assert ids(lake) == OTHERS
    assert not untidy(lake)
    check_known(lake)


def test_rows_that_are_held_or_of_nobody_stay(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    march = Period.parse("2018-03")
    lake.hold("A", "trips", [march], reason="x")
    twice = read_otherwise(monkeypatch)
    erased = finish(lake)
    assert not twice
    truth = run_sql(
        lake,
        "SELECT i FROM range(80) t(i) WHERE i % 10 <> 3 OR "
        "TIMESTAMP '2018-03-01' + INTERVAL (i * 18) HOUR < TIMESTAMP '2018-04-01' ORDER BY i",
    )
    assert ids(lake) == [row[0] for row in truth]
    said = json.loads(erased.request.certificate or "")
    assert sum(item["rows"] for item in said["removed"]) == 80 - len(truth)
    assert sum(item["rows"] for item in said["kept"]) == len(truth) - len(OTHERS)
    check_known(lake)


@pytest.mark.parametrize("many", [1, 20])
def test_an_object_of_which_nothing_stays_or_goes_leaves_no_other(
    make_lake: MakeLake, many: int
) -> None:
    lake = make(make_lake)
    run_sql(lake, "INSERT INTO trips VALUES (TIMESTAMP '2017-01-01', 80, 3, NULL)")
    age(lake)  # all rows of a month are theirs
    others = [DataSubject.parse(f"rider_id={number}") for number in range(100, 100 + many)]
    lake.erasing.ask("trips", [THREE, *others], "ALL")
    finish(lake, "ALL")
    assert ids(lake) == OTHERS
    assert not untidy(lake)
    lake.erasing.ask("trips", others, "NOBODY")
    before = parts_of(lake)
    finish(lake, "NOBODY")
    assert parts_of(lake) == before
    assert not untidy(lake)


def test_what_an_archive_gives_back_is_searched_before_it_is_copied(make_lake: MakeLake) -> None:
    lake = make(make_lake, WARM.replace("STANDARD", "GLACIER"))
    months = [part.period for part in parts_of(lake)]
    lake.apply(lake.restore_plan("trips", months, Duration.parse("30d")))
    finish(lake)
    assert ids(lake) == OTHERS
    check_known(lake)
    assert not untidy(lake)


def test_no_copy_tells_what_rows_were_hashed_to_and_a_rebuilt_lake_goes_on(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make(make_lake)
    told: list[str] = [str(part.hashed) for part in parts_of(lake)]
    lake.backup(tmp_path / "backup.isotherm")
    assert isinstance(lake.storage, FolderStorage)
    files = [tmp_path / "backup.isotherm", *(lake.storage.root / "control").rglob("*")]
    read = duckdb.connect()
    for file in filter(Path.is_file, files):
        content = file.read_bytes()
        if content[:4] == b"PAR1":
            rows = read.execute(f"SELECT name, content FROM read_parquet('{file}')").fetchall()
            content = "\n".join(map(str, rows)).encode()
            assert b"'parts'" in content
        assert not any(said.split()[1].encode() in content for said in told)
    run_sql(lake, "DROP SCHEMA isotherm CASCADE")
    lake.close()
    rebuild_lake(lake.config.file, clock=lake.clock)
    with isotherm.open(lake.config.file, clock=lake.clock) as found:
        assert all(part.hashed is None for part in parts_of(found))
        finish(found)
        assert ids(found) == OTHERS
        check_known(found)


def test_a_wrong_count_is_not_believed(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    count = DuckDBTally._count

    def twice(tally: DuckDBTally, by: int, hashed: int) -> int:
        count(tally, by, hashed)
        return count(tally, by, hashed)

    monkeypatch.setattr(DuckDBTally, "_count", twice)
    read = read_otherwise(monkeypatch)
    erased = finish(lake)
    assert read
    said = json.loads(erased.request.certificate or "")
    assert sum(item["rows"] for item in said["removed"]) == len(EVERY) - len(OTHERS)
    assert ids(lake) == OTHERS
    check_known(lake)


def test_ctrl_c_while_rows_are_counted_ends_the_erasure_which_goes_on_later(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake, WARM.replace("6 months", "16 months"))  # one object
    assert len(parts_of(lake)) == 1
    count, sent = DuckDBTally._count, []

    def interrupted(tally: DuckDBTally, by: int, hashed: int) -> int:
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return count(tally, by, hashed)

    monkeypatch.setattr(DuckDBTally, "_count", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            lake.erasing.run("DSR")
    finally:
        signal.signal(signal.SIGINT, before)
    assert ids(lake) == EVERY
    finish(lake)
    assert ids(lake) == OTHERS
    assert not untidy(lake)


@pytest.mark.parametrize(
    ("altered", "twice"),
    [
        ("ALTER TABLE trips ADD COLUMN fare DOUBLE", False),
        ("ALTER TABLE trips ALTER id TYPE BIGINT", True),
    ],
)
def test_columns_that_came_or_changed_since(
    make_lake: MakeLake, altered: str, twice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(make_lake)
    run_sql(lake, altered)
    run_sql(lake, "INSERT INTO trips (pickup, id, rider_id) VALUES ('2018-06-01', 99, 5)")
    age(lake)
    read = read_otherwise(monkeypatch)
    finish(lake)
    assert bool(read) == twice
    assert ids(lake) == [*OTHERS, 99]
    check_known(lake)
    assert not lake.audit(share=1.0).findings


def test_the_engine_forgets_what_counted(make_lake: MakeLake) -> None:
    lake = make(make_lake)
    finish(lake)
    query = "SELECT function_name FROM duckdb_functions() WHERE function_name LIKE '%tally%'"
    assert not run_sql(lake, query)
    session = lake.warehouse.session()
    with session.tally() as tally:
        counted = tally.counted(["i"], "(i % 3)::INTEGER")
        tally.session.execute(f"SELECT {counted} FROM range(10) t(i)")
        assert tally.found == session.digests(["i"], "range(10) t(i)", "(i % 3)::INTEGER")
        with pytest.raises(duckdb.CatalogException):
            session.execute("SELECT no_such_function()")
    assert not run_sql(lake, query)
    session.close()
