"""Plans that are run on a real lake leave nothing to do, and no row behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import isotherm
from conftest import MakeLake, run_sql
from isotherm.lake import Lake
from isotherm.opening import init_lake

AS_OF = datetime(2019, 7, 1)
WHOLE = "SELECT count(*), sum(id), sum(hash(t)::HUGEINT) FROM trips t"
Reopen = Callable[[str], Lake]


@pytest.fixture
def reopened(make_lake: MakeLake, tmp_path: Path) -> Reopen:
    """Return a function that opens one lake again under another policy."""
    opened: list[Lake] = []

    def reopen(policy: str, unit: str = "month") -> Lake:
        if opened:
            opened.pop().close()
        config = (
            f'[datasets.trips]\ntable = "main.trips"\nclock = "pickup"\nperiod = "{unit}"\n'
            f"policy = {{ {policy} }}\n"
        )
        (tmp_path / "isotherm.toml").write_text(config, encoding="utf-8")
        init_lake(tmp_path / "isotherm.toml", config)
        opened.append(isotherm.open(tmp_path / "isotherm.toml"))
        return opened[-1]

    return reopen


def filled(lake: Lake, hours: int) -> None:
    run_sql(
        lake,
        "CREATE TABLE main.trips AS SELECT TIMESTAMP '2019-01-01' + INTERVAL (i * "
        f"{hours}) HOUR AS pickup, i::INTEGER AS id FROM range(700) t(i)",
    )


def rest(lake: Lake) -> dict[str, str]:
    """Apply what is due, check that nothing is left, and return each partition's tier."""
    lake.apply(lake.plan(as_of=AS_OF, even_if_uneconomic=True))
    assert lake.plan(as_of=AS_OF, even_if_uneconomic=True).moves == ()
    return {str(item.period): item.tier.name for item in lake.inventory("trips")}


def test_a_policy_that_is_edited_back_and_forth_moves_every_row_with_it(reopened: Reopen) -> None:
    lake = reopened('STANDARD = "1 month", GLACIER = "4 months"')
    filled(lake, 6)
    before = lake.sql(WHOLE).fetchall()
    tiers = rest(lake)
    assert tiers == {
        "2019-01": "GLACIER",
        "2019-02": "GLACIER",
        "2019-03": "GLACIER",
        "2019-04": "STANDARD",
        "2019-05": "STANDARD",
        "2019-06": "STANDARD",
    }
    run_sql(lake, "INSERT INTO main.trips VALUES ('2019-01-05', -1), ('2019-04-05', -2)")
    assert set(rest(reopened('GLACIER = "1 month"')).values()) == {"GLACIER"}
    assert set(rest(reopened('DEEP_ARCHIVE = "1 month"')).values()) == {"DEEP_ARCHIVE"}
    lake = reopened('STANDARD_IA = "1 month"')
    assert set(rest(lake).values()) == {"STANDARD_IA"}
    assert not any(item.hot for item in lake.inventory("trips"))
    lake = reopened('STANDARD = "5 years"')
    assert set(rest(lake).values()) == {"hot"}
    run_sql(lake, "DELETE FROM main.trips WHERE id < 0")
    assert lake.sql(WHOLE).fetchall() == before


def test_small_days_go_in_and_out_of_an_archive_together(reopened: Reopen) -> None:
    lake = reopened('STANDARD = "10 days", GLACIER = "20 days"', "day")
    filled(lake, 2)
    before = lake.sql(WHOLE).fetchall()
    rest(lake)
    run_sql(lake, "INSERT INTO main.trips VALUES ('2019-01-05', -1)")
    lake = reopened('STANDARD = "5 years"', "day")
    plan = lake.plan(as_of=AS_OF)
    assert [move.kind.value for move in plan.moves] == ["restore", "reload"]
    assert set(rest(lake).values()) == {"hot"}
    run_sql(lake, "DELETE FROM main.trips WHERE id < 0")
    assert lake.sql(WHOLE).fetchall() == before
