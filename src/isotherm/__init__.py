"""Isotherm keeps a table whole while its rows cool down.

Recent rows stay in the warehouse, older ones move by policy through cheaper object storage, and
one SQL statement still sees them all::

    import isotherm

    with isotherm.open("isotherm.toml") as lake:
        lake.apply()
        lake.sql("select count(*) from trips").fetchall()
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .examining import doctor
    from .lake import Lake
    from .model.errors import IsothermError
    from .opening import open_lake as open
    from .opening import rebuild_lake as rebuild

__all__ = ["IsothermError", "Lake", "doctor", "open", "rebuild"]
__version__ = "0.1.0"

_PLACES = {
    "IsothermError": ("model.errors", "IsothermError"),
    "Lake": ("lake", "Lake"),
    "doctor": ("examining", "doctor"),
    "open": ("opening", "open_lake"),
    "rebuild": ("opening", "rebuild_lake"),
}

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import what is asked for only now: it takes seconds, and the command has to say more."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, real = _PLACES[name]
        return getattr(import_module(f".{module}", __name__), real)
