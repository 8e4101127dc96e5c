"""The columns of the pinned Iceberg snapshot, read from its metadata file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..control.pins import PinRow
from ..engine.failures import failure
from ..engine.session import DuckDBSession
from ..model.errors import StorageError
from ..model.schema import from_iceberg
from ..storage.folder import check_readable


@dataclass(frozen=True, slots=True)
class Field:
    """A column of cold rows: its field id is the same in every object, whatever its name was.

    Attributes:
        once_float: Objects may have it as FLOAT.

    """

    id: int
    name: str
    type: str
    once_float: bool = False


def fields(session: DuckDBSession, pin: PinRow) -> tuple[Field, ...]:
    """Return the columns of the pinned snapshot.

    Raises:
        StorageError: the metadata file is missing, damaged, or not this user's to read.

    """
    try:
        found = session.execute("SELECT content FROM system.main.read_text(?)", [pin.metadata])
        if not found:
            raise ValueError("there is no such file")
        metadata = json.loads(found[0][0])
        every = (field for schema in metadata["schemas"] for field in schema["fields"])
        floats = {field["id"] for field in every if field["type"] == "float"}
        return tuple(
            Field(f["id"], f["name"], from_iceberg(f["type"]), f["id"] in floats)
            for f in _schema(metadata, pin.snapshot)["fields"]
        )
    except Exception as error:
        if failure(error) is None and not isinstance(error, ValueError | LookupError | TypeError):
            raise
        check_readable(pin.metadata)
        raise StorageError(
            f"the Iceberg metadata of {pin.dataset}, {pin.metadata}, cannot be read: {error}",
            hint="Put it back from a backup.",
        ) from error


def _schema(metadata: Mapping[str, Any], snapshot: int) -> Mapping[str, Any]:
    """Return the schema that a snapshot was written with."""
    snapshots = {item["snapshot-id"]: item for item in metadata["snapshots"]}
    schemas: dict[int, Mapping[str, Any]] = {s["schema-id"]: s for s in metadata["schemas"]}
    return schemas[snapshots[snapshot].get("schema-id", metadata["current-schema-id"])]
