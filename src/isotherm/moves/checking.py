"""Objects held against what was recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from ..engine.threads import behind
from ..model.errors import VerifyError
from ..model.part import Part
from ..storage.base import Storage


def verify_objects(storage: Storage, parts: Sequence[Part], stop: Event | None = None) -> None:
    """Check that what lies at each part's readable place has its recorded SHA-256.

    Args:
        stop: As of `behind`.

    Raises:
        VerifyError: an object has other bytes.

    """

    def check(part: Part) -> None:
        if storage.sha256(part.readable_location) != part.sha256:
            raise other_bytes(part)

    with behind(check, len(parts), stop=stop) as begin:
        for part in parts:
            begin(part)


def other_bytes(part: Part) -> VerifyError:
    """Return the error of an object that is not what was recorded."""
    return VerifyError(
        f"object {part.readable_location} has other bytes than were recorded",
        hint="Nothing was changed. Put the object back from a backup, then try again.",
    )
