"""A missing or damaged object: the query says which, and of which partition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.control import parts
from isotherm.lake import Lake
from isotherm.model.errors import SchemaError, StorageError
from isotherm.model.part import Part
from isotherm.storage.folder import FolderStorage
from turns import in_turn

COLD = "SELECT sum(fare), count(DISTINCT tag) FROM trips WHERE pickup >= '2018-05-01'"


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    lake = make_lake(clock=Clock())
    run_sql(lake, make_trips())
    lake.apply(lake.plan(even_if_uneconomic=True))
    return lake


def of_month(lake: Lake, month: str) -> tuple[Part, Path]:
    with lake.warehouse.snapshot() as tx:
        part = next(p for p in parts.of_dataset(tx, "trips") if str(p.period) == month)
    assert isinstance(lake.storage, FolderStorage)
    return part, lake.storage.path(part.location)


def remove(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_bytes(b"This is no Parquet file.\n" * 100)


def spoil_pages(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4:3000] = b"\xff" * 2996
    path.write_bytes(raw)


DAMAGE = in_turn([remove, cut_short, empty, overwrite, spoil_pages], 3)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_a_query_names_the_object_and_its_partition(
    lake: Lake, damage: Callable[[Path], None]
) -> None:
    part, path = of_month(lake, "2018-09")
    damage(path)
    with pytest.raises(StorageError) as caught:
        lake.sql(COLD).fetchall()
    assert str(part.location) in caught.value.message
    assert "2018-09 of trips" in caught.value.message
    assert part.sha256 in caught.value.hint
    assert caught.value.exit_code == 10


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_it_does_so_too_when_the_rows_are_read_later(
    lake: Lake, damage: Callable[[Path], None]
) -> None:
    part, path = of_month(lake, "2018-09")
    damage(path)
    with pytest.raises(StorageError, match=str(part.location)):
        for _ in lake.sql("SELECT * FROM trips WHERE pickup >= '2018-05-01'").batches(100):
            pass


def test_other_partitions_can_be_read(lake: Lake) -> None:
    _, path = of_month(lake, "2018-09")
    path.unlink()
    for bound in ("pickup >= '2018-10-01'", "pickup >= '2018-05-01' AND pickup < '2018-09-01'"):
        query = f"SELECT count(*), max(tag) FROM trips WHERE {bound}"
        assert lake.sql(query).fetchall()[0][0] > 0


def test_metadata_that_is_missing_is_named(lake: Lake) -> None:
    with lake.warehouse.snapshot() as tx:
        ((metadata,),) = tx.execute("SELECT arg_max(metadata, version) FROM isotherm.pins")
    Path(metadata.removeprefix("file://")).unlink()
    with pytest.raises(StorageError, match="the Iceberg metadata of trips"):
        lake.sql(COLD)


def test_a_column_that_was_made_too_narrow_for_cold_values_is_named(lake: Lake) -> None:
    run_sql(lake, "ALTER TABLE trips ALTER id TYPE TINYINT USING (id % 100)")
    with pytest.raises(SchemaError) as caught:
        lake.sql("SELECT sum(id) FROM trips WHERE pickup >= '2018-05-01'").fetchall()
    assert "id" in caught.value.message
    assert "alter it back" in caught.value.hint
