"""Corrections: what somebody's rows shall say from now on."""

from __future__ import annotations

NewValues = tuple[tuple[str, str | None], ...]
"""Columns and what they shall hold, as text or None for NULL, by the column's name."""


def parse(text: str) -> tuple[str, str]:
    """Read `email=new@example.org`; the value may be empty, and have further `=` in it.

    Raises:
        ValueError: it is none of that.

    """
    name, is_, value = text.partition("=")
    if not name.strip() or not is_:
        raise ValueError(f"{text!r} says no new value: write column=value")
    return name.strip(), value
