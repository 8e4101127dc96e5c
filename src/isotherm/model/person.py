"""Data subjects: the people whose records are to be found, kept or forgotten."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class DataSubject:
    """One person, by the values of the columns that identify it; all of them have to match.

    Attributes:
        values: Columns and what they hold, as text, by the column's name.

    """

    values: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> DataSubject:
        """Read `rider_id=4711`, or several with commas between them.

        Raises:
            ValueError: it is none of that.

        """
        pairs = [part.partition("=") for part in text.split(",")]
        if any(not name.strip() or not is_ or not value.strip() for name, is_, value in pairs):
            raise ValueError(f"{text!r} names no data subject: write column=value")
        return cls(tuple(sorted((name.strip(), value.strip()) for name, _, value in pairs)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that identify it."""
        return tuple(name for name, _ in self.values)

    def renamed(self, names: Mapping[str, str]) -> DataSubject:
        """Return it by new names of its columns, by the old ones."""
        return DataSubject(tuple(sorted((names.get(n, n), value) for n, value in self.values)))

    def hashed(self, key: bytes) -> str:
        """Return what stands for it where its values must not: HMAC-SHA-256, hexadecimal."""
        return hmac.new(key, json.dumps(self.values).encode(), "sha256").hexdigest()

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.values)


Renames = tuple[tuple[str, str], ...]
"""Columns that the table's owner has renamed, as the config says: old name and new one."""


def since(known: Renames, now: Mapping[str, str]) -> dict[str, str]:
    """Return the renames that were not known when somebody was named: new name by old name."""
    return {old: new for old, new in now.items() if (old, new) not in known}
