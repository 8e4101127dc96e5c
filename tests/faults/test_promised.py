"""What control keeps of certificates and holds is what the journal has noted of them."""

from __future__ import annotations

import pytest

from ageing import Clock, age
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.model.period import Period
from riders import NOW, TABLE, THREE, about_riders, finish


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    """A lake with a certificate, a request that was withdrawn, and holds, one of them released."""
    made = make_lake(about_riders(STANDARD="6 months"), clock=Clock(NOW))
    run_sql(made, *TABLE)
    age(made)
    made.erasing.new_key()
    made.erasing.ask("trips", [THREE], "DSR")
    finish(made)
    made.erasing.ask("trips", [THREE], "mistake")
    made.erasing.withdraw("mistake", "no")
    made.hold("COURT", "trips", [Period.parse("2018-03")], reason="court")
    made.hold("OVER", "trips", [Period.parse("2018-04")], reason="court")
    made.release("OVER", reason="over")
    age(made)
    assert made.audit().findings == ()
    return made


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (
            "UPDATE isotherm.erasures SET certificate = "
            'replace(certificate, \'"tier": "STANDARD"\', \'"tier": "GLACIER"\')',
            "the certificate of request DSR",
            "is not the one that the journal has noted",
        ),
        (
            "UPDATE isotherm.erasures SET certificate = NULL",
            "the certificate of request DSR",
            "is gone from control, and the journal has noted it",
        ),
        (
            "UPDATE isotherm.erasures SET certificate = '{}' WHERE case_name = 'mistake'",
            "the certificate of request mistake",
            "is not noted in the journal",
        ),
        (
            "DELETE FROM isotherm.holds",
            "the hold of case COURT (trips 2018-03)",
            "stands by the journal, and not in control",
        ),
        (
            "UPDATE isotherm.holds SET last_period = '2018-02', first_period = '2018-02'",
            "the hold of case COURT (trips 2018-03)",
            "is another one in control: trips 2018-02",
        ),
        (
            "UPDATE isotherm.holds SET released_at = NULL",
            "the hold of case OVER (trips 2018-04)",
            "stands, and not by the journal",
        ),
    ],
)
def test_what_was_changed_in_control_is_found(
    lake: Lake, change: str, where: str, what: str
) -> None:
    run_sql(lake, change)
    (found,) = lake.audit().findings
    assert (found.where, found.what) == (where, what)
    assert "isotherm rebuild --replace --from" in found.mend


def test_a_journal_whose_tail_was_cut_is_behind_the_store_s_copy(lake: Lake) -> None:
    rows = len(lake.journal())
    run_sql(
        lake, "DELETE FROM isotherm.journal WHERE seq = (SELECT max(seq) FROM isotherm.journal)"
    )
    found = [f"{item.where} {item.what}" for item in lake.audit().findings]
    assert any(
        f"is a copy of control with {rows} journal rows: here are {rows - 1}" in said
        for said in found
    )
