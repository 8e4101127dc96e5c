"""Isotherm keeps a table whole while its rows cool down.

Recent rows stay in the warehouse, older ones move by policy through cheaper object storage, and
one SQL statement still sees them all::

    import isotherm

    with isotherm.open("isotherm.toml") as lake:
        lake.apply()
        lake.sql("select count(*) from trips").fetchall()
"""

from .examining import doctor
from .lake import Lake
from .model.errors import IsothermError
from .opening import open_lake as open
from .opening import rebuild_lake as rebuild

__all__ = ["IsothermError", "Lake", "doctor", "open", "rebuild"]
__version__ = "0.1.0"
