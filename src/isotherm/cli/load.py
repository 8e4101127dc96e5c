"""`isotherm load`: files into the hot table, exactly once."""

from __future__ import annotations
