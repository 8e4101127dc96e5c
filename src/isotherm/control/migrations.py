"""The tables of control, in numbered steps; a step that was released is never edited."""

from __future__ import annotations

import uuid

from ..model.errors import ConfigError
from ..warehouse.base import Transaction

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE isotherm.settings (name VARCHAR NOT NULL, value VARCHAR NOT NULL)",
        # One row a dataset that control has met.
        """CREATE TABLE isotherm.datasets (
            dataset VARCHAR NOT NULL, table_name VARCHAR NOT NULL, clock VARCHAR NOT NULL,
            unit VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL)""",
        """CREATE TABLE isotherm.parts (
            id VARCHAR NOT NULL, dataset VARCHAR NOT NULL, period VARCHAR NOT NULL,
            tier VARCHAR NOT NULL, place VARCHAR NOT NULL, key VARCHAR NOT NULL,
            rows BIGINT NOT NULL, bytes BIGINT NOT NULL, sha256 VARCHAR NOT NULL,
            created_at TIMESTAMP NOT NULL, restored_place VARCHAR, restored_key VARCHAR,
            restored_until TIMESTAMP)""",
        # Append-only: the newest version of a dataset is what readers use.
        """CREATE TABLE isotherm.pins (
            dataset VARCHAR NOT NULL, version BIGINT NOT NULL, metadata VARCHAR NOT NULL,
            snapshot BIGINT NOT NULL, move VARCHAR NOT NULL, set_at TIMESTAMP NOT NULL,
            PRIMARY KEY (dataset, version))""",
        """CREATE TABLE isotherm.intents (
            move VARCHAR NOT NULL, dataset VARCHAR NOT NULL, kind VARCHAR NOT NULL,
            periods VARCHAR NOT NULL, locations VARCHAR NOT NULL, holder VARCHAR NOT NULL,
            state VARCHAR NOT NULL, begun_at TIMESTAMP NOT NULL, ended_at TIMESTAMP)""",
        # seq, previous and hash are null until the row is sealed into the chain.
        """CREATE TABLE isotherm.journal (
            id VARCHAR NOT NULL, written_at TIMESTAMP NOT NULL, dataset VARCHAR NOT NULL,
            move VARCHAR NOT NULL, event VARCHAR NOT NULL, detail VARCHAR NOT NULL,
            seq BIGINT, previous VARCHAR, hash VARCHAR)""",
        """CREATE TABLE isotherm.requests (
            id VARCHAR NOT NULL, kind VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
            period VARCHAR, until TIMESTAMP, asked_at TIMESTAMP NOT NULL, ended_at TIMESTAMP)""",
        """CREATE TABLE isotherm.removals (
            place VARCHAR NOT NULL, key VARCHAR NOT NULL, move VARCHAR NOT NULL,
            not_before TIMESTAMP)""",
        """CREATE TABLE isotherm.loads (
            dataset VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, file VARCHAR NOT NULL,
            bytes BIGINT NOT NULL, rows BIGINT NOT NULL, quarantined BIGINT NOT NULL,
            loaded_at TIMESTAMP NOT NULL, PRIMARY KEY (dataset, sha256))""",
        """CREATE TABLE isotherm.loaded_periods (
            dataset VARCHAR NOT NULL, period VARCHAR NOT NULL, rows BIGINT NOT NULL,
            loaded_at TIMESTAMP NOT NULL)""",
        """CREATE TABLE isotherm.quarantine (
            dataset VARCHAR NOT NULL, file VARCHAR NOT NULL, line BIGINT NOT NULL,
            reason VARCHAR NOT NULL, raw VARCHAR, quarantined_at TIMESTAMP NOT NULL)""",
    ),
    (
        # Who applies, where several processes could.
        """CREATE TABLE isotherm.leases (
            name VARCHAR NOT NULL PRIMARY KEY, holder VARCHAR NOT NULL, who VARCHAR NOT NULL,
            until TIMESTAMP NOT NULL)""",
        # Which of Isotherm's own tags each object has, as JSON.
        """CREATE TABLE isotherm.tags (
            place VARCHAR NOT NULL, key VARCHAR NOT NULL, tags VARCHAR NOT NULL)""",
    ),
    (
        # How fast an archive shall fetch.
        "ALTER TABLE isotherm.requests ADD COLUMN speed VARCHAR",
    ),
    (
        # What a case keeps; subjects are JSON: for each its columns and values.
        """CREATE TABLE isotherm.holds (
            id VARCHAR NOT NULL, case_name VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
            first_period VARCHAR, last_period VARCHAR, subjects VARCHAR NOT NULL,
            reason VARCHAR NOT NULL, placed_at TIMESTAMP NOT NULL, placed_by VARCHAR NOT NULL,
            released_at TIMESTAMP, released_by VARCHAR)""",
        # Counted by what deletes and by what holds, so that they meet.
        "ALTER TABLE isotherm.datasets ADD COLUMN touched BIGINT",
    ),
    (
        # Whom somebody wants forgotten: subjects as in holds, wiped once that is proven.
        """CREATE TABLE isotherm.erasures (
            id VARCHAR NOT NULL PRIMARY KEY, case_name VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
            subjects VARCHAR NOT NULL, hashes VARCHAR NOT NULL, asked_at TIMESTAMP NOT NULL,
            asked_by VARCHAR NOT NULL, due_at TIMESTAMP NOT NULL, forgotten_at TIMESTAMP,
            proven_at TIMESTAMP, certificate VARCHAR)""",
        # What each move took away for one; JSON lists: the objects that it replaced, and the ids
        # of the parts that have no row of theirs now.
        """CREATE TABLE isotherm.forgotten (
            erasure VARCHAR NOT NULL, move VARCHAR NOT NULL, period VARCHAR, tier VARCHAR NOT NULL,
            rows BIGINT NOT NULL, kept BIGINT NOT NULL, replaced VARCHAR NOT NULL,
            searched VARCHAR NOT NULL)""",
    ),
    (
        # Of a correction: JSON, columns and what they shall hold; wiped as the subjects are.
        "ALTER TABLE isotherm.erasures ADD COLUMN changes VARCHAR",
    ),
    (
        # Since when nobody wants it any more.
        "ALTER TABLE isotherm.erasures ADD COLUMN withdrawn_at TIMESTAMP",
    ),
    (
        # Which renames of columns the config knew then: JSON, old and new names.
        "ALTER TABLE isotherm.holds ADD COLUMN renames VARCHAR",
        "ALTER TABLE isotherm.erasures ADD COLUMN renames VARCHAR",
    ),
    (
        # What the rows of an object were hashed to when it was read back, and by which engine.
        "ALTER TABLE isotherm.parts ADD COLUMN hashed VARCHAR",
    ),
)

_SCHEMAS = (
    "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = current_database()"
)


def make_schema(tx: Transaction) -> None:
    """Make the schema of control, in a transaction before that of its tables.

    DuckDB's reader of PostgreSQL does not find a schema that its own transaction has made.
    """
    if "isotherm" not in {row[0] for row in tx.execute(_SCHEMAS)}:
        tx.execute("CREATE SCHEMA isotherm")


def migrate(tx: Transaction) -> str:
    """Make control what this version of Isotherm needs and return the lake's id.

    Raises:
        ConfigError: control was made by a newer version.

    """
    make_schema(tx)
    tx.execute(
        "CREATE TABLE IF NOT EXISTS isotherm.migrations "
        "(version BIGINT NOT NULL, made_at TIMESTAMP NOT NULL)"
    )
    done = _version(tx)
    for version, statements in enumerate(MIGRATIONS[done:], start=done + 1):
        for statement in statements:
            tx.execute(statement)
        tx.execute(
            "INSERT INTO isotherm.migrations VALUES (?, current_localtimestamp())", [version]
        )
    if done == 0:
        tx.execute("INSERT INTO isotherm.settings VALUES ('lake', ?)", [uuid.uuid4().hex])
    return lake_id(tx)


def check(tx: Transaction) -> None:
    """Check that control is what this version of Isotherm needs.

    Raises:
        ConfigError: it was made by another one.

    """
    if _version(tx) < len(MIGRATIONS):
        raise ConfigError(
            "control was made by an older Isotherm",
            hint="Bring it up to date, with everything in it: isotherm init",
        )


def _version(tx: Transaction) -> int:
    done = int(tx.execute("SELECT coalesce(max(version), 0) FROM isotherm.migrations")[0][0])
    check_known(done)
    return done


def check_known(version: int) -> None:
    """Check that this Isotherm knows a version of control.

    Raises:
        ConfigError: it was made by a newer one.

    """
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"control is of version {version}, this Isotherm knows {len(MIGRATIONS)}",
            hint="Upgrade Isotherm: pip install --upgrade isotherm",
        )


def is_made(tx: Transaction) -> bool:
    """Say whether the warehouse has control tables."""
    found = tx.execute(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_schema = 'isotherm' AND table_name = 'migrations' "
        "AND table_catalog = current_database()"
    )
    return bool(found[0][0])


def note_store(tx: Transaction, place: str) -> None:
    """Write down where the store is; it stays there from the first object on.

    Iceberg's metadata names objects by their full paths.
    """
    if not tx.execute("SELECT 1 FROM isotherm.pins UNION ALL SELECT 1 FROM isotherm.parts LIMIT 1"):
        tx.execute("DELETE FROM isotherm.settings WHERE name = 'store'")
    if not tx.execute("SELECT 1 FROM isotherm.settings WHERE name = 'store'"):
        tx.execute("INSERT INTO isotherm.settings VALUES ('store', ?)", [place])


def check_store(tx: Transaction, place: str) -> None:
    """Check that the store is where it was made.

    Raises:
        ConfigError: it is elsewhere, and so its objects could not be found.

    """
    rows = tx.execute("SELECT value FROM isotherm.settings WHERE name = 'store'")
    if rows and rows[0][0] != place:
        raise ConfigError(
            f"the store was made at {rows[0][0]}, and the config says {place}",
            hint="Iceberg's metadata names every object by its full path: move the store back, or "
            "leave a link at the old place and write that in [storage] url.",
        )


def lake_id(tx: Transaction) -> str:
    """Return the id that marks everything of this lake."""
    return str(tx.execute("SELECT value FROM isotherm.settings WHERE name = 'lake'")[0][0])
