"""What is measured where no group is named."""

from __future__ import annotations

from bench.__main__ import BY_NAME, GROUPS, LONG, groups


def test_a_short_run_has_the_short_groups() -> None:
    assert groups(full=False) == list(GROUPS)


def test_a_full_run_has_each_group_once_the_long_one_where_there_is_one() -> None:
    full = groups(full=True)
    assert len({name.removesuffix("-full") for name in full}) == len(full)
    assert {name.removesuffix("-full") for name in full} >= {*GROUPS}
    assert {*LONG} <= {*full}
    assert not {*BY_NAME} & {*full}
