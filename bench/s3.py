"""A store on Ceph's gateway: an unload against DuckDB's own COPY, tags against bare requests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb

import isotherm
from isotherm.engine.duckdb import load_extension
from isotherm.model.address import Address
from isotherm.model.part import Location
from isotherm.opening import init_lake
from isotherm.storage.bucket import AT_ONCE
from isotherm.storage.s3 import S3Storage

from . import data
from .applying import compared, month, months_of, unload
from .ratio import Ratio, ratio_of, say, seconds
from .relay import far
from .servers import S3Server, ceph

CALLS = (range(1, 4), range(4, 7))
"""The months that one apply each unloads."""
AWAY = 0.02
"""Seconds to a store in another place; a request and its answer take twice as long."""
OBJECTS = 10_000
ROUNDS = 2
TAGGED = 3
"""So often all objects are tagged."""


def measure(folder: Path) -> list[Ratio]:
    """Unload months on both sides, in turn, to a store on this machine and to one far away."""
    base = data.warehouse(folder / "trips.duckdb", data.trips(data.ROWS, data.DAYS))
    with server() as near, far(near, AWAY) as away:
        return [
            compared("S3, unload to Ceph", _unloaded(folder / "s3", base, near), 1.2),
            compared(
                f"S3, unload to Ceph, {AWAY * 1000:g} ms away",
                _unloaded(folder / "s3", base, away),
                None,
            ),
        ]


def _unloaded(place: Path, base: Path, store: S3Server) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        bucket = store.bucket()
        plain = data.plain(shutil.copyfile(base, place / "plain.duckdb"))
        reach(plain, store)
        file = place / "isotherm.toml"
        shutil.copyfile(base, place / "warehouse.duckdb")
        config = data.CONFIG.format(period="month")
        init_lake(file, f'storage.url = "{store.url(bucket)}"\n{config}')

        def by_hand(number: int) -> None:
            unload(plain, month(number), f"s3://{bucket}/hand/{number}.parquet")  # noqa: B023

        with plain, isotherm.open(file) as lake:
            months_of(lake, by_hand, [range(1)])  # warms both sides up
            found += months_of(lake, by_hand, CALLS)
    return found


def measure_tags(folder: Path) -> list[Ratio]:
    """Tag 10,000 objects on both sides, by as many requests at a time."""
    with server() as started:
        bucket, client = started.bucket(), started.client()
        storage = S3Storage(Address.parse(started.url(bucket)))
        places = [Location("STANDARD", f"trips/{number}.parquet") for number in range(OBJECTS)]
        keys = [f"lake/{place}" for place in places]

        def put(key: str) -> None:
            client.put_object(Bucket=bucket, Key=key, Body=b"rows")

        def tag(item: tuple[str, int]) -> None:
            tags = {"TagSet": [{"Key": "ageing", "Value": str(item[1])}]}
            bare.put_object_tagging(Bucket=bucket, Key=item[0], Tagging=tags)

        def by_hand(age: int) -> None:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(tag, [(key, age) for key in keys]))

        bare = storage._bucket.client
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(put, keys))
        pairs = []
        for number in range(TAGGED):
            wanted = {place: {"ageing": str(2 * number)} for place in places}
            ours = seconds(lambda: storage.tag(wanted))  # noqa: B023
            pairs.append((ours, seconds(lambda: by_hand(2 * number + 1))))  # noqa: B023
    for ours, hand in pairs:
        say(f"  tag {ours:.3f} s, by hand {hand:.3f} s")
    return [ratio_of("S3, tags of 10,000 objects", [own / hand for own, hand in pairs], 1.3)]


def reach(connection: duckdb.DuckDBPyConnection, server: S3Server) -> None:
    """Let a plain connection read and write the server's buckets."""
    load_extension(connection, "httpfs")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{server.key}', SECRET '{server.secret}', "
        f"REGION 'us-east-1', ENDPOINT '{server.endpoint.partition('://')[2]}', "
        "URL_STYLE 'path', USE_SSL false)"
    )


class RawBucket:
    """A bucket handled by bare requests, one object at a time; see `sides.Raw`."""

    def __init__(
        self, server: S3Server, bucket: str, connection: duckdb.DuckDBPyConnection
    ) -> None:
        reach(connection, server)
        self._client, self._bucket = server.client(), bucket

    def url(self, class_: str, name: str) -> str:
        return f"s3://{self._bucket}/{self._key(class_, name)}"

    def size(self, class_: str, name: str) -> int:
        found = self._client.head_object(Bucket=self._bucket, Key=self._key(class_, name))
        return int(found["ContentLength"])

    def copy(self, source: str, target: str, name: str) -> None:
        """Have the server copy an object."""
        self._client.copy_object(
            Bucket=self._bucket,
            Key=self._key(target, name),
            CopySource={"Bucket": self._bucket, "Key": self._key(source, name)},
            StorageClass=target,
        )

    def remove(self, class_: str, name: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._key(class_, name))

    def _key(self, class_: str, name: str) -> str:
        return f"hand/{class_}/{name}"


@contextmanager
def server() -> Iterator[S3Server]:
    """Start Ceph's gateway, and put its keys where clients look for them."""
    with ceph() as started:
        os.environ |= {"AWS_ACCESS_KEY_ID": started.key, "AWS_SECRET_ACCESS_KEY": started.secret}
        yield started
