"""A store behind a bad line: what passes is tried again, what does not stops that move alone."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

import isotherm
from ageing import Clock, age, ids, plan_of, policy, tiers_of, untidy
from conftest import MakeLake, make_trips, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import MovesFailed
from isotherm.model.period import Period
from servers import S3Server

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


class Line:
    """A line to a server, which a test makes bad.

    Attributes:
        fails: Asked for each request by its method and path; True answers 503.
        cuts: The same; True ends the connection in the middle of the request's body.
        breaks: The same; True ends it in the middle of the answer's body.
        failed: How many requests came to nothing.
        answered: Method, path and size of the answer of each request that did not.

    """

    def __init__(self, endpoint: str) -> None:
        self.server = urlsplit(endpoint).netloc
        self.fails: Callable[[str, str], bool] = lambda method, path: False
        self.cuts: Callable[[str, str], bool] = lambda method, path: False
        self.breaks: Callable[[str, str], bool] = lambda method, path: False
        self.failed = 0
        self.answered: list[tuple[str, str, int]] = []

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen on a port of its own, and yield the endpoint there."""
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                line.pass_on(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                pass

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            listener.server_close()

    def pass_on(self, asked: BaseHTTPRequestHandler) -> None:
        size = int(asked.headers.get("Content-Length") or 0)
        if self.cuts(asked.command, asked.path):
            self.failed += 1
            asked.rfile.read(size // 2)
            asked.close_connection = True
            return
        body = asked.rfile.read(size)
        if self.fails(asked.command, asked.path):
            self.failed += 1
            self._answer(asked, 503, {}, SLOW_DOWN)
            return
        server = http.client.HTTPConnection(self.server)
        server.request(asked.command, asked.path, body, dict(asked.headers))
        found = server.getresponse()
        content = found.read()
        if self.breaks(asked.command, asked.path):
            self.failed += 1
            self._answer(asked, found.status, dict(found.getheaders()), content, len(content) // 2)
            asked.close_connection = True
            return
        self.answered.append((asked.command, asked.path, len(content)))
        self._answer(asked, found.status, dict(found.getheaders()), content)
        server.close()

    def read(self) -> dict[str, int]:
        """Return how many bytes were read of each data object since it was last asked."""
        bytes_: dict[str, int] = {}
        for method, path, size in self.answered:
            if method == "GET" and path.partition("?")[0].endswith(".parquet"):
                bytes_[path] = bytes_.get(path, 0) + size
        self.answered.clear()
        return bytes_

    @staticmethod
    def _answer(
        asked: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        content: bytes,
        sent: int | None = None,
    ) -> None:
        asked.send_response_only(status)
        length = headers.get("Content-Length", str(len(content)))
        own = ("content-length", "transfer-encoding", "connection")
        for name, value in headers.items():
            if name.lower() not in own:
                asked.send_header(name, value)
        asked.send_header(
            "Content-Length", length if asked.command == "HEAD" else str(len(content))
        )
        asked.end_headers()
        if asked.command != "HEAD":
            asked.wfile.write(content[:sent])


@pytest.fixture
def line(s3: S3Server) -> Line:
    return Line(s3.endpoint)


@pytest.fixture
def lake(line: Line, s3: S3Server, make_lake: MakeLake) -> Iterator[Lake]:
    """Return a lake with three months that are due, whose store is behind the line."""
    bucket = s3.bucket()
    with line.listening() as endpoint:
        url = replace(s3, endpoint=endpoint).url(bucket)
        config = policy(STANDARD="12 months", GLACIER="14 months")
        lake = make_lake(f'[storage]\nurl = "{url}"\n{config}', clock=Clock())
        run_sql(lake, make_trips(600, "2018-04-01", 200))
        yield lake


def every_other() -> Callable[[str, str], bool]:
    """Return what makes every other request for an object fail; several come at once."""
    failed: Counter[tuple[str, str]] = Counter()

    def fails(method: str, path: str) -> bool:
        failed[method, path] += 1
        return failed[method, path] % 2 == 1

    return fails


def once_each() -> Callable[[str, str], bool]:
    """Return what makes the first request for each object fail."""
    seen: set[str] = set()

    def fails(method: str, path: str) -> bool:
        known = path in seen
        seen.add(path)
        return method == "PUT" and ".parquet" in path and not known

    return fails


def test_a_store_that_is_too_busy_is_asked_again(line: Line, lake: Lake) -> None:
    line.fails = every_other()
    age(lake)
    assert line.failed > 20
    assert set(tiers_of(lake).values()) == {"GLACIER", "STANDARD"}
    line.fails = lambda method, path: False
    assert ids(lake) == list(range(600))
    assert not untidy(lake)


def test_an_upload_that_is_cut_off_is_made_again(line: Line, lake: Lake) -> None:
    line.cuts = once_each()
    age(lake)
    assert line.failed >= 3
    assert ids(lake) == list(range(600))
    assert not untidy(lake)


def test_a_read_that_is_cut_off_goes_on_where_it_was(line: Line, lake: Lake, s3: S3Server) -> None:
    age(lake)
    place = lake.explain("trips", Period.parse("2018-06"))[0].parts[0]
    left = iter([True, True, False])
    line.breaks = lambda method, path: method == "GET" and ".parquet" in path and next(left)
    assert lake.storage.sha256(place.location) == place.sha256
    assert line.failed == 2


def test_a_request_that_is_never_answered_well_stops_its_move_alone(
    line: Line, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", _no_delay)
    line.fails = lambda method, path: method == "PUT" and "/trips/2018-05/" in path
    with pytest.raises(MovesFailed, match="2018-05") as failed:
        age(lake)
    assert len(failed.value.applied.done) == len(plan_of(lake).moves) + 1
    assert tiers_of(lake)["2018-05"] == "hot"
    assert ids(lake) == list(range(600))
    line.fails = lambda method, path: False
    age(lake)
    assert tiers_of(lake)["2018-05"] != "hot"
    assert ids(lake) == list(range(600))
    assert not untidy(lake)


def _no_delay(*arguments: object) -> float:
    return 0.0


def test_a_query_reads_the_files_and_the_columns_that_it_needs_and_no_more(
    line: Line, s3: S3Server, make_lake: MakeLake
) -> None:
    bucket = s3.bucket()
    with line.listening() as endpoint:
        url = replace(s3, endpoint=endpoint).url(bucket)
        lake = make_lake(f'[storage]\nurl = "{url}"\n{policy(STANDARD="2 months")}', clock=Clock())
        run_sql(
            lake,
            "CREATE TABLE trips AS SELECT TIMESTAMP '2018-04-01' + INTERVAL (i) MINUTE AS pickup, "
            "i::INTEGER AS id, md5(i::VARCHAR) AS note FROM range(120_000) t(i)",
        )
        age(lake)
        client = s3.client()
        sizes = {
            f"/{bucket}/{item['Key']}": item["Size"]
            for item in client.list_objects_v2(Bucket=bucket)["Contents"]
            if "/trips/20" in item["Key"]
        }
        assert len(sizes) == 3
        lake.close()  # what was read back to verify it is remembered
        with isotherm.open(lake.config.file, clock=Clock()) as fresh:
            line.read()
            fresh.explain_sql("select sum(id) from trips where pickup < '2018-05-01'")
            assert sum(line.read().values()) < 0.05 * sum(sizes.values())
            fresh.sql("select sum(id) from trips where pickup < '2018-05-01'").fetchall()
            read = line.read()
            assert [path.split("/")[-2] for path in read] == ["2018-04"]
            (path,) = read
            assert 0 < read[path] < 0.5 * sizes[path]  # two numbers a row, and no note
            fresh.sql("select count(*) from trips where pickup >= '2019-06-01'").fetchall()
            assert line.read() == {}
            fresh.sql("select max(note) from trips where pickup >= '2018-06-01'").fetchall()
            assert [path.split("/")[-2] for path in line.read()] == ["2018-06"]


def test_a_query_takes_few_requests(line: Line, lake: Lake) -> None:
    age(lake)
    line.answered.clear()
    lake.sql("select count(*), sum(fare) from trips where pickup >= '2018-06-01'").fetchall()
    objects = {path for _, path, _ in line.answered if ".parquet" in path}
    assert objects
    assert len(line.answered) <= 6 * len(objects)
