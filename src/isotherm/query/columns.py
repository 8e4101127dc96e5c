"""Which columns a query can speak of: only these need a stand-in while it is planned."""

from __future__ import annotations

from ..model.names import folded
from .names import Named

_ANY = ("STAR", "POSITIONAL_REFERENCE", "PIVOT", "SHOW_REF")


def mentioned(named: Named) -> frozenset[str] | None:
    """Return the words, in lower case, among which are the columns that a query uses.

    None means that it may use any: by a star, by place, or in what it stands on.
    """
    if named.views or named.macros:
        return None
    words: set[str] = set()
    rows: set[str] = set()
    clocks = {folded(dataset.clock) for dataset in named.datasets}
    for node in named.nodes:
        if node.get("type") in _ANY or node.get("class") in _ANY or node.get("column_name_alias"):
            return None
        if node.get("type") == "JOIN":
            if node["ref_type"] == "NATURAL":
                return None
            words.update(folded(str(name)) for name in node["using_columns"])
        words.update(folded(str(name)) for name in node.get("column_names") or ())
        if "sample" in node:  # a table, a subquery or a join, and no expression
            rows |= {folded(str(node.get(key) or "")) for key in ("alias", "table_name")}
    alone = {
        folded(str(node["column_names"][0]))
        for node in named.nodes
        if len(node.get("column_names") or ()) == 1
    }
    # A table's name alone is its row, with every column.
    return None if alone & rows - clocks else frozenset(words)
