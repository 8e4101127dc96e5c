"""Whose rows are meant: conditions that hold in the engine and on a PostgreSQL server alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..model.clock import Clock
from ..model.correction import NewValues
from ..model.dataset import Dataset
from ..model.errors import RequestError, SchemaError
from ..model.hold import Hold
from ..model.person import DataSubject
from ..model.schema import Column
from .base import Session
from .sql import quote, text, within

NOBODY = "FALSE"
FEW = 16
"""The engine holds so many against statistics before it reads; more it joins with."""
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_ROUNDED = ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS")
"""A time of more digits is no value of theirs."""
_WHOLE = frozenset((*_SIGNED, *(f"U{name}" for name in _SIGNED)))


@dataclass(frozen=True, slots=True)
class Kept:
    """How objects keep the columns that somebody is looked for by.

    Attributes:
        types: What they are compared as; a value that none of the type can be is nobody's there.
        cast: Those that are kept as another type than the table's, which they are compared as: so
            that a value is found however it is spelled.

    """

    types: Mapping[str, str]
    cast: frozenset[str] = frozenset()

    def column(self, name: str) -> str:
        """Return a column, as it is compared."""
        return (
            f"TRY_CAST({quote(name)} AS {self.types[name]})" if name in self.cast else quote(name)
        )

    def value(self, name: str, value: str) -> str:
        """Return a value, as a column is compared with it."""
        return (
            f"TRY_CAST({text(value)} AS {self.types[name]})" if name in self.types else text(value)
        )


PLAIN = Kept({})
"""As the table has them, whose types the values were checked against."""


def kept_as(columns: Iterable[Column], dataset: Dataset, table: Iterable[Column]) -> Kept:
    """Return how objects keep columns.

    Args:
        columns: Those of the objects, as they are called now.
        table: The table's; what the engine has no type for is compared as it is kept.

    """
    types = {column.name: column.type for column in columns}
    own = {column.name: column.type for column in table if not column.foreign}
    other = frozenset(name for name in dataset.cast if name in own and name in types)
    return Kept(types | {name: own[name] for name in other}, other)


def belongs_to(subjects: Iterable[DataSubject], kept: Kept = PLAIN) -> str:
    """Return the condition of rows that are somebody's; it may be NULL where it does not hold.

    PostgreSQL knows its words where the columns are plain.
    """
    groups: dict[tuple[str, ...], list[DataSubject]] = defaultdict(list)
    for subject in subjects:
        groups[subject.columns].append(subject)
    found = [_of_group(names, group, kept) for names, group in sorted(groups.items())]
    return f"({' OR '.join(found)})" if found else NOBODY


def to_correct(subjects: Iterable[DataSubject], changes: NewValues, kept: Kept = PLAIN) -> str:
    """Return the condition of somebody's rows that do not hold new values yet."""

    def differs(name: str, value: str | None) -> str:
        if value is None:
            return f"{quote(name)} IS NOT NULL"
        held = kept.value(name, value)
        if name not in kept.types:
            return f"{quote(name)} IS DISTINCT FROM {held}"
        return f"{quote(name)} IS DISTINCT FROM {held} OR {held} IS NULL"  # its type is too narrow

    different = " OR ".join(differs(name, value) for name, value in changes)
    return f"({belongs_to(subjects, kept)} AND ({different}))"


def sought(subjects: Iterable[DataSubject], changes: NewValues, kept: Kept = PLAIN) -> str:
    """Return the condition of rows that a request is about: see `belongs_to`, `to_correct`."""
    if changes:
        return to_correct(subjects, changes, kept)
    return belongs_to(subjects, kept)


def held(dataset: Dataset, clock: Clock, holds: Iterable[Hold], kept: Kept = PLAIN) -> str:
    """Return the condition of rows that some case keeps: never NULL.

    Whether rows age at all makes no difference to a case.
    """
    unbound = replace(dataset, earliest=None, latest=None)
    found = []
    for hold in holds:
        where = within(unbound, clock, *hold.periods) if hold.periods else "TRUE"
        whose = belongs_to(hold.subjects, kept) if hold.subjects else "TRUE"
        found.append(f"({where} AND {whose})")
    return f"coalesce({' OR '.join(found)}, FALSE)" if found else NOBODY


def naming(
    wanted: Iterable[str],
    source: str,
    kept: Kept,
    rows: tuple[int, int] | None = None,
) -> tuple[str, Kept]:
    """Return objects with every column that is wanted, and how they have all of them.

    One that was born later is NULL in them: nobody is named by it there.

    Args:
        wanted: The names of columns, the clock's among them.
        source: The SQL of a relation that reads Parquet files.
        kept: How it has its columns.
        rows: The first one of each object, and the one after the last; all if not given.

    """
    absent = [name for name in wanted if name not in kept.types]
    if not (absent or rows):
        return source, kept
    nothing = "".join(f", NULL::VARCHAR AS {quote(name)}" for name in absent)
    # The engine reads no others: but only where they are one stretch.
    only = f" WHERE file_row_number >= {rows[0]} AND file_row_number < {rows[1]}" if rows else ""
    chosen = f"(SELECT *, filename{nothing} FROM {source}{only})"
    return chosen, replace(kept, types={**kept.types, **dict.fromkeys(absent, "VARCHAR")})


def as_they_are_kept(
    session: Session,
    subjects: Sequence[DataSubject],
    types: Mapping[str, str],
    cast: Mapping[str, str] = MappingProxyType({}),
    *,
    role: str = "identifies people",
) -> tuple[DataSubject, ...]:
    """Return data subjects with their values written as the columns write them.

    Args:
        types: Of the columns of the table.
        cast: As what cold rows keep some of them.
        role: What the values do, for errors.

    Raises:
        SchemaError: there is no such column.
        RequestError: a value is none of its type, or is another one once it was kept; it is not
            shown.

    """
    names = sorted({name for subject in subjects for name in subject.columns})
    written = {name: _written(session, name, subjects, types, cast, role) for name in names}
    return tuple(
        sorted(
            DataSubject(tuple((name, written[name][value]) for name, value in subject.values))
            for subject in subjects
        )
    )


def _written(
    session: Session,
    name: str,
    subjects: Sequence[DataSubject],
    types: Mapping[str, str],
    cast: Mapping[str, str],
    role: str,
) -> dict[str, str]:
    if name not in types:
        raise SchemaError(f"the table has no column {name}, which {role}")
    given = [value for subject in subjects for column, value in subject.values if column == name]
    type_ = types[name] if types[name][:1].isupper() else "VARCHAR"
    exact = (
        "TRY_CAST(v AS TIMESTAMP) IS NOT DISTINCT FROM TRY_CAST(w AS TIMESTAMP)"
        if type_ in _ROUNDED
        else "TRUE"
    )
    cold = cast.get(name)
    back = f"TRY_CAST(TRY_CAST(w AS {cold}) AS {type_}) IS NOT DISTINCT FROM w" if cold else "TRUE"
    rows = session.execute(
        f"SELECT v, w::VARCHAR, {exact}, {back} "
        f"FROM (SELECT v, TRY_CAST(v AS {type_}) AS w FROM (SELECT unnest(?) AS v))",
        [given],
    )
    found = {value: (written, exact, back) for value, written, exact, back in rows}
    for number, value in enumerate(given, start=1):
        written, is_exact, comes_back = found[value]
        whole = type_ not in _WHOLE or value.removeprefix("-").isdecimal()
        same = not type_.startswith("DECIMAL") or _same_number(value, written or "")
        if written is None or not (whole and same and is_exact):
            raise RequestError(
                f"value {number} of {name} is no {types[name]}",
                hint=f"Nothing was changed. Look at what {role}.",
            )
        if not comes_back:
            raise RequestError(
                f"value {number} of {name} cannot be told from others in cold rows, which keep "
                f"{types[name]} as {cold}",
                hint="Nothing was changed. Name the people by another column.",
            )
    return {value: written for value, (written, _, _) in found.items()}


def _same_number(value: str, written: str) -> bool:
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(value) == Decimal(written)
    except InvalidOperation:
        return False


def _of_group(names: tuple[str, ...], group: Sequence[DataSubject], kept: Kept) -> str:
    if kept.types and len(group) > FEW:
        return _of_many(names, group, kept)
    lists = [
        f"{kept.column(name)} IN "
        f"({', '.join(dict.fromkeys(kept.value(name, value) for value in values))})"
        for name, values in zip(names, _by_column(group), strict=True)
    ]
    if len(names) == 1:
        return lists[0]
    each = (
        " AND ".join(f"{kept.column(name)} = {kept.value(name, value)}" for name, value in s.values)
        for s in group
    )
    pairs = " OR ".join(f"({condition})" for condition in each)
    if len(group) <= FEW:
        return pairs
    # The lists say nothing new: they leave few rows that each person has to be tried on.
    return f"CASE WHEN {' AND '.join(lists)} THEN ({pairs}) END"


def _of_many(names: Sequence[str], group: Sequence[DataSubject], kept: Kept) -> str:
    """Return the condition by a join, which takes no longer for thousands of people than for one.

    A value that none of its type can be is left out: a row must not meet it by being NULL, too.
    """
    columns = [f"v{number}" for number in range(len(names))]
    cast = [
        f"TRY_CAST({v} AS {kept.types.get(name, 'VARCHAR')})"
        for v, name in zip(columns, names, strict=True)
    ]
    rows = ", ".join(
        f"({', '.join(map(text, values))})" for values in zip(*_by_column(group), strict=True)
    )
    return (
        f"({', '.join(map(kept.column, names))}) IN (SELECT {', '.join(cast)} FROM (VALUES {rows}) "
        f"AS people({', '.join(columns)}) WHERE {' AND '.join(f'{c} IS NOT NULL' for c in cast)})"
    )


def _by_column(group: Sequence[DataSubject]) -> list[list[str]]:
    """Return the values of some people, column by column."""
    return [list(values) for values in zip(*([v for _, v in s.values] for s in group), strict=True)]
