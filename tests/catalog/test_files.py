"""Iceberg's own files on S3: what this process has just put is not asked for again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ageing import Clock, age, policy
from conftest import MakeLake, make_trips, run_sql
from isotherm.catalog import files
from isotherm.catalog.files import DurableFileIO, RememberingFileIO, s3_properties
from isotherm.model.address import Address
from isotherm.storage.s3 import S3Storage
from servers import S3Server

CONTENT = b"metadata" * 100
Environment = Callable[[S3Server], None]


def an_io(
    server: S3Server, bucket: str, kind: type[DurableFileIO] = RememberingFileIO
) -> DurableFileIO:
    return kind(s3_properties(S3Storage(Address.parse(server.url(bucket))).access()))


def put(io: DurableFileIO, url: str, content: bytes = CONTENT) -> None:
    with io.new_output(url).create() as stream:
        stream.write(content)


@pytest.fixture
def url(moto: S3Server, aws_environment: Environment) -> str:
    aws_environment(moto)
    return f"s3://{moto.bucket()}/lake/iceberg/trips/metadata/x.avro"


def bucket_of(url: str) -> str:
    return url.split("/")[2]


def test_what_was_put_is_read_without_a_request(moto: S3Server, url: str) -> None:
    io = an_io(moto, bucket_of(url))
    put(io, url)
    moto.client().delete_object(Bucket=bucket_of(url), Key=url.split("/", 3)[3])
    file = an_io(moto, bucket_of(url)).new_input(url)
    assert len(file) == len(CONTENT)
    with file.open() as stream:
        assert stream.read() == CONTENT
    with pytest.raises(FileNotFoundError):  # who does not commit asks the store
        an_io(moto, bucket_of(url), DurableFileIO).new_input(url).open()


def test_an_audit_misses_what_the_same_process_has_written(
    moto: S3Server, aws_environment: Environment, make_lake: MakeLake
) -> None:
    aws_environment(moto)
    bucket, client = moto.bucket(), moto.client()
    storage = f'[storage]\nurl = "{moto.url(bucket)}"\n'
    lake = make_lake(storage + policy(STANDARD="6 months"), clock=Clock())
    run_sql(lake, make_trips(200, "2018-03-01", 600))
    age(lake)
    assert not lake.audit(share=1.0).findings
    for item in client.list_objects_v2(Bucket=bucket, Prefix="lake/iceberg")["Contents"]:
        if item["Key"].endswith(".avro"):
            client.delete_object(Bucket=bucket, Key=item["Key"])
    (found,) = lake.audit(share=1.0).findings
    assert found.where == "the Iceberg table of trips"


def test_what_others_have_put_is_read_from_the_store(moto: S3Server, url: str) -> None:
    moto.client().put_object(Bucket=bucket_of(url), Key=url.split("/", 3)[3], Body=CONTENT)
    file = an_io(moto, bucket_of(url)).new_input(url)
    assert len(file) == len(CONTENT)
    with file.open() as stream:
        assert stream.read() == CONTENT


def test_another_stores_file_of_the_same_name_is_another_file(moto: S3Server, url: str) -> None:
    put(an_io(moto, bucket_of(url)), url)
    other = an_io(moto, moto.bucket()).new_input(url)
    moto.client().delete_object(Bucket=bucket_of(url), Key=url.split("/", 3)[3])
    with pytest.raises(FileNotFoundError):
        other.open()


def test_only_so_much_is_kept() -> None:
    kept = files._Lately(20)
    kept.keep("0", b"123")
    for number in range(5):
        kept.keep(str(number), b"12345678")
    assert [kept.find(str(number)) is not None for number in range(5)] == [False] * 3 + [True] * 2
