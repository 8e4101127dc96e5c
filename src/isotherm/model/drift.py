"""Whether a table still fits its cold rows: what its owner has changed since must be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .dataset import Dataset
from .errors import SchemaError
from .hold import Hold
from .names import folded, identifier
from .person import DataSubject
from .schema import Column, cold_type, names_now, widens


def check_drift(dataset: Dataset, cold: Iterable[Column], hot: Sequence[Column]) -> None:
    """Check that the table still has every column that cold rows have.

    Raises:
        SchemaError: a column is gone, and the config says neither that it was renamed nor dropped;
            or one is there that it calls dropped.

    """
    known = tuple(cold)
    names = {column.name for column in hot}
    now = names_now((column.name for column in known), dataset.renamed).values()
    check_dropped(dataset, names.intersection(now))
    for name in _gone(dataset, known, hot):
        raise _said_nothing(dataset, name)


def check_known(
    dataset: Dataset, wanted: Iterable[str], cold: Sequence[Column], hot: Sequence[Column]
) -> None:
    """Check that some columns of the table are known in cold rows, where these have them.

    Raises:
        SchemaError: cold rows have one as another type; or they have none of its name, but one that
            the table has no more, and that it may have been.

    """
    names = names_now((column.name for column in cold), dataset.renamed)
    known = {names[column.name]: column for column in cold}
    own = {column.name: column for column in hot}
    for name in wanted:
        if name not in known:
            for gone in _gone(dataset, cold, hot):
                raise _said_nothing(dataset, gone)
        elif name in own:
            joined_type(dataset, own[name], known[name].type)


def named_by(
    dataset: Dataset,
    subjects: Iterable[DataSubject],
    holds: Iterable[Hold],
    hot: Sequence[Column],
) -> tuple[str, ...]:
    """Return the columns that tell people apart: the config's, a request's, and those of cases.

    Raises:
        SchemaError: the table has no more one by which a request or a case names them.

    """
    own = {column.name for column in hot}
    found = dict.fromkeys(dataset.subject)
    for by, people in (("the request", subjects), *((str(hold), hold.subjects) for hold in holds)):
        for name in dict.fromkeys(name for person in people for name in person.columns):
            if name not in own:
                raise SchemaError(
                    f"{by} names people by {name}, which {dataset.table} does not have",
                    hint=f'Was it renamed? [datasets.{dataset.name}] renamed = {{ {name} = "its '
                    'new name" }. Otherwise end it, and name them by a column that is there.',
                )
            found[name] = None
    return tuple(found)


def check_dropped(dataset: Dataset, kept: Iterable[str]) -> None:
    """Check that no column which was dropped is there: a new one of its name is another column.

    Args:
        kept: The columns of the table of which cold rows have values.

    Raises:
        SchemaError: one is; how both of them are told apart is said.

    """
    gone = {folded(name) for name in dataset.dropped}
    for name in kept:
        if folded(name) in gone:
            before = f"{name}_before"
            raise SchemaError(
                f"column {name} of {dataset.table} was dropped, says the config, but the table has "
                "one",
                hint=f"Is it a new one? [datasets.{dataset.name}] renamed = {{ {name} = "
                f'"{before}" }}, dropped = ["{before}"]. If not, take it out of dropped.',
            )


def joined_type(dataset: Dataset, hot: Column, cold: str) -> str:
    """Return the type that holds a column's hot and cold values: the warehouse's, if it can.

    Raises:
        SchemaError: the table's owner has given the column a type that cold rows do not fit.

    """
    kept = cold_type(dataset.cast.get(hot.name, hot.type))
    if kept and hot.name not in dataset.cast and (kept == cold or widens(cold, kept)):
        return hot.type
    if kept and (kept == cold or widens(cold, kept)):
        return kept
    if kept and widens(kept, cold):
        return cold
    raise SchemaError(
        f"column {hot.name} of {dataset.table} is {hot.type} now, but cold rows of "
        f"{dataset.name} have it as {cold}",
        hint=f"Alter it back: ALTER TABLE {dataset.table.sql} "
        f"ALTER {identifier(hot.name)} TYPE {cold}",
    )


def _gone(dataset: Dataset, cold: Iterable[Column], hot: Sequence[Column]) -> Iterator[str]:
    """Yield what cold columns would be called now that the table has not, and nobody says why."""
    names = {column.name for column in hot}
    for name in names_now((column.name for column in cold), dataset.renamed).values():
        if name not in names and name not in dataset.dropped:
            yield name


def _said_nothing(dataset: Dataset, name: str) -> SchemaError:
    where = f"[datasets.{dataset.name}]"
    return SchemaError(
        f"column {name} of {dataset.table} is gone, but cold rows have it",
        hint=f'Was it renamed? {where} renamed = {{ {name} = "its new name" }}. '
        f'Was it dropped? {where} dropped = ["{name}"]',
    )
