"""Lakes that the tests of queries share; they only look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aged import Aged, make


@pytest.fixture(scope="session", params=["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
def aged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aged]:
    """Return a lake with rows in every tier, once for each type of clock."""
    made = make(tmp_path_factory.mktemp("aged"), request.param)
    yield made
    made.lake.close()


@pytest.fixture(scope="session")
def plain_aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aged]:
    """Return a lake with rows in every tier, its clock a TIMESTAMP."""
    made = make(tmp_path_factory.mktemp("plain"), "TIMESTAMP")
    yield made
    made.lake.close()
