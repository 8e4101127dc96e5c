"""What a server of PostgreSQL says of itself, of who is at work, and of what we may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..engine.base import Row
from ..engine.sql import text
from ..model.dataset import TableName
from .lease import Holder, standing

HIDDEN = "BYPASSRLS"
"""What a role needs from which row-level security would hide rows."""


@dataclass(frozen=True, slots=True)
class About:
    """What a server says of itself.

    Attributes:
        role: As whom it knows us.
        now: Its time, UTC without zone.
        writes: Whether it lets transactions write.

    """

    version: str
    role: str
    now: datetime
    writes: bool


class Server:
    """A server, as one transaction can ask it; nothing is tried or changed.

    Args:
        native: Runs a query on the server.

    """

    def __init__(self, native: Callable[[str], list[Row]]) -> None:
        self._native = native

    def about(self) -> About:
        """Ask what it is, as whom it knows us, and whether it lets us write."""
        ((version, role, now, read_only),) = self._native(
            "SELECT current_setting('server_version') AS version, current_user::text AS role, "
            "clock_timestamp() AT TIME ZONE 'UTC' AS now, "
            "current_setting('default_transaction_read_only') AS read_only"
        )
        return About(version, role, now, read_only == "off")

    def applying(self) -> Holder | None:
        """Return who holds the lease of the one who applies; None if nobody does."""
        return standing(self._native)

    def lacking(
        self, wanted: Mapping[TableName, Sequence[str]]
    ) -> dict[TableName, tuple[str, ...]]:
        """Return what our role has not been granted of what is wanted.

        Args:
            wanted: Privileges by table, as `SELECT`; a table that is not there lacks nothing.

        """
        found: dict[TableName, tuple[str, ...]] = {}
        for table, privileges in wanted.items():
            asked = ", ".join(
                f"has_table_privilege(c.oid, {text(name)}) AS has_{number}"
                for number, name in enumerate(privileges)
            )
            rows = self._native(
                "SELECT has_schema_privilege(n.oid, 'USAGE') AS usage, "
                f"NOT row_security_active(c.oid) AS all_rows, {asked} "
                "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                f"WHERE nspname = {text(table.schema)} AND relname = {text(table.name)}"
            )
            names = (f"USAGE ON SCHEMA {table.schema}", HIDDEN, *privileges)
            for row in rows:
                missing = tuple(name for name, has in zip(names, row, strict=True) if not has)
                if missing:
                    found[table] = missing
        return found
