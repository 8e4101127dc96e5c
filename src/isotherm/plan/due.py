"""Where periods belong, as stretches of time: so that the warehouse can tell what is due."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from ..model.period import Period
from ..model.policy import Policy, Rule
from ..model.tier import HOT

FIRST, LAST = "", "~"
"""Written before, and after, every period."""


@lru_cache(maxsize=65_536)
def stretches(policy: Policy, as_of: Period) -> tuple[tuple[str, str, str], ...]:
    """Cut time where a policy's tiers begin.

    Periods are written so that they are in order as text, too.

    Returns:
        `(after, until, tier)`: periods after one, until another one, belong in a tier. They are
        those of `Policy.tier_at`, for every period of the as-of's unit, the earliest first.

    """
    found = []
    after = FIRST
    for rule in reversed(policy.rules):
        newest = _newest(rule, as_of)
        if newest is not None and (until := str(newest)) > after:
            found.append((after, until, rule.tier.name))
            after = until
    return (*found, (after, LAST, HOT.name))


def _newest(rule: Rule, as_of: Period) -> Period | None:
    """Return the last period that has the age of a rule; None if there is none."""
    low, high = Period.of(datetime.min, as_of.unit).ordinal, as_of.ordinal
    if rule.age.after(Period(as_of.unit, low).start) > as_of.start:
        return None
    while low < high:  # of age is `low`, and nothing after `high`
        middle = (low + high + 1) // 2
        if rule.age.after(Period(as_of.unit, middle).start) <= as_of.start:
            low = middle
        else:
            high = middle - 1
    return Period(as_of.unit, low)
