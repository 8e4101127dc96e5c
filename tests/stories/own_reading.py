"""DuckDB's own reading of files of trips, to hold Isotherm's answers against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


@dataclass(frozen=True)
class Trips:
    """Some files of trips.

    Attributes:
        as_of: The month that ages are taken at.
        late: A month that is in STANDARD then, and has rows that come late.
        buried: A month that is in GLACIER then, and has rows that come late.
    """

    files: tuple[Path, ...]
    clock: str
    as_of: str
    late: str
    buried: str


class OwnReading:
    """All rows of the files in a table `trips` of a DuckDB in memory."""

    def __init__(self, trips: Trips, scratch: Path) -> None:
        self._con = duckdb.connect()
        self._scratch = scratch
        self.clock = trips.clock
        read = self._reader(trips.files)
        self._con.execute(f"CREATE TABLE trips AS SELECT *, false AS late FROM {read}")
        described = self._con.execute("DESCRIBE trips").fetchall()
        self._columns = {row[0]: _common(row[1]) for row in described if row[0] != "late"}
        self._ends: dict[str, str] = {}

    def _reader(self, files: Sequence[Path]) -> str:
        tables = [str(file) for file in files if file.suffix == ".parquet"]
        texts = [self._scratch / file.name for file in files if file.suffix == ".csv"]
        for file in files:
            if file.suffix == ".csv":  # DuckDB's strict reader refuses what mixes LF and CRLF
                plain = file.read_bytes().replace(b"\r\n", b"\n")
                (self._scratch / file.name).write_bytes(plain)
        read = []
        if texts:
            read.append(f"FROM read_csv({[str(f) for f in texts]}, union_by_name = true)")
        if tables:
            read.append(f"FROM read_parquet({tables}, union_by_name = true)")
        return f"({' UNION ALL BY NAME '.join(read)})"

    def question(self, condition: str = "true") -> str:
        """Return a query for count and checksum that means the same here and there."""
        values = ", ".join(f"{name}::{type_}" for name, type_ in self._columns.items())
        return (
            f"SELECT count(*) AS trips, coalesce(sum(hash({values})::HUGEINT), 0)::VARCHAR AS sum "
            f"FROM trips WHERE {condition}"
        )

    def answer(self, condition: str = "true") -> list[tuple[object, ...]]:
        """Return the right count and checksum."""
        return self._con.execute(self.question(condition)).fetchall()

    def months(self, since: str = "2010-01-01") -> dict[str, int]:
        """Return the rows of each month."""
        rows = self._con.execute(
            f"SELECT strftime({self.clock}, '%Y-%m'), count(*) FROM trips "
            f"WHERE {self.clock} >= '{since}' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return dict(rows)

    def come_late(self, month: str, rows: int, file: Path) -> None:
        """Write a file of rows that come late, and count them in."""
        here = f"FROM trips WHERE strftime({self.clock}, '%Y-%m') = '{month}' LIMIT {rows}"
        names = ", ".join(self._columns)
        self._con.execute(f"COPY (SELECT {names} {here}) TO '{file}'")
        self._con.execute(f"INSERT INTO trips SELECT * REPLACE (true AS late) {here}")

    def forget(self, months: Sequence[str]) -> None:
        """Delete months that have expired."""
        self._con.execute(
            f"DELETE FROM trips WHERE strftime({self.clock}, '%Y-%m') IN {tuple(months)}"
        )


def _common(type_: str) -> str:
    """Return a type that every reading of a column can be cast to without loss."""
    if type_.startswith("TIMESTAMP"):
        return "TIMESTAMP"
    return "DOUBLE" if any(number in type_ for number in NUMBERS) else "VARCHAR"
