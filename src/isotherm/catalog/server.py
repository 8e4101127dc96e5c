"""A catalogue on a PostgreSQL server: its tables lie in the schema of control."""

from __future__ import annotations

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from ..model.errors import ConfigError, StorageError

SCHEMA = "isotherm"


def uri(url: str) -> str:
    """Return what SQLAlchemy calls a URL of `postgresql:`, with the catalogue's schema."""
    joint = "&" if "?" in url else "?"
    named = url.replace("postgresql:", "postgresql+psycopg:", 1)
    return f"{named}{joint}options=-csearch_path%3D{SCHEMA}"


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
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"catalog.url begins with postgresql:, and {error.name} is not installed",
            hint="Install it: pip install 'isotherm[postgres]'",
        ) from None
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", error)).strip()
        raise StorageError(f"the catalogue on PostgreSQL cannot be made: {said}") from None
