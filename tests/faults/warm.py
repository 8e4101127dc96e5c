"""Everything that an apply imports, so that a forked process does not have to."""

import importlib
import pkgutil

import killing
import pyiceberg.io.pyarrow
import rich.console
import rich.table
import rich.tree
import sqlalchemy.dialects.sqlite

import ageing
import conftest
import isotherm
from isotherm.model.address import Address
from isotherm.storage.sdk import session_of

__all__ = ["ageing", "conftest", "killing", "pyiceberg", "rich", "sqlalchemy"]

for found in pkgutil.walk_packages(isotherm.__path__, "isotherm."):
    if not found.name.startswith(("isotherm.cli", "isotherm.demo", "isotherm.__main__")):
        importlib.import_module(found.name)

# What the SDK knows of S3 takes a second to read.
session_of(Address.parse("s3://warm?endpoint=http://127.0.0.1:1&region=us-east-1")).client("s3")
