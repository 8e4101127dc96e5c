"""Whose rows are meant: conditions that hold in the engine and on a PostgreSQL server alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..model.clock import Clock
from ..model.correction import NewValues
from ..model.dataset import Dataset
from ..model.errors import RequestError, SchemaError
from ..model.hold import Hold
from ..model.person import DataSubject
from ..model.schema import Column
from .base import Session
from .sql import listed, quote, text, within

NOBODY = "FALSE"
FEW = 16
"""The engine holds so many against statistics before it reads; more it joins with."""
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def belongs_to(subjects: Iterable[DataSubject], types: Mapping[str, str] | None = None) -> str:
    """Return the condition of rows that are somebody's; it may be NULL where it does not hold.

    Args:
        types: Of the columns, where they are not those that the values were checked against: a
            value that none of the type can be is nobody's there. PostgreSQL has no word for that.

    """
    groups: dict[tuple[str, ...], list[DataSubject]] = defaultdict(list)
    for subject in subjects:
        groups[subject.columns].append(subject)
    found = [_of_group(names, group, types) for names, group in sorted(groups.items())]
    return f"({' OR '.join(found)})" if found else NOBODY


def to_correct(
    subjects: Iterable[DataSubject], changes: NewValues, types: Mapping[str, str] | None = None
) -> str:
    """Return the condition of somebody's rows that do not hold new values yet."""

    def differs(name: str, value: str | None) -> str:
        if value is None:
            return f"{quote(name)} IS NOT NULL"
        if types is None:
            return f"{quote(name)} IS DISTINCT FROM {text(value)}"
        held = f"TRY_CAST({text(value)} AS {types[name]})"  # a type that is too narrow still
        return f"{quote(name)} IS DISTINCT FROM {held} OR {held} IS NULL"

    different = " OR ".join(differs(name, value) for name, value in changes)
    return f"({belongs_to(subjects, types)} AND ({different}))"


def sought(
    subjects: Iterable[DataSubject], changes: NewValues, types: Mapping[str, str] | None = None
) -> str:
    """Return the condition of rows that a request is about: see `belongs_to`, `to_correct`."""
    if changes:
        return to_correct(subjects, changes, types)
    return belongs_to(subjects, types)


def held(
    dataset: Dataset,
    clock: Clock,
    holds: Iterable[Hold],
    types: Mapping[str, str] | None = None,
) -> str:
    """Return the condition of rows that some case keeps: never NULL.

    Whether rows age at all makes no difference to a case.
    """
    unbound = replace(dataset, earliest=None, latest=None)
    found = []
    for hold in holds:
        where = within(unbound, clock, *hold.periods) if hold.periods else "TRUE"
        whose = belongs_to(hold.subjects, types) if hold.subjects else "TRUE"
        found.append(f"({where} AND {whose})")
    return f"coalesce({' OR '.join(found)}, FALSE)" if found else NOBODY


def naming(
    wanted: Iterable[str],
    source: str,
    columns: Iterable[Column],
    rows: tuple[int, int] | None = None,
) -> tuple[str, dict[str, str]]:
    """Return objects with every column that is wanted, and the types of all.

    One that was born later is NULL in them: nobody is named by it there.

    Args:
        wanted: The names of columns, the clock's among them.
        source: The SQL of a relation that reads Parquet files.
        columns: That it has.
        rows: The first one of each object, and the one after the last; all if not given.

    """
    types = {column.name: column.type for column in columns}
    absent = [name for name in wanted if name not in types]
    if not (absent or rows):
        return source, types
    nothing = "".join(f", NULL::VARCHAR AS {quote(name)}" for name in absent)
    # The engine reads no others: but only where they are one stretch.
    only = f" WHERE file_row_number >= {rows[0]} AND file_row_number < {rows[1]}" if rows else ""
    chosen = f"(SELECT *, filename{nothing} FROM {source}{only})"
    return chosen, types | dict.fromkeys(absent, "VARCHAR")


def as_they_are_kept(
    session: Session, subjects: Sequence[DataSubject], types: Mapping[str, str]
) -> tuple[DataSubject, ...]:
    """Return data subjects with their values written as the columns write them.

    Args:
        types: Of the columns of the table.

    Raises:
        SchemaError: there is no such column.
        RequestError: a value is none of its type; it is not shown.

    """
    names = sorted({name for subject in subjects for name in subject.columns})
    written = {name: _written(session, name, subjects, types) for name in names}
    return tuple(
        sorted(
            DataSubject(tuple((name, written[name][value]) for name, value in subject.values))
            for subject in subjects
        )
    )


def _written(
    session: Session, name: str, subjects: Sequence[DataSubject], types: Mapping[str, str]
) -> dict[str, str]:
    if name not in types:
        raise SchemaError(f"the table has no column {name}, which identifies people")
    given = [value for subject in subjects for column, value in subject.values if column == name]
    type_ = types[name] if types[name][:1].isupper() else "VARCHAR"
    rows = session.execute(
        f"SELECT v, CAST(TRY_CAST(v AS {type_}) AS VARCHAR) FROM (SELECT unnest(?) AS v)", [given]
    )
    found: dict[str, str | None] = dict(rows)
    for number, value in enumerate(given, start=1):
        whole = type_ not in _WHOLE or value.removeprefix("-").isdecimal()
        written = found[value]
        same = not type_.startswith("DECIMAL") or _same_number(value, written or "")
        if written is None or not whole or not same:
            raise RequestError(
                f"value {number} of {name} is no {types[name]}",
                hint="Nothing was changed. Look at what identifies the data subjects.",
            )
    return {value: written for value, written in found.items() if written is not None}


def _same_number(value: str, written: str) -> bool:
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(value) == Decimal(written)
    except InvalidOperation:
        return False


def _of_group(
    names: tuple[str, ...], group: Sequence[DataSubject], types: Mapping[str, str] | None
) -> str:
    if types and len(group) > FEW:
        return _of_many(names, group, types)

    def literal(name: str, value: str) -> str:
        return f"TRY_CAST({text(value)} AS {types[name]})" if types else text(value)

    lists = [
        f"{quote(name)} IN ({', '.join(dict.fromkeys(literal(name, value) for value in values))})"
        for name, values in zip(names, _by_column(group), strict=True)
    ]
    if len(names) == 1:
        return lists[0]
    each = (
        " AND ".join(f"{quote(name)} = {literal(name, value)}" for name, value in subject.values)
        for subject in group
    )
    pairs = " OR ".join(f"({condition})" for condition in each)
    if len(group) <= FEW:
        return pairs
    # The lists say nothing new: they leave few rows that each person has to be tried on.
    return f"CASE WHEN {' AND '.join(lists)} THEN ({pairs}) END"


def _of_many(names: Sequence[str], group: Sequence[DataSubject], types: Mapping[str, str]) -> str:
    """Return the condition by a join, which takes no longer for thousands of people than for one.

    A value that none of its type can be is left out: a row must not meet it by being NULL, too.
    """
    columns = [f"v{number}" for number in range(len(names))]
    cast = [f"TRY_CAST({v} AS {types[name]})" for v, name in zip(columns, names, strict=True)]
    rows = ", ".join(
        f"({', '.join(map(text, values))})" for values in zip(*_by_column(group), strict=True)
    )
    return (
        f"({listed(names)}) IN (SELECT {', '.join(cast)} FROM (VALUES {rows}) "
        f"AS people({', '.join(columns)}) WHERE {' AND '.join(f'{c} IS NOT NULL' for c in cast)})"
    )


def _by_column(group: Sequence[DataSubject]) -> list[list[str]]:
    """Return the values of some people, column by column."""
    return [list(values) for values in zip(*([v for _, v in s.values] for s in group), strict=True)]
