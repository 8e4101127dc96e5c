"""Datasets: logical tables whose rows age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .clock import ClockUnit
from .errors import RequestError
from .names import TableName
from .period import Duration, Unit
from .person import DataSubject
from .policy import Policy

__all__ = ["WEEK", "Dataset", "TableName"]

WEEK = Duration(seconds=7 * 86_400)

OBJECT_BYTES = 512 * 2**20
"""Iceberg's own target for a file of data."""
SMALL_BYTES = 64 * 2**20
COMPACT_OBJECTS = 5
"""Iceberg's own least number of files that are written anew together."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A logical table with a clock and a period.

    Attributes:
        name: How users and SQL call it.
        table: The warehouse table that holds its hot rows.
        clock: The column that ages a row.
        unit: The period's length.
        clock_unit: What the clock counts, where it is a whole number.
        policy: Where a partition belongs at which age.
        subject: The columns that identify a person.
        earliest: Rows whose clock lies before this instant never age.
        latest: Rows whose clock lies at or after this instant never age.
        settle: No move sooner than this after a partition's last load.
        order_by: The columns that sort the rows of an object; none keep the warehouse's order. If
            nothing is said, it is the clock where the rows lie far from its order.
        append_min_rows: Late rows wait until there are as many.
        append_max_age: Late rows wait no longer than this after their load.
        compact_min_objects: So many small objects of one partition and tier are made one; 0 is
            never.
        target_object_bytes: A partition is cut by its clock into objects of about this size.
        cast: Columns to be kept cold as another type, by name.
        renamed: Columns the table's owner has renamed: new name by old name.
        dropped: Columns the table's owner has dropped.
        by_rules: Objects go to colder classes by the bucket's lifecycle rules, not by a copy.

    """

    name: str
    table: TableName
    clock: str
    unit: Unit = Unit.MONTH
    clock_unit: ClockUnit | None = None
    policy: Policy = field(default_factory=Policy)
    subject: tuple[str, ...] = ()
    earliest: datetime | None = None
    latest: datetime | None = None
    settle: Duration | None = None
    order_by: tuple[str, ...] | None = None
    append_min_rows: int = 1
    append_max_age: Duration = WEEK
    compact_min_objects: int = COMPACT_OBJECTS
    target_object_bytes: int = OBJECT_BYTES
    cast: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    by_rules: bool = False

    @property
    def small_bytes(self) -> int:
        """Objects as large as this are left as they are: few late rows do not write all anew."""
        return min(SMALL_BYTES, self.target_object_bytes // 4)

    def check_subject(self, subject: DataSubject) -> None:
        """Check that a data subject is named by the columns that identify people here.

        Raises:
            RequestError: it is not.

        """
        for name in subject.columns:
            if name not in self.subject:
                known = ", ".join(self.subject)
                raise RequestError(
                    f"{name} is no column that identifies people in {self.name}",
                    hint=f"There are: {known}."
                    if known
                    else f'Name them in the config: [datasets.{self.name}] subject = ["{name}"]',
                )
