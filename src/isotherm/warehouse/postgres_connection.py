"""A session's connection to a PostgreSQL server, and what it has to be like."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.base import Row
from ..engine.session import DuckDBSession
from ..engine.sql import text
from ..model.errors import StorageError
from .attached import translated

LOCK_TIMEOUT = "30s"
"""How long to wait for another's locks, where the role, the database or the URL does not say."""


class Connection:
    """A session's connection to the server."""

    def __init__(self, session: DuckDBSession, alias: str) -> None:
        self.session = session
        self.alias = alias

    def native(self, sql: str) -> list[Row]:
        """Run a query on the server, in the session's transaction."""
        with translated():
            return self.session.execute(
                f"SELECT * FROM postgres_query({text(self.alias)}, {text(sql)})"
            )

    def run(self, sql: str) -> None:
        """Run a statement on the server, in the session's transaction."""
        with translated():
            self.session.execute(f"CALL postgres_execute({text(self.alias)}, {text(sql)})")


def waits_for_ever(server: Connection) -> bool:
    """Say whether the server lets a statement wait for locks without end."""
    found = server.native("SELECT current_setting('lock_timeout') AS lock_timeout")
    return bool(found == [("0",)])


def prepared(server: Connection, where: str) -> Iterator[str]:
    """Yield what every writing transaction begins with.

    Raises:
        StorageError: the server is none that rows can be kept on.

    """
    ((durable, encoding, standby, schemas),) = server.native(
        "SELECT current_setting('synchronous_commit') AS durable, "
        "current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby, "
        "(SELECT count(*) FROM pg_namespace WHERE nspname = 'public') AS public"
    )
    if standby:
        raise StorageError(
            f"{where} is a standby, on which a query is not one snapshot: it could miss rows that "
            "are being moved, or see them twice",
            hint="Write the primary's address in [warehouse] url.",
        )
    if encoding == "SQL_ASCII":
        raise StorageError(
            f"the database at {where} is of encoding SQL_ASCII: nobody knows what its text means",
            hint="Copy it into a database of encoding UTF8.",
        )
    if not schemas:
        raise StorageError(
            f"the database at {where} has no schema public, in which unqualified names are",
            hint="Make it: CREATE SCHEMA public",
        )
    if durable == "off":  # else the server may lose a commit after its objects were removed
        yield "SET LOCAL synchronous_commit = on"
