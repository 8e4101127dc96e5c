"""The certificate as people read it, and what is said of one that was changed."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ageing import Clock, age, policy
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.errors import JournalError, RequestError
from isotherm.model.period import Period
from isotherm.model.person import DataSubject
from isotherm.privacy.page import page

pytestmark = pytest.mark.xdist_group("certificate page")

CONFIG = policy(STANDARD="6 months").replace('"pickup"', '"pickup"\nsubject = ["name"]')
ROWS = (
    "CREATE TABLE trips AS SELECT TIMESTAMP '2018-03-01' + INTERVAL (i * 40) HOUR AS pickup, "
    "'p' || (i % 9) AS name FROM range(200) t(i)"
)
CASE = "DSR <b>7</b> & co"


class Reader(HTMLParser):
    """Keeps what a person reads, and every element that stands open at the end."""

    VOID = ("meta",)
    MAY_STAY_OPEN = ("dt", "dd", "p")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(html: str) -> Reader:
    found = Reader()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def proven(make_shared_lake: MakeLake) -> Lake:
    return prove(make_shared_lake)


def prove(make: MakeLake) -> Lake:
    """Make a lake with a request that is proven."""
    clock = Clock()
    lake = make(CONFIG, clock=clock)
    run_sql(lake, ROWS)
    age(lake)
    lake.erasing.new_key()
    lake.hold("Smith v. Jones", "trips", [Period.parse("2018-04")], reason="a court")
    lake.erasing.ask("trips", [DataSubject.parse("name=p3")], CASE, who="<script>ann</script>")
    lake.erasing.run(CASE)
    clock.forward(timedelta(hours=2))
    assert lake.erasing.run(CASE).request.proven_at
    return lake


def test_the_page_says_what_the_certificate_says_and_holds_it_whole(proven: Lake) -> None:
    said = proven.erasing.certificate(CASE)
    found = read(page(said))
    assert f"Certificate of erasure {CASE}, dataset trips" in found.text
    assert "no record of one person was found in any tier" in found.text
    assert "that a case holds" in found.text
    assert "Smith v. Jones" in found.text
    assert "The request was done in time." in found.text
    for item in said["removed"]:
        assert f"{item['where']} {item['tier']} {item['rows']} {item['objects']}" in found.text
    for line in said["cannot_speak_of"]:
        assert line in found.text
    whole = "".join(found.words)
    assert json.loads(whole[whole.index("{") :]) == said


def test_nothing_that_somebody_has_written_becomes_part_of_the_page(proven: Lake) -> None:
    found = read(page(proven.erasing.certificate(CASE)))
    assert "script" not in found.tags
    assert "b" not in found.tags
    assert "<script>ann</script>" in found.text


def test_a_certificate_of_many_people_after_its_deadline_says_so(proven: Lake) -> None:
    said = proven.erasing.certificate(CASE)
    many = {**said, "subjects": [f"{n:064x}" for n in range(1200)], "in_time": False, "kept": []}
    text = read(page({**many, "removed": []})).text
    assert "no record of 1,200 people" in text
    assert "after its deadline" in text
    assert "and 1,180 more" in text
    assert "There was nothing to do." in text


def test_of_a_changed_certificate_the_line_is_named(proven: Lake) -> None:
    said = proven.erasing.certificate(CASE)
    assert proven.erasing.verify(json.dumps(said)).request == CASE
    line = json.dumps(said, indent=2).splitlines().index('  "in_time": true,') + 1
    with pytest.raises(JournalError, match=f'Line {line} is "in_time": false,'):
        proven.erasing.verify(json.dumps({**said, "in_time": False}))
    with pytest.raises(JournalError, match="Line"):
        proven.erasing.verify(json.dumps({**said, "more": 1}))
    with pytest.raises(JournalError, match="not what was signed"):
        proven.erasing.verify(json.dumps({**said, "request": "of nobody"}))
    for text in ("", "[]", "{", "{}", '{"signature": 3}'):
        with pytest.raises(JournalError):
            proven.erasing.verify(text)


def test_a_certificate_that_says_something_twice_is_none(proven: Lake) -> None:
    text = json.dumps(proven.erasing.certificate(CASE))
    other = text.replace("{", '{"subjects": ["another"], ', 1)
    with pytest.raises(JournalError, match="it says subjects twice"):
        proven.erasing.verify(other)
    inner = text.replace('"algorithm"', '"algorithm": "none", "algorithm"', 1)
    with pytest.raises(JournalError, match="it says algorithm twice"):
        proven.erasing.verify(inner)


def test_a_certificate_of_another_key_or_another_lake_does_not_hold(
    proven: Lake, make_lake: MakeLake, tmp_path: Path
) -> None:
    text = json.dumps(proven.erasing.certificate(CASE))
    other = make_lake(CONFIG, folder="other", clock=Clock())
    other.erasing.new_key()
    with pytest.raises(JournalError, match="another key"):
        other.erasing.verify(text)
    other.erasing.key_file.write_bytes(proven.erasing.key_file.read_bytes())
    with pytest.raises(JournalError, match="journal does not know it"):
        other.erasing.verify(text)


def test_a_certificate_whose_row_in_the_journal_is_not_sealed_yet_says_what_seals_it(
    make_lake: MakeLake,
) -> None:
    lake = prove(make_lake)
    text = json.dumps(lake.erasing.certificate(CASE))
    with lake.warehouse.transaction() as tx:  # as if the process had ended before that
        tx.execute(
            "UPDATE isotherm.journal SET seq = NULL, hash = NULL WHERE seq >= "
            "(SELECT seq FROM isotherm.journal WHERE event = 'certified')"
        )
    with pytest.raises(JournalError, match="was not sealed after that") as error:
        lake.erasing.verify(text)
    assert "isotherm apply" in error.value.hint
    lake.apply()
    assert lake.erasing.verify(text).request == CASE


def test_there_is_no_certificate_before_it_is_proven(make_lake: MakeLake) -> None:
    lake = make_lake(CONFIG, clock=Clock())
    run_sql(lake, ROWS)
    lake.erasing.new_key()
    lake.erasing.ask("trips", [DataSubject.parse("name=p3")], "DSR-1")
    with pytest.raises(RequestError, match="not proven yet"):
        lake.erasing.certificate("DSR-1")
    with pytest.raises(RequestError, match="no request DSR-2"):
        lake.erasing.certificate("DSR-2")
