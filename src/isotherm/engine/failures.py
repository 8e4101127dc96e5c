"""What an error of the engine means, for rooms that do not know which engine it is."""

from __future__ import annotations

import re
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
    FORBIDDEN = "the role may not do it"
    FATAL = "the engine cannot go on with the warehouse"
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
    (duckdb.FatalException, Failure.FATAL),
    (duckdb.Error, Failure.OTHER),
)

_POSTGRES: tuple[tuple[re.Pattern[str], Failure], ...] = (
    (
        re.compile(
            "could not serialize access|deadlock detected|due to lock timeout|"
            "could not obtain lock|concurrently updated"
        ),
        Failure.CONFLICT,
    ),
    (re.compile("violates .*constraint"), Failure.CONSTRAINT),
    (re.compile("permission denied|must be owner|row-level security"), Failure.FORBIDDEN),
    (
        re.compile(
            "server closed the connection|connection to server|Unable to connect|"
            "terminating connection|no connection to the server|connection has been closed|"
            "the database system is"
        ),
        Failure.UNREADABLE,
    ),
    (re.compile("read-only transaction"), Failure.WRITES),
    (re.compile("ERROR:  "), Failure.OTHER),
)
"""What PostgreSQL says, which the engine raises under classes of its own."""

_ECHO = re.compile(r'^(?:[A-Za-z ]*Error: )?Failed to [a-z ]+ "?.*?(?=ERROR:  )', re.DOTALL)
_QUOTED = re.compile(r'^(?:[A-Za-z ]*Error: )?Failed to [a-z ]+ ".*": ', re.DOTALL)
_QUOTES = re.compile(r"\n(?:CONTEXT|QUERY|STATEMENT|LINE \d+):")
_CONNECTION = re.compile(r'(?:IO Error: )?Unable to connect to Postgres at ".*": ')
"""What stands before PostgreSQL's own words: the SQL that Isotherm made, how it was connected."""

DAMAGE = (Failure.UNREADABLE, Failure.OTHER)
"""What a file that is not as it should be leads to."""


def failure(error: BaseException | None) -> Failure | None:
    """Say what an error means; None if the engine did not raise it."""
    if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
        return Failure.STOPPED
    if not isinstance(error, duckdb.Error):
        return None
    message = str(error)
    for said, kind in _POSTGRES:
        if said.search(message):
            return kind
    if "read-only" in message:
        return Failure.WRITES
    if type(error) is duckdb.Error:  # Parquet pages that make no sense have no class of their own
        return Failure.UNREADABLE
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), None)


def words(error: BaseException) -> str:
    """Return what an error says, without SQL that Isotherm made, or how a server was reached."""
    said = _CONNECTION.sub("", _QUOTED.sub("", _ECHO.sub("", str(error))))
    return _QUOTES.split(said, maxsplit=1)[0].strip()
