"""Everything that an apply imports, so that a forked process does not have to."""

import isotherm.query.query
import killing
import pyiceberg.io.pyarrow
import rich.console
import rich.table
import rich.tree
import sqlalchemy.dialects.sqlite

import ageing
import conftest
import isotherm.catalog.iceberg
import isotherm.check.journal
import isotherm.cost.dollars
import isotherm.moves.applying
import isotherm.opening

__all__ = ["ageing", "conftest", "isotherm", "killing", "pyiceberg", "rich", "sqlalchemy"]
