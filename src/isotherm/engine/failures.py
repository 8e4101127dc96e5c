"""What an error of the engine means, for rooms that do not know which engine it is."""

from __future__ import annotations

from enum import StrEnum

import duckdb


class Failure(StrEnum):
    """Why a statement failed."""

    STOPPED = "it was interrupted"
    NO_SUCH_NAME = "it names something that there is not"
    WRITES = "it writes, in a transaction that cannot"
    UNREADABLE = "something that it reads cannot be read"
    NO_MEMORY = "there is not enough memory"
    CONFLICT = "another writer was there first"
    CONSTRAINT = "a row breaks a rule of its table"
    OTHER = "it is wrong, or its values are"


_KINDS: tuple[tuple[type[BaseException], Failure], ...] = (
    (duckdb.InterruptException, Failure.STOPPED),
    (duckdb.CatalogException, Failure.NO_SUCH_NAME),
    (duckdb.OutOfMemoryException, Failure.NO_MEMORY),
    (duckdb.IOException, Failure.UNREADABLE),
    # What a damaged Parquet file leads to, besides.
    (duckdb.InvalidInputException, Failure.UNREADABLE),
    (duckdb.InternalException, Failure.UNREADABLE),
    (duckdb.SerializationException, Failure.UNREADABLE),
    (duckdb.TransactionException, Failure.CONFLICT),
    (duckdb.ConstraintException, Failure.CONSTRAINT),
    (duckdb.Error, Failure.OTHER),
)

DAMAGE = (Failure.UNREADABLE, Failure.OTHER)
"""What a file that is not as it should be leads to."""


def failure(error: BaseException) -> Failure | None:
    """Say what an error means; None if the engine did not raise it."""
    if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
        return Failure.STOPPED
    if isinstance(error, duckdb.Error) and "read-only" in str(error):
        return Failure.WRITES
    if type(error) is duckdb.Error:  # Parquet pages that make no sense have no class of their own
        return Failure.UNREADABLE
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), None)
