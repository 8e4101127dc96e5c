"""What a doctor has said, by the names of its checks."""

from __future__ import annotations

from isotherm.check.doctor import Check, Examined, State


def said(examined: Examined, *states: State) -> dict[str, list[str]]:
    """Return what was found by the names of the checks, of some states; of all if none is given."""
    found: dict[str, list[str]] = {}
    for check in examined.checks:
        if not states or check.state in states:
            found.setdefault(check.name, []).append(check.found)
    return found


def wrong(examined: Examined) -> dict[str, list[str]]:
    return said(examined, State.WRONG)


def warned(examined: Examined) -> dict[str, list[str]]:
    return said(examined, State.WARNING)


def only(examined: Examined, name: str) -> Check:
    (found,) = (check for check in examined.checks if check.name == name)
    return found
