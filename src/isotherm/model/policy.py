"""The policy: at what age a partition enters which tier."""

from __future__ import annotations

from dataclasses import dataclass

from .period import Duration, Period
from .tier import EXPIRED, HOT, Tier


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy: the partition enters `tier` at `age`."""

    tier: Tier
    age: Duration

    def __str__(self) -> str:
        key = "expire" if self.tier == EXPIRED else self.tier.name
        return f'{key} = "{self.age}"'


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a dataset, from the hottest tier to the coldest."""

    rules: tuple[Rule, ...] = ()

    def rule_at(self, period: Period, as_of: Period) -> Rule | None:
        """Return the line that says where `period` belongs as of `as_of`; None means hot.

        A partition enters a tier when its start and the tier's age together are not after the
        start of the as-of period.
        """
        due = [rule for rule in self.rules if rule.age.after(period.start) <= as_of.start]
        return due[-1] if due else None

    def tier_at(self, period: Period, as_of: Period) -> Tier:
        """Return the tier where `period` belongs as of `as_of`."""
        rule = self.rule_at(period, as_of)
        return rule.tier if rule else HOT

    def next_rule(self, tier: Tier) -> Rule | None:
        """Return the first line that leads on from `tier`, to a colder one."""
        return next((rule for rule in self.rules if rule.tier.rank > tier.rank), None)

    def enters(self, tier: Tier) -> Rule | None:
        """Return the line that leads into `tier`, where there is one."""
        return next((rule for rule in self.rules if rule.tier == tier), None)
