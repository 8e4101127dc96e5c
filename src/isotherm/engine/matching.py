"""Whose rows are meant: conditions that hold in the engine and on a PostgreSQL server alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..model.dataset import Dataset
from ..model.errors import RequestError, SchemaError
from ..model.hold import Hold
from ..model.person import DataSubject
from .base import Session
from .sql import quote, text, within

NOBODY = "FALSE"


def belongs_to(subjects: Iterable[DataSubject]) -> str:
    """Return the condition of rows that are somebody's: never NULL, for whatever row."""
    groups: dict[tuple[str, ...], list[DataSubject]] = defaultdict(list)
    for subject in subjects:
        groups[subject.columns].append(subject)
    found = [_of_group(columns, group) for columns, group in sorted(groups.items())]
    return f"coalesce({' OR '.join(found)}, FALSE)" if found else NOBODY


def held(dataset: Dataset, clock_type: str, holds: Iterable[Hold]) -> str:
    """Return the condition of rows that some case keeps: never NULL."""
    found = []
    for hold in holds:
        where = within(dataset, clock_type, *hold.periods) if hold.periods else "TRUE"
        whose = belongs_to(hold.subjects) if hold.subjects else "TRUE"
        found.append(f"({where} AND {whose})")
    return f"coalesce({' OR '.join(found)}, FALSE)" if found else NOBODY


def check_values(
    session: Session, subjects: Sequence[DataSubject], types: Mapping[str, str]
) -> None:
    """Check that what identifies people can stand in its columns.

    Args:
        types: Of the columns of the table.

    Raises:
        SchemaError: there is no such column.
        RequestError: a value is none of its type; it is not shown.

    """
    values: dict[str, list[str]] = defaultdict(list)
    for subject in subjects:
        for name, value in subject.values:
            values[name].append(value)
    for name, found in values.items():
        if name not in types:
            raise SchemaError(f"the table has no column {name}, which identifies people")
        rows = session.execute(
            f"SELECT i FROM (SELECT unnest(?) AS v, unnest(range(len(?))) AS i) "
            f"WHERE TRY_CAST(v AS {types[name]}) IS NULL ORDER BY i LIMIT 1",
            [found, found],
        )
        if rows:
            raise RequestError(
                f"value {rows[0][0] + 1} of {name} is no {types[name]}",
                hint="Nothing was changed. Look at what identifies the data subjects.",
            )


def _of_group(columns: tuple[str, ...], group: Sequence[DataSubject]) -> str:
    if len(columns) == 1:
        listed = ", ".join(text(subject.values[0][1]) for subject in group)
        return f"{quote(columns[0])} IN ({listed})"
    each = (
        " AND ".join(f"{quote(name)} = {text(value)}" for name, value in subject.values)
        for subject in group
    )
    return " OR ".join(f"({condition})" for condition in each)
