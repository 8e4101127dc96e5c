"""Doctor: one line a check, whatever fails; what mends it below.

Each check is a generator of lines over the ports that it needs. `kept` makes a line of what fails
in one, so that the others are still made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ..model.errors import BusyError, IsothermError

INIT = "Run: isotherm init. Where it was, and control is lost: isotherm rebuild"
"""What makes a lake, or brings it back."""
REBUILD = "Put the catalogue back from a backup, or have it made anew: isotherm rebuild --replace"


class State(StrEnum):
    """How a check has ended."""

    OK = "ok"
    WARNING = "warning"
    """Somebody should know it; nothing fails for it, or not yet."""
    WRONG = "wrong"
    """Something fails for it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        found: What was found, in words.
        mend: What to do, or to run; empty where all is well.

    """

    name: str
    state: State
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that was looked at, in order."""

    checks: tuple[Check, ...]

    def of(self, state: State) -> tuple[Check, ...]:
        """Return the checks that have ended so."""
        return tuple(check for check in self.checks if check.state is state)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; there may be warnings."""
        return not self.of(State.WRONG)

    def to_json(self) -> dict[str, object]:
        """Return it as `docs/json.md` describes."""
        return {
            "version": 1,
            "checks": [
                {"name": c.name, "state": c.state.value, "found": c.found, "mend": c.mend}
                for c in self.checks
            ],
        }


def fine(name: str, found: str) -> Check:
    """Return a check where all is well."""
    return Check(name, State.OK, found)


def warning(name: str, found: str, mend: str) -> Check:
    """Return a check that somebody should know of."""
    return Check(name, State.WARNING, found, mend)


def wrong(name: str, found: str, mend: str) -> Check:
    """Return a check of what fails."""
    return Check(name, State.WRONG, found, mend)


def failed(name: str, error: Exception) -> Check:
    """Return the check that an error has ended."""
    if isinstance(error, BusyError):  # somebody is at work, which is what a lake is for
        return warning(name, error.message, error.hint)
    if isinstance(error, IsothermError):
        return wrong(name, error.message, error.hint)
    return wrong(name, f"{type(error).__name__}: {error}", "Please report it.")


def kept(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Look, and make a line of whatever fails."""
    try:
        yield from look()
    except Exception as error:
        yield failed(name, error)
