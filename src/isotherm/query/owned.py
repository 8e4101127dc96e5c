"""What the warehouse's owner has made beside the datasets: schemas, tables, views, macros."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from ..model.dataset import TableName
from ..model.names import folded
from ..warehouse.attached import AttachedTransaction


class Owned:
    """The warehouse's catalogue at one snapshot; each part is read when it is first asked for.

    Attributes:
        name: What the warehouse's users call it as a database.
        default: The schema of a name without one.

    """

    def __init__(self, tx: AttachedTransaction, name: str, default: str) -> None:
        self._tx = tx
        self.name = name
        self.default = default
        self.catalogs = frozenset({folded(name), folded(tx.alias)})

    @cached_property
    def now(self) -> datetime:
        """The transaction's time, UTC without zone."""
        found: datetime = self._tx.session.execute("SELECT system.main.now()::TIMESTAMP")[0][0]
        return found

    @cached_property
    def schemas(self) -> tuple[str, ...]:
        """The schemas, the default one first."""
        return self._tx.schemas()

    @cached_property
    def views(self) -> Mapping[tuple[str, str], str]:
        """The SQL of the views, by schema and name."""
        return self._tx.views()

    @cached_property
    def tables(self) -> frozenset[tuple[str, str]]:
        """The tables, by schema and name."""
        return self._tx.tables()

    @cached_property
    def partial(self) -> Mapping[tuple[str, str], Sequence[TableName]]:
        """The tables of which other relations show the hot rows alone, by schema and name."""
        return self._tx.partial()

    @cached_property
    def macros(self) -> dict[str, list[tuple[str, str]]]:
        """The macros, by name in lower case: the schema, and the body as a query."""
        found: dict[str, list[tuple[str, str]]] = {}
        for schema, name, query in self._tx.macros():
            found.setdefault(folded(name), []).append((schema, query))
        return found

    def has_table(self, name: str, schema: str = "") -> bool:
        """Say whether a table or view of a schema, of any if none is said, has this name."""
        wanted = (folded(schema), folded(name))
        return any(
            (folded(own_schema) if schema else "", folded(own)) == wanted
            for own_schema, own in (*self.tables, *self.views)
        )

    def has_macro(self, name: str) -> bool:
        """Say whether some macro has this name."""
        return folded(name) in self.macros


def engine_functions(tx: AttachedTransaction, loaded: frozenset[str]) -> frozenset[str]:
    """Return the names of the engine's own functions, in lower case.

    Args:
        loaded: The engine's extensions. The functions of the same ones are read once a process,
            for there are thousands.

    """
    if loaded not in _ENGINE_FUNCTIONS:
        rows = tx.session.execute(
            "SELECT DISTINCT lower(function_name) FROM system.main.duckdb_functions() "
            "WHERE database_name = 'system'"
        )
        _ENGINE_FUNCTIONS[loaded] = frozenset(row[0] for row in rows)
    return _ENGINE_FUNCTIONS[loaded]


def fleeting_words(tx: AttachedTransaction, loaded: frozenset[str]) -> frozenset[str]:
    """Return the words, in lower case, that mean something else at another time.

    Those of the engine's functions that say so of themselves, its keywords, and the functions that
    it has made of any of these.

    Args:
        loaded: As of `engine_functions`.

    """
    if loaded not in _FLEETING_WORDS:
        _FLEETING_WORDS[loaded] = _fleeting_words(tx)
    return _FLEETING_WORDS[loaded]


def _fleeting_words(tx: AttachedTransaction) -> frozenset[str]:
    rows = tx.session.execute(
        "SELECT lower(function_name), lower(macro_definition), stability FROM duckdb_functions() "
        "WHERE database_name = 'system' AND (macro_definition IS NOT NULL OR "
        "stability <> 'CONSISTENT')"
    )
    found = set(_FLEETING) | {name for name, definition, _ in rows if not definition}
    while more := {
        name
        for name, definition, _ in rows
        if definition and name not in found and not found.isdisjoint(_WORDS.findall(definition))
    }:
        found |= more
    return frozenset(found)


_WORDS = re.compile(r"\w+")
_FLEETING = frozenset(
    {"age", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
)
"""Keywords, and what is not said to be so."""

_FLEETING_WORDS: dict[frozenset[str], frozenset[str]] = {}
_ENGINE_FUNCTIONS: dict[frozenset[str], frozenset[str]] = {}
