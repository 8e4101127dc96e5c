"""How a PostgreSQL server is reached: what a URL says, and what Isotherm adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..model.errors import ConfigError, not_installed

ADDED = {
    # Text is read as the characters that it is, whatever the database keeps it in.
    "client_encoding": "UTF8",
}
OPTIONS = "-c row_security=off"
"""Rows that a policy hides are not left out silently: the server refuses such a query."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """What is needed to connect.

    Attributes:
        database: What the server calls the database.
        user: Whom the URL names.
        where: Host and database, for messages.
        conninfo: Keywords and values, as libpq reads them, without the password.

    """

    database: str
    user: str | None
    where: str
    conninfo: str
    password: str | None = field(repr=False)

    def set(self, option: str) -> Connecting:
        """Return the same with a setting for each connection, as `lock_timeout=30s`."""
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        options = f"{conninfo_to_dict(self.conninfo)['options']} -c {option}"
        return replace(self, conninfo=make_conninfo(self.conninfo, options=options))


def connecting(url: str, application: str) -> Connecting:
    """Read a URL of PostgreSQL, in any form that libpq knows.

    Args:
        application: What the server shall know the connections by.

    Raises:
        ConfigError: it is none, or what reads it is not installed.

    """
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError as error:
        raise not_installed("warehouse.url begins with postgresql:", error, "postgres") from None
    try:
        said = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ConfigError(
            f"warehouse.url is no URL of PostgreSQL: {str(error).strip()}",
            hint="Write it as postgresql://user@host:5432/database.",
        ) from None
    password = said.pop("password", None)
    user = str(said["user"]) if said.get("user") else None
    database = str(said.get("dbname") or user or "postgres")
    options = f"{said.get('options') or ''} {OPTIONS}".strip()
    conninfo = make_conninfo(
        "", **{**said, **ADDED, "options": options, "application_name": application}
    )
    host = said.get("host") or said.get("hostaddr") or "this machine"
    secret = str(password) if password else None
    return Connecting(database, user, f"{host}/{database}", conninfo, secret)
