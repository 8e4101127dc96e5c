"""The records of a damaged file: every one is told, and a broken one costs only itself."""

from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.load.records import (
    MAX_CHARACTERS,
    MalformedError,
    Record,
    UnclosedError,
    lines,
    records,
    split,
)


def read(content: bytes, width: int = 3, encoding: str = "utf-8") -> list[Record]:
    return list(records(lines(io.BytesIO(content), encoding), ",", width))


def values(record: Record) -> list[str]:
    return record.raw.split(",") if record.values is None else list(record.values)


def broken(found: list[Record]) -> list[tuple[int, str]]:
    return [(record.line, record.reason) for record in found if record.reason]


texts = st.text(st.sampled_from('ab,"\n\r é'), max_size=6)


@given(
    st.lists(st.lists(texts, min_size=3, max_size=3), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_a_csv_writer_writes_comes_back(
    rows: list[list[str]], end: str, quoting: Literal[0, 1]
) -> None:
    bare = quoting == csv.QUOTE_MINIMAL  # then Python leaves a carriage return unquoted
    rows = [[value.replace("\r", "") if bare else value for value in row] for row in rows]
    written = io.StringIO()
    csv.writer(written, lineterminator=end, quoting=quoting).writerows(rows)
    found = read(written.getvalue().encode())
    assert broken(found) == []
    assert [values(record) for record in found] == rows


def test_a_record_is_numbered_by_its_first_line() -> None:
    found = read(b'a,b,c\r\n"x\r\ny",2,3\r\n\r\n4,5,6\r\n')
    assert [record.line for record in found] == [1, 2, 5]
    assert values(found[1]) == ["x\r\ny", "2", "3"]


def test_a_record_of_too_few_or_too_many_values_is_broken() -> None:
    found = read(b"1,2,3\n1,2\n1,2,3,4\n1\n")
    assert broken(found) == [
        (2, "2 values for 3 columns"),
        (3, "4 values for 3 columns"),
        (4, "1 value for 3 columns"),
    ]


def test_a_quote_that_is_not_closed_costs_its_own_line_alone() -> None:
    found = read(b'1,2,3\n4,5,"open\n7,8,9\n10,11,"two\nlines"\n13,14,15\n')
    assert broken(found) == [(2, "text follows a closing quote")]
    assert [values(r) for r in found if not r.reason] == [
        ["1", "2", "3"],
        ["7", "8", "9"],
        ["10", "11", "two\nlines"],
        ["13", "14", "15"],
    ]


def test_a_quote_that_is_open_at_the_end_costs_its_own_line_alone() -> None:
    found = read(b'1,2,"open\n4,5,6\n7,8,9')
    assert broken(found) == [(1, "a quote is not closed")]
    assert [record.raw for record in found] == ['1,2,"open', "4,5,6", "7,8,9"]


def test_text_after_a_closing_quote_breaks_a_record() -> None:
    assert broken(read(b'1,"2"x,3\n')) == [(1, "text follows a closing quote")]


def test_a_quote_within_a_bare_value_is_a_quote() -> None:
    assert values(read(b'5" pipe,x"y,3\n')[0]) == ['5" pipe', 'x"y', "3"]


def test_empty_lines_are_no_records_unless_there_is_one_column() -> None:
    assert len(read(b"1,2,3\n\n\r\n4,5,6\n")) == 2
    assert [values(record) for record in read(b"x\n\ny\n", width=1)] == [["x"], [""], ["y"]]


def test_a_carriage_return_within_a_line_stays_in_its_value() -> None:
    assert values(read(b"a\rb,2,3\n")[0]) == ["a\rb", "2", "3"]


def test_a_line_of_another_encoding_is_broken_and_shown() -> None:
    found = read(b"1,2,3\ncaf\xe9,2,3\n4,5,6\n")
    assert broken(found) == [(2, "it is not UTF-8")]
    assert found[1].raw == r"caf\xe9,2,3"


def test_a_byte_order_mark_is_no_value() -> None:
    assert values(read(b"\xef\xbb\xbfa,b,c\n")[0]) == ["a", "b", "c"]
    assert values(read("a,b,c\n".encode("utf-16"), encoding="utf-16")[0]) == ["a", "b", "c"]


def test_a_line_without_end_is_broken_and_not_held_in_memory() -> None:
    found = read(b"1,2," + b"x" * (3 * MAX_CHARACTERS) + b"\n4,5,6\n")
    assert broken(found) == [(1, f"it is longer than {MAX_CHARACTERS:,} bytes")]
    assert len(found[0].raw) <= MAX_CHARACTERS
    assert [record.line for record in found] == [1, 2]


@pytest.mark.parametrize(
    ("record", "error"), [('1,"2', UnclosedError), ('"1"2', MalformedError), ('"', UnclosedError)]
)
def test_what_is_no_record_is_refused(record: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        split(record, ",")
