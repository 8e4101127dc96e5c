"""Hold a plan against what is there now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ..model.errors import RequestError, StalePlanError
from ..model.period import Period
from .plan import Kind, Plan, state_of, terms_of
from .planner import Subject


def check_as_of(plan: Plan, now: datetime) -> None:
    """Check that a plan may be applied at this time.

    Raises:
        RequestError: its as-of lies in the future.

    """
    if plan.as_of > now:
        raise RequestError(
            f"the plan is as of {plan.as_of:%Y-%m-%d}, which is in the future",
            hint="plan and status show what would be; apply acts on what is.",
        )


def check(plan: Plan, subjects: Iterable[Subject]) -> None:
    """Check that a plan still fits what is there.

    Args:
        subjects: Every dataset that the plan speaks of, as it is now.

    Raises:
        StalePlanError: something it speaks of has changed.

    """
    if found := changes(plan, subjects):
        raise StalePlanError(
            "the plan no longer fits what is there:\n  " + "\n  ".join(found),
            hint="Make a new one: isotherm plan",
        )


def changes(plan: Plan, subjects: Iterable[Subject]) -> tuple[str, ...]:
    """Return what has changed since the plan was made, a line each; none if it still fits.

    A plan goes by the config, by what was there and by nobody having paused the dataset.

    Args:
        subjects: Every dataset that the plan speaks of, as it is now.

    """
    return tuple(line for subject in subjects for line in _changes(plan, subject))


def _changes(plan: Plan, subject: Subject) -> Iterator[str]:
    name = subject.dataset.name
    if name not in plan.terms:
        return
    if subject.paused:
        yield f"{name}: it is paused now"
    for move in plan.moves:
        if move.kind is Kind.EXPIRE and move.dataset == name:
            for hold in subject.holds:
                if any(map(hold.covers, move.periods)):
                    yield f"{name} {move.span}: {hold} keeps it now"
    terms = terms_of(subject.dataset)
    if terms != plan.terms[name]:
        yield f"{name}: the config said {plan.terms[name]!r} when planned, {terms!r} now"
    for text, before in plan.basis.get(name, {}).items():
        now = state_of(subject.inventory.partitions.get(Period.parse(text)))
        if now != before:
            yield f"{name} {text}: {before} when planned, {now} now"
