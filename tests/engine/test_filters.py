"""The filters that lie in objects: nobody who is there is left out, most of the others are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from isotherm.engine import filters
from isotherm.engine.duckdb import DuckDBEngine
from isotherm.engine.filters import GROUP_ROWS, PAGE, Filter
from isotherm.engine.session import DuckDBSession

pytestmark = pytest.mark.xdist_group("filters")

ROWS = 2 * GROUP_ROWS + 10_000
TABLE = f"""SELECT i AS id,
    (hash(i) % 1000000)::BIGINT * 3 AS rider,
    (hash(i) % 40000)::INTEGER - 20000 AS small,
    CASE WHEN i % 7 > 0 THEN 'r' || (hash(i) % 500000) || '@x.org' END AS email,
    md5((hash(i) % 90000)::VARCHAR)::UUID AS token,
    (i % 100 / 7)::DOUBLE AS odd,
    NULL::BIGINT AS nobody
    FROM range({ROWS}) t(i)"""
IDS = {"id": 1, "rider": 2, "small": 3, "email": 4, "token": 5, "odd": 6, "nobody": 7}
TYPES = {"rider": "BIGINT", "small": "INTEGER", "email": "VARCHAR", "token": "UUID"}


@pytest.fixture(scope="module")
def session() -> DuckDBSession:
    return DuckDBEngine().session()


@pytest.fixture(scope="module")
def file(session: DuckDBSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filters") / "object.parquet"
    with session.ordered():
        session.copy(TABLE, str(path), IDS, {"isotherm": "{}"}, sought=list(IDS)[1:])
    return path


def read(file: Path, first: int, length: int) -> bytes:
    with file.open("rb") as content:
        content.seek(first)
        return content.read(length)


def of(file: Path) -> Filter | None:
    return filters.find(partial(read, file), file.stat().st_size)


def groups(session: DuckDBSession, file: Path, name: str, value: str, type_: str) -> int | None:
    found = of(file)
    assert found
    (hash_,) = filters.hashes(session, [value], type_)
    assert hash_ is not None
    return found.may_have(partial(read, file), IDS[name], type_, hash_)


@pytest.mark.parametrize("name", TYPES)
def test_every_group_that_has_a_value_is_among_those_that_may(
    session: DuckDBSession, file: Path, name: str
) -> None:
    truth = session.execute(
        f"SELECT {name}::VARCHAR AS v, list(DISTINCT file_row_number // {GROUP_ROWS}) "
        f"FROM '{file}' WHERE {name} IS NOT NULL GROUP BY v ORDER BY md5(v) LIMIT 500"
    )
    assert len(truth) == 500
    for value, there in truth:
        found = groups(session, file, name, value, TYPES[name])
        assert found is not None
        assert all(found >> group & 1 for group in there), value


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("rider", [str(3 * number + 1) for number in range(1_000)]),
        ("small", [str(20_000 + number) for number in range(1_000)]),
        ("email", [f"r{number}@y.org" for number in range(1_000)]),
        ("token", [f"00000000-0000-4000-8000-{number:012}" for number in range(1_000)]),
    ],
)
def test_few_groups_are_taken_for_one_that_may_have_a_value_that_none_has(
    session: DuckDBSession, file: Path, name: str, absent: list[str]
) -> None:
    found = [groups(session, file, name, value, TYPES[name]) or 0 for value in absent]
    assert sum(bits.bit_count() for bits in found) < 0.1 * 3 * len(absent)


def test_a_column_of_nulls_has_nobody(session: DuckDBSession, file: Path) -> None:
    assert groups(session, file, "nobody", "4711", "BIGINT") == 0


def test_a_number_is_found_by_a_wider_type_and_by_no_other(
    session: DuckDBSession, file: Path
) -> None:
    ((value,),) = session.execute(f"SELECT small::VARCHAR FROM '{file}' LIMIT 1 OFFSET 5")
    narrow = groups(session, file, "small", value, "INTEGER")
    assert narrow
    assert groups(session, file, "small", value, "BIGINT") == narrow
    assert groups(session, file, "small", value, "VARCHAR") is None
    assert groups(session, file, "odd", "0.5", "DOUBLE") is None
    assert groups(session, file, "id", "5", "BIGINT") is None


def test_a_damaged_page_is_not_trusted(session: DuckDBSession, file: Path, tmp_path: Path) -> None:
    found = of(file)
    assert found
    content = bytearray(file.read_bytes())
    begin = found.columns[IDS["rider"]].offset
    end = found.columns[IDS["small"]].offset
    for page in range(begin, end, PAGE):
        content[page + 17] ^= 0x40
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(content)
    assert groups(session, damaged, "rider", "3", "BIGINT") is None
    assert groups(session, damaged, "small", "3", "INTEGER") is not None


def test_a_file_whose_filters_cannot_be_read_has_none(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    other = tmp_path / "other.parquet"
    for at in (-footer - 1, -footer - 10, -footer - 30):
        changed = bytearray(content)
        changed[at] ^= 1
        other.write_bytes(changed)
        assert of(other) is None
    for rest in (content[: -footer - 100] + content[-footer:], content[:-3], b"PAR1", content[:9]):
        other.write_bytes(rest)
        assert of(other) is None


def test_other_readers_find_the_rows_and_nothing_else(session: DuckDBSession, file: Path) -> None:
    expected = session.execute(f"SELECT count(*), sum(id), max(email) FROM ({TABLE})")
    assert session.execute(f"SELECT count(*), sum(id), max(email) FROM '{file}'") == expected
    table = pq.read_table(file)
    assert table.num_rows == ROWS
    assert pq.read_metadata(file).metadata[b"isotherm"] == b"{}"


def test_a_file_of_few_rows_or_of_nobody_has_no_filter(
    session: DuckDBSession, tmp_path: Path
) -> None:
    few, whole = tmp_path / "few.parquet", tmp_path / "whole.parquet"
    session.copy(f"{TABLE} LIMIT 100", str(few), IDS, {}, sought=["rider"])
    session.copy(f"{TABLE} LIMIT 10000", str(whole), IDS, {})
    assert of(few) is None
    assert of(whole) is None
