"""Certificates that somebody brings back: whether they are what this lake has given."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .model.errors import IsothermError, JournalError
from .privacy import certificate
from .privacy.certificate import Key

if TYPE_CHECKING:
    from .lake import Lake


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that holds.

    Attributes:
        request: The name of the request that it is of.
        row: The row of the journal that has noted it.

    """

    request: str
    row: int


def verify(lake: Lake, text: str) -> Verified:
    """Check a certificate, JSON: its signature, that the key is this lake's, and the journal.

    Raises:
        JournalError: it was changed, and where; or it is none of this lake's.

    """
    said = certificate.read(text)
    try:
        public = certificate.verify(said)
    except JournalError as error:
        raise _changed(lake, said, error) from None
    if public != Key.read(lake.erasing.key_file).public:
        raise JournalError("the certificate was signed with another key than this lake's")
    lake.verify_journal()
    wanted = certificate.digest(said)
    for entry in lake.journal(limit=1_000_000):
        if entry.event == "certified" and entry.detail.get("sha256") == wanted:
            if entry.seq:
                return Verified(str(said["request"]), entry.seq)
            raise JournalError(
                "the journal has noted the certificate, but was not sealed after that: its process "
                "has ended too early",
                hint="The next apply seals it: isotherm apply",
            )
    raise JournalError("the certificate is signed, but this lake's journal does not know it")


def _changed(lake: Lake, said: Mapping[str, Any], error: JournalError) -> JournalError:
    """Say in which line a certificate differs from the one that was given."""
    with suppress(IsothermError):
        kept = lake.erasing.certificate(str(said.get("request")))
        return JournalError(f"{error.message}. {certificate.difference(said, kept)}")
    return error
