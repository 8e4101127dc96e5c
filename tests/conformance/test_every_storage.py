"""What every storage does. A new backend is one more name in STORES."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from isotherm.engine.duckdb import DuckDBEngine
from isotherm.model.address import Address
from isotherm.model.errors import StorageError
from isotherm.model.part import Location
from isotherm.storage.base import Storage
from isotherm.storage.folder import FolderStorage
from isotherm.storage.s3 import S3Storage
from servers import S3Server

LAKE = "5eed"
HERE = Location("STANDARD", "trips/2018-03/1-0.parquet")
THERE = Location("GLACIER", "trips/2018-03/2-0.parquet")
CONTENT = b"rows" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()

FOLDERS: dict[str, Callable[[Path], FolderStorage]] = {
    "folder": lambda root: FolderStorage(root / "objects"),
    "folder with tiers elsewhere": lambda root: FolderStorage(
        root / "objects", {"GLACIER": root / "tape", "STANDARD": root / "disk"}
    ),
}
STORES = (*FOLDERS, "moto", "rgw")


def make(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Make a store that nobody has claimed yet."""
    if name in FOLDERS:
        return FOLDERS[name](tmp_path)
    server: S3Server = request.getfixturevalue("s3_server")(name)
    return S3Storage(Address.parse(server.url(server.bucket())))


def read(store: Storage, url: str) -> bytes:
    """Read an object as the engine does."""
    engine = DuckDBEngine()
    if access := store.access():
        engine.reach(access)
    content: bytes = engine.session().execute("SELECT content FROM read_blob(?)", [url])[0][0]
    return content


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    made = make(request.param, request, tmp_path)
    made.claim(LAKE)
    return made


def put(store: Storage, location: Location, content: bytes = CONTENT) -> None:
    Path(store.stage(location)).write_bytes(content)
    store.publish(location)


def keys(store: Storage, tier: str, prefix: str = "") -> list[str]:
    return sorted(item.key for item in store.list(tier, prefix))


def test_an_object_is_there_once_it_is_published(store: Storage) -> None:
    path = Path(store.stage(HERE))
    path.write_bytes(CONTENT)
    assert store.size(HERE) is None
    assert keys(store, "STANDARD") == []
    stored = store.publish(HERE)
    assert (stored.location, stored.bytes, stored.sha256) == (HERE, len(CONTENT), SHA)
    assert store.size(HERE) == len(CONTENT)
    assert store.sha256(HERE) == SHA
    assert keys(store, "STANDARD") == [HERE.key]


def test_its_url_is_where_the_engine_finds_it(store: Storage) -> None:
    put(store, HERE)
    assert read(store, store.url(HERE)) == CONTENT


def test_a_piece_of_an_object_is_read_alone(store: Storage) -> None:
    put(store, HERE, bytes(range(256)) * 40)
    assert store.read(HERE, 0, 3) == b"\0\1\2"
    assert store.read(HERE, 2_563, 4) == bytes(range(3, 7))
    assert store.read(HERE, 256 * 40 - 1, 1) == b"\xff"
    with pytest.raises(StorageError, match=str(THERE)):
        store.read(THERE, 0, 3)


def test_staging_again_begins_anew(store: Storage) -> None:
    Path(store.stage(HERE)).write_bytes(b"half a row")
    Path(store.stage(HERE)).write_bytes(CONTENT)
    assert store.publish(HERE).sha256 == SHA


def test_a_copy_has_the_same_bytes_and_leaves_the_source(store: Storage) -> None:
    put(store, HERE)
    stored = store.copy(HERE, THERE, SHA)
    assert (stored.location, stored.bytes, stored.sha256) == (THERE, len(CONTENT), SHA)
    assert store.sha256(HERE) == store.sha256(THERE) == SHA
    assert store.copy(HERE, THERE, SHA) == stored


def test_a_copy_of_a_damaged_object_is_refused_and_leaves_nothing(store: Storage) -> None:
    put(store, HERE, b"other" * 800)
    with pytest.raises(StorageError, match=rf"object \S*{HERE} is (damaged|not the one)"):
        store.copy(HERE, THERE, SHA)
    assert store.size(THERE) is None
    assert keys(store, "GLACIER") == []


def test_an_archived_object_is_known_by_its_hash_and_can_be_restored(store: Storage) -> None:
    put(store, THERE)
    assert read(store, store.url(THERE)) == CONTENT  # as long as it is not settled
    store.settle(THERE)
    assert store.sha256(THERE) == SHA
    while not store.restore(THERE):
        pass
    assert store.restore(THERE)
    copy = Location("STANDARD", "restored/trips/2018-03/3-0.parquet")
    assert store.copy(THERE, copy, SHA).sha256 == SHA
    assert store.sha256(copy) == SHA
    assert read(store, store.url(copy)) == CONTENT


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.copy(HERE, THERE, SHA),
        lambda store: store.sha256(HERE),
    ],
    ids=["copy", "sha256"],
)
def test_a_missing_object_is_named(store: Storage, act: Callable[[Storage], object]) -> None:
    with pytest.raises(StorageError, match=rf"object \S*{HERE} is missing"):
        act(store)
    assert store.size(HERE) is None
    assert keys(store, "GLACIER") == []


def test_a_large_object_is_copied_with_all_that_is_known_of_it(store: Storage) -> None:
    content = os.urandom(20 * 1024**2)
    sha256 = hashlib.sha256(content).hexdigest()
    put(store, HERE, content)
    store.copy(HERE, THERE, sha256)
    assert (store.size(THERE), store.sha256(THERE)) == (len(content), sha256)


def test_removing_takes_the_object_and_may_be_repeated(store: Storage) -> None:
    other = Location("STANDARD", "trips/2018-03/9-0.parquet")
    put(store, HERE)
    put(store, other)
    for _ in range(2):
        store.remove(HERE)
        assert store.size(HERE) is None
        assert keys(store, "STANDARD") == [other.key]
    store.remove(other)
    assert keys(store, "STANDARD") == []


def test_removing_takes_what_was_only_staged(store: Storage) -> None:
    path = Path(store.stage(HERE))
    path.write_bytes(CONTENT)
    store.remove(HERE)
    assert not path.exists()


def test_a_list_is_of_one_tier_and_one_prefix(store: Storage) -> None:
    put(store, HERE)
    put(store, THERE)
    put(store, Location("STANDARD", "rides/2018-03/1-0.parquet"))
    put(store, Location("STANDARD", "trips2/2018-03/1-0.parquet"))
    assert keys(store, "STANDARD", "trips") == [HERE.key]
    assert len(keys(store, "STANDARD")) == 3
    assert keys(store, "GLACIER") == [THERE.key]
    assert keys(store, "DEEP_ARCHIVE") == []


def test_metadata_lies_in_the_store_and_is_listed(store: Storage) -> None:
    file = Location("iceberg", "trips/metadata/1.json")
    put(store, file)
    assert store.url(file) == f"{store.metadata_url('trips')}/metadata/1.json"
    assert list(store.list("iceberg", "trips/metadata")) == [file]
    store.remove(file)
    assert list(store.list("iceberg", "trips/metadata")) == []


def test_a_store_that_is_claimed_stays_claimed(store: Storage) -> None:
    put(store, HERE)
    store.claim(LAKE, {"STANDARD"})
    store.check(LAKE)
    assert store.sha256(HERE) == SHA


def test_a_store_is_one_lakes_own(store: Storage) -> None:
    for act in (store.claim, store.check, store.check_free):
        with pytest.raises(StorageError, match=r"belongs to another lake \(5eed\)"):
            act("0ther")
    store.check(LAKE)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_nobody_claimed_takes_and_gives_nothing(name: str, tmp_path: Path) -> None:
    store = FOLDERS[name](tmp_path)
    with pytest.raises(StorageError, match="is not there"):
        store.check(LAKE)
    for act in (store.stage, store.size, store.sha256, store.remove):
        with pytest.raises(StorageError, match="is not there"):
            act(HERE)
    with pytest.raises(StorageError, match="is not there"):
        list(store.list("STANDARD"))
    assert list(tmp_path.iterdir()) == []
