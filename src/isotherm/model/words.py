"""Words: the nearest one that there is, for people who mistype."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that is most like `word`; empty if none is."""
    words = {item.lower(): item for item in known}
    found = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.5)
    return f"Did you mean {words[found[0]]}?" if found else ""
