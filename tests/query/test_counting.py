"""Rows of objects are counted by their footers: their pages are not read for it."""

from __future__ import annotations

import pytest

from ageing import Clock
from conftest import MakeLake, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import StorageError
from isotherm.storage.folder import FolderStorage

ROWS = 6_000


@pytest.fixture
def spoiled(make_lake: MakeLake) -> Lake:
    """Return a lake with hot rows, and cold ones of which every page is spoiled."""
    lake = make_lake(clock=Clock())
    run_sql(lake, make_trips(ROWS))
    lake.apply(lake.plan(even_if_uneconomic=True))
    assert isinstance(lake.storage, FolderStorage)
    inventory = lake.inventory("trips")
    assert inventory.hot
    for part in inventory.parts:
        path = lake.storage.path(part.readable_location)
        raw = bytearray(path.read_bytes())
        raw[4:2000] = b"\xff" * 1996
        path.write_bytes(raw)
    return lake


def test_a_count_reads_no_page(spoiled: Lake) -> None:
    with pytest.raises(StorageError):
        spoiled.sql("SELECT count(id) FROM trips WHERE pickup >= '2018-05-01'").fetchall()
    hot = run_sql(spoiled, "SELECT count(*) FROM trips")[0][0]
    (found,) = spoiled.sql("SELECT count(*) FROM trips", archived="skip").fetchall()
    archived = sum(p.rows for p in spoiled.inventory("trips").parts if p.tier.archived)
    assert 0 < int(str(hot)) < found[0] == ROWS - archived


def test_a_column_may_have_the_longest_of_names(make_lake: MakeLake) -> None:
    lake = make_lake(clock=Clock())
    run_sql(
        lake,
        'CREATE TABLE trips (pickup TIMESTAMP, "pickup_" INTEGER, "PICKUP__" INTEGER)',
        "INSERT INTO trips VALUES (TIMESTAMP '2018-04-01', 1, 2)",
        "INSERT INTO trips VALUES (TIMESTAMP '2030-01-01', 3, 4)",
    )
    lake.apply(lake.plan(even_if_uneconomic=True))
    assert lake.sql("SELECT * FROM trips ORDER BY 1", archived="skip").arrow().column_names == [
        "pickup",
        "pickup_",
        "PICKUP__",
    ]
