"""Files of trips, as they are written and damaged, and a lake that they are loaded into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import run_sql
from isotherm.lake import Lake
from isotherm.load.loader import Loaded, Observe, load_file
from isotherm.load.options import ReadOptions

HEADER = "pickup,id,fare,tag"


@dataclass(frozen=True)
class Trips:
    """A lake with the dataset trips, and a folder for its files."""

    lake: Lake
    folder: Path

    def write(self, content: str | bytes, name: str = "trips.csv") -> Path:
        """Write a file and return its path."""
        path = self.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(
        self, path: Path | str, *, observe: Observe = lambda progress: None, **options: Any
    ) -> Loaded:
        """Load a file; options are those of `ReadOptions`."""
        return load_file(
            self.lake.warehouse,
            self.lake.config.dataset("trips"),
            path,
            ReadOptions(**options),
            now=self.lake.clock(),
            observe=observe,
        )

    def load_text(self, content: str | bytes, name: str = "trips.csv", **options: Any) -> Loaded:
        """Write a file and load it."""
        return self.load(self.write(content, name), **options)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the table's owner, and return the last one's rows."""
        return run_sql(self.lake, *statements)

    def rows(self, what: str = "*") -> list[tuple[Any, ...]]:
        """Return the table's rows, in order."""
        return self.sql(f"SELECT {what} FROM main.trips ORDER BY ALL")

    @property
    def count(self) -> int:
        """How many rows the table has; -1 if there is none."""
        return len(self.rows("1")) if self.types else -1

    @property
    def types(self) -> dict[str, str]:
        """The types of the table's columns."""
        found = self.sql(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'trips' "
            "AND database_name LIKE 'isotherm_warehouse%' ORDER BY column_index"
        )
        return dict(found)

    @property
    def quarantine(self) -> list[tuple[Any, ...]]:
        """Line, reason and raw text of the rows in quarantine."""
        return self.sql("SELECT line, reason, raw FROM isotherm.quarantine ORDER BY line")


def trip_lines(count: int, first: int = 0) -> list[str]:
    """Return lines of good trips, an hour apart."""
    return [
        f"2019-01-{1 + i // 24 % 28:02d} {i % 24:02d}:00:00,{i},{i}.25,x{i % 7}"
        for i in range(first, first + count)
    ]


def a_csv(*rows: str, newline: str = "\n") -> str:
    """Return a CSV of trips."""
    return newline.join([HEADER, *rows, ""])
