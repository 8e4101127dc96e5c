"""A dataset as a query sees it: the columns of its hot and cold rows made one, and its SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..control.inventory import clock_of, missing_table
from ..engine.sql import quote
from ..model.clock import Clock
from ..model.dataset import Dataset
from ..model.drift import check_dropped, joined_type
from ..model.errors import SchemaError
from ..model.names import folded
from ..model.schema import Column, cold_type, names_now
from ..warehouse.attached import AttachedTransaction
from .layout import Layout, Memory
from .pinned import Field


@dataclass(frozen=True)
class Whole:
    """Everything that a query of one dataset is made from, at one snapshot.

    Attributes:
        hot: The warehouse's table, as SQL.
        table: Its columns.
        clock: As the warehouse has it.
        fields: The columns of cold rows, by the names and types that a query sees.
        lost: Columns of cold rows that the table has no more, and nobody has said why.
        renamed: Columns of the table that one of these may have become.
        opaque: Columns of hot rows that the engine compares itself.
        inexact: Columns of hot rows that the engine rounds, and their types in the warehouse.

    """

    dataset: Dataset
    hot: str
    table: tuple[Column, ...]
    clock: Clock
    layout: Layout
    fields: tuple[Field, ...]
    lost: tuple[str, ...]
    renamed: tuple[str, ...]
    opaque: frozenset[str]
    inexact: Mapping[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that a query sees, those of the table first."""
        cold = {folded(field.name): field.type for field in self.fields}
        own = tuple(Column(c.name, cold.get(folded(c.name), c.type)) for c in self.table)
        return own + tuple(Column(f.name, f.type) for f in self.fields if f.name in self.lost)

    def check_lost(self) -> None:
        """Check that cold rows may be read: no column of theirs may hide under a new name.

        Raises:
            SchemaError: one may, and the config says neither that it was renamed nor dropped.

        """
        if not (self.lost and self.renamed):
            return
        name, where = self.lost[0], f"[datasets.{self.dataset.name}]"
        raise SchemaError(
            f"column {name} of {self.dataset.table} is gone, but cold rows have it, and it may be "
            f"{' or '.join(self.renamed)} now",
            hint=f'Was it renamed? {where} renamed = {{ {name} = "{self.renamed[0]}" }}. '
            f'Was it dropped? {where} dropped = ["{name}"]',
        )


def read(tx: AttachedTransaction, dataset: Dataset, readable_at: datetime, memory: Memory) -> Whole:
    """Read what a dataset consists of.

    Args:
        readable_at: Restored copies must be readable at this time (UTC) still.

    Raises:
        SchemaError: its table is missing, or a column has another type than in cold rows.

    """
    layout, fields = memory.read(tx, dataset.name, readable_at)
    table = tx.columns(dataset.table)
    if not table:
        raise missing_table(dataset, len(layout.cold.keys() | layout.archived.keys()))
    seen, lost = _seen(dataset, table, fields)
    there = {folded(field.name) for field in seen}
    types = {field.type for field in seen if field.name in lost}
    renamed = (c.name for c in table if folded(c.name) not in there and cold_type(c.type) in types)
    return Whole(
        dataset,
        tx.relation(dataset.table),
        table,
        clock_of(dataset, table),
        layout,
        seen,
        lost,
        tuple(renamed),
        tx.opaque(dataset.table),
        tx.inexact(dataset.table),
    )


def hot_rows(data: Whole, columns: Sequence[Column]) -> str:
    """Return the query of the hot rows, with columns of the whole and their types there."""
    if columns == data.table and not data.opaque:
        return f"SELECT * FROM {data.hot}"
    own = {column.name: column.type for column in data.table}

    def picked(column: Column) -> str:
        name = quote(column.name)
        if column.name in data.opaque:  # no filter is handed down through an expression
            return f"{name} || '' AS {name}"
        if own.get(column.name) == column.type:
            return name
        return f"CAST({name if column.name in own else 'NULL'} AS {column.type}) AS {name}"

    return f"SELECT {', '.join(map(picked, columns))} FROM {data.hot}"


def notes(data: Whole, query: str) -> Iterator[str]:
    """Yield what a reader of a dataset has to know."""
    table = data.dataset.table
    if data.lost:
        names = ", ".join(data.lost)
        yield f"{table} has lost {names}: hot rows have NULL there, cold rows still have values"
    for name, type_ in data.inexact.items():
        if folded(name) in folded(query) or "*" in query:
            yield f"{name} of {table} is {type_}, which is read as DOUBLE: values are rounded"


def _seen(
    dataset: Dataset, table: Sequence[Column], fields: Sequence[Field]
) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return cold columns as a query sees them, and the names of those that the table has lost.

    Raises:
        SchemaError: one is of another type now, or the config calls one dropped that is there.

    """
    own = {folded(column.name): column for column in table}
    names = names_now((field.name for field in fields), dataset.renamed)
    seen, lost = [], []
    for field in fields:
        name = names[field.name]
        column = own.get(folded(name))
        if column:
            seen.append(Field(field.id, column.name, joined_type(dataset, column, field.type)))
        elif not {name, field.name} & set(dataset.dropped):
            seen.append(Field(field.id, name, field.type))
            lost.append(name)
    kept = (field.name for field in seen if field.name not in lost)
    check_dropped(dataset, kept)
    return tuple(seen), tuple(lost)
