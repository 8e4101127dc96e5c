"""Names of tables and columns, and how SQL writes them."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """Return what SQL compares of a name: the case of A to Z alone is nothing to it."""
    return name.translate(_LOWER)


def identifier(name: str) -> str:
    """Write a name for SQL that somebody shall run: quoted where it has to be."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table of the warehouse."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str, default_schema: str = "main") -> TableName:
        """Read `table` or `schema.table`.

        Raises:
            ValueError: there are more than two names, or an empty one.

        """
        names = text.split(".")
        if len(names) > 2 or not all(names):
            raise ValueError(f"{text!r} is no table: write table or schema.table")
        return cls(names[0], names[1]) if len(names) == 2 else cls(default_schema, names[0])

    @property
    def sql(self) -> str:
        """The name as SQL that somebody shall run."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"
