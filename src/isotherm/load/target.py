"""The table that a file is loaded into: what it has, and what it lacks for the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ..control import parts
from ..control.inventory import clock_of, missing_table
from ..engine.failures import Failure, failure
from ..engine.sql import quote
from ..model.dataset import Dataset
from ..model.errors import ConflictError, LoadError, SchemaError
from ..model.schema import Column, cold_type, widens
from ..warehouse.base import Transaction
from .lossless import same_value, way


class RigidError(SchemaError):
    """An index or a key of the table's owner forbids an ALTER."""


@dataclass(frozen=True, slots=True)
class Table:
    """The dataset's table as it is now.

    Attributes:
        columns: None of them if the table does not exist.
        cold: Rows of the dataset are cold already; its types are bound to what Iceberg can widen.
        rigid: Its types cannot be altered: an index or a key hangs on a column.

    """

    columns: tuple[Column, ...]
    cold: bool
    rigid: bool = field(default=False, compare=False)

    @property
    def exists(self) -> bool:
        """Whether the table is there."""
        return bool(self.columns)


@dataclass(frozen=True, slots=True)
class Pair:
    """A column of the file, and the table's column of its name; None if there is none yet."""

    source: str
    name: str
    column: Column | None


@dataclass(frozen=True, slots=True)
class Field:
    """What goes into a column: SQL over the file's columns."""

    column: str
    value: str


@dataclass(frozen=True, slots=True)
class Widening:
    """A column that gets a type that holds more."""

    column: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file becomes rows of the table.

    Attributes:
        basis: The table that the plan was made for.
        added: Columns that are born with this file; all of them, if the table is.
        where: Conditions on the file's rows; none is meant to be false.
        ignored: Columns of the file that nothing is made of.

    """

    basis: Table
    fields: tuple[Field, ...]
    added: tuple[Column, ...] = ()
    widened: tuple[Widening, ...] = ()
    where: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def select(self, relation: str) -> str:
        """Return the query of the rows that are inserted."""
        values = ", ".join(f"{field.value} AS {quote(field.column)}" for field in self.fields)
        where = f" WHERE {' AND '.join(f'({w})' for w in self.where)}" if self.where else ""
        return f"SELECT {values} FROM {relation}{where}"


def look_at(tx: Transaction, dataset: Dataset) -> Table:
    """Return the dataset's table as it is at this snapshot.

    Raises:
        SchemaError: it has no clock that can age, or it is gone and cold rows are left.

    """
    columns = tx.columns(dataset.table)
    cold = {part.period for part in parts.of_dataset(tx, dataset.name)}
    if columns:
        clock_of(dataset, columns)
    elif cold:  # a table made from a file need not have the columns that they have
        raise missing_table(dataset, len(cold))
    return Table(columns, bool(cold))


def match(
    name: str, sources: Sequence[str], table: Table, dataset: Dataset, *, hint: str = ""
) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Find the table's column for each of the file's, whatever their case and order.

    Args:
        name: Of the file, for messages.
        hint: What to do about a missing clock, beside looking at the columns.

    Returns:
        The pairs, and the file's columns that the table's owner has dropped on purpose.

    Raises:
        LoadError: two columns have one name, or the clock is not among them.

    """
    columns = {column.name.lower(): column for column in table.columns}
    renamed = {old.lower(): new for old, new in dataset.renamed.items()}
    dropped = {column.lower() for column in dataset.dropped}
    pairs: dict[str, Pair] = {}
    ignored = []
    for source in sources:
        key = source.lower()
        if key not in columns and key in renamed:
            key = renamed[key].lower()
        if key not in columns and key in dropped:
            ignored.append(source)
            continue
        if key in pairs:
            raise LoadError(f"{name} has two columns {source}")
        column = columns.get(key)
        own = dataset.clock if key == dataset.clock.lower() else renamed.get(source.lower(), source)
        pairs[key] = Pair(source, column.name if column else own, column)
    if dataset.clock.lower() not in pairs:
        shown = ", ".join(sources[:40]) + (" ..." if len(sources) > 40 else "")
        raise LoadError(
            f"{name} has no column {dataset.clock}, the clock of {dataset.name}",
            hint=f"Its columns are: {shown}. {hint}".strip(),
        )
    return tuple(pairs.values()), tuple(ignored)


def may_widen(table: Table, dataset: Dataset, column: str, old: str, new: str) -> bool:
    """Say whether a column's type may become `new` without parting from its cold rows."""
    if table.rigid:
        return False
    if not table.cold:
        return True
    kept = dataset.cast.get(column)
    before, after = cold_type(kept or old), cold_type(kept or new)
    return bool(before and after and (before == after or widens(before, after)))


def prepare(tx: Transaction, dataset: Dataset, plan: Plan) -> None:
    """Make the table what the plan needs.

    Raises:
        RigidError: a column's type cannot be altered.
        SchemaError: rows that are there would lose their values.

    """
    table = dataset.table
    if plan.basis.exists:
        for widening in plan.widened:
            _check_rows(tx, dataset, widening)
            _alter(partial(tx.widen, table, Column(widening.column, widening.new)))
        for column in plan.added:
            _alter(partial(tx.add_column, table, column))
    elif plan.added:
        tx.make_table(table, plan.added)


def _alter(change: Callable[[], None]) -> None:
    try:
        change()
    except Exception as error:
        if failure(error) is Failure.CONFLICT:
            raise ConflictError(f"the table is in use: {error}") from error
        if failure(error):
            raise RigidError(f"the table cannot be altered: {error}") from error
        raise


def _check_rows(tx: Transaction, dataset: Dataset, widening: Widening) -> None:
    """Check that no row that is there loses its value by a widening."""
    if way(widening.new, widening.old).safe:
        return
    held = same_value(quote(widening.column), widening.old, widening.new)
    lost = tx.session.execute(
        f"SELECT count(*) FROM {tx.relation(dataset.table)} WHERE NOT ({held})"
    )[0][0]
    if lost:
        raise SchemaError(
            f"column {widening.column} of {dataset.table} is {widening.old}; as {widening.new}, "
            f"which the file needs, {lost} rows that are there would lose their value"
        )
