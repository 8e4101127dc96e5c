"""Many requests that stand beside each other: each is read by itself."""

from __future__ import annotations

import pytest

from isotherm.lake import Lake
from isotherm.model.errors import RequestError
from isotherm.model.person import DataSubject
from riders import THREE, finish, riding

FOUR = DataSubject.parse("rider_id=4")


@pytest.fixture(params=["duckdb", "postgres"])
def lake(request: pytest.FixtureRequest) -> Lake:
    return riding(request)


def test_a_request_is_served_whatever_the_people_of_others_are(lake: Lake) -> None:
    """Each may name thousands: reading them all, a move takes longer for every other request."""
    lake.erasing.ask("trips", [THREE], "DSR-1")
    lake.erasing.ask("trips", [FOUR], "DSR-2")
    with lake.warehouse.transaction(control_only=True) as tx:
        tx.execute("UPDATE isotherm.erasures SET subjects = '[' WHERE case_name = 'DSR-2'")
    assert finish(lake, "DSR-1").request.proven_at
    with pytest.raises(RequestError, match="there is a request DSR-2 already"):
        lake.erasing.ask("trips", [THREE], "DSR-2")
    with pytest.raises(RequestError, match="no request DSR-3") as error:
        lake.erasing.request("DSR-3")
    assert "DSR-2" in error.value.hint
