"""A catalogue in a database: on a PostgreSQL server its tables lie in the schema of control."""

from __future__ import annotations

from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from ..model.errors import StorageError, not_installed

SCHEMA = "isotherm"
_TABLES = "iceberg_tables"
"""Where PyIceberg keeps them."""


def uri(url: str) -> str:
    """Return what SQLAlchemy calls a URL of `postgresql:`, with the catalogue's schema.

    Raises:
        ConfigError: what reaches the server is not installed.

    """
    try:
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise not_installed("catalog.url begins with postgresql:", error, "postgres") from None
    said = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    said["options"] = f"{said.get('options', '')} -csearch_path={SCHEMA}".strip()
    made = URL.create(
        "postgresql+psycopg",
        username=said.pop("user", None),
        password=said.pop("password", None),
        database=said.pop("dbname", None),
        query=said,
    )
    return made.render_as_string(hide_password=False)


def make_schema(url: str) -> None:
    """Make the catalogue's schema where there is none.

    Raises:
        ConfigError: what reaches the server is not installed.
        StorageError: the server cannot be reached, or forbids it.

    """
    try:
        engine = create_engine(uri(url))
        with engine.begin() as connection:
            if not inspect(connection).has_schema(SCHEMA):
                connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        engine.dispose()
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", error)).strip()
        raise StorageError(f"the catalogue on PostgreSQL cannot be made: {said}") from None


def is_made(uri: str) -> bool:
    """Say whether a database has the catalogue's tables; none are made.

    Args:
        uri: As SQLAlchemy calls it.

    Raises:
        StorageError: it cannot be reached, or is no database.

    """
    try:
        engine = create_engine(uri)
        try:
            return inspect(engine).has_table(_TABLES)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        said = str(getattr(error, "orig", error)).strip()
        raise StorageError(
            f"the catalogue cannot be reached: {said}", hint="Look at [catalog] url."
        ) from None
