"""Which rows of objects may be somebody's, by the filters that lie in the objects themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..engine import filters
from ..engine.base import Session
from ..engine.filters import GROUP_ROWS, Filter
from ..model.part import Part
from ..model.person import DataSubject
from ..model.schema import Column
from ..storage.base import Storage

PEOPLE_AT_MOST = 16
"""More are looked for without filters: almost every group has somebody of so many."""
AT_ONCE = 16
STRETCHES_AT_MOST = 256
"""With more the engine would plan longer than it reads."""

Rows = tuple[int, int]
"""The number of a first row, and of the one after the last."""


@dataclass(frozen=True, slots=True)
class _Sought:
    """A value that a column is to have.

    Attributes:
        hash: None if nothing of the column's type is written so.

    """

    id: int
    type: str
    hash: int | None


def may_have(
    session: Session,
    storage: Storage,
    parts: Sequence[Part],
    subjects: Sequence[DataSubject],
    columns: Mapping[int, Column],
) -> dict[Rows | None, list[Part]]:
    """Return where rows of some people may be; None stands for all rows of an object.

    An object is in it once for each stretch of its rows; one that has nobody of them is not.

    Args:
        columns: Of the objects, by field id.

    Raises:
        StorageError: an object is missing, or cannot be read.

    """
    if len(subjects) > PEOPLE_AT_MOST:
        return {None: list(parts)}
    people = _people(session, subjects, columns)
    engine = filters.engine(session)
    found: dict[Rows | None, list[Part]] = defaultdict(list)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        look = partial(_look, storage, people, engine)
        for part, stretches in zip(parts, pool.map(look, parts), strict=True):
            for stretch in stretches:
                found[stretch].append(part)
    if len(found) > STRETCHES_AT_MOST:
        return {None: list(dict.fromkeys(part for group in found.values() for part in group))}
    return dict(found)


def _people(
    session: Session, subjects: Sequence[DataSubject], columns: Mapping[int, Column]
) -> list[list[_Sought]]:
    """Return what each person's columns are to have, of those that the objects have."""
    ids = {column.name: id_ for id_, column in columns.items()}
    people = []
    for subject in subjects:
        sought = []
        for name, value in subject.values:
            if name in ids:
                type_ = columns[ids[name]].type
                (hash_,) = filters.hashes(session, [value], type_)
                sought.append(_Sought(ids[name], type_, hash_))
        people.append(sought)
    return people


def _look(
    storage: Storage, people: Sequence[Sequence[_Sought]], engine: str, part: Part
) -> list[Rows | None]:
    read = partial(storage.read, part.readable_location)
    known = filters.find(read, part.bytes)
    if known is None or known.engine != engine or known.rows != part.rows:
        return [None]
    every = (1 << known.groups) - 1
    groups = 0
    for person in people:
        of_person = every
        for sought in person:
            of_person &= _groups(known, read, sought, every)
        groups |= of_person
    return [None] if groups == every else list(_stretches(groups))


def _groups(known: Filter, read: filters.Read, sought: _Sought, every: int) -> int:
    if sought.hash is None:
        return every  # it is the engine that says whose value it is
    found = known.may_have(read, sought.id, sought.type, sought.hash)
    return every if found is None else found


def _stretches(groups: int) -> list[Rows]:
    """Return the rows of some groups; those that lie side by side are one stretch."""
    found: list[Rows] = []
    for number in range(groups.bit_length()):
        if groups >> number & 1:
            first, end = number * GROUP_ROWS, (number + 1) * GROUP_ROWS
            if found and found[-1][1] == first:
                first = found.pop()[0]
            found.append((first, end))
    return found
