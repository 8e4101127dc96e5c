"""Columns that come with a type, as Parquet's and JSON's do, into those of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.base import Session
from ..engine.sql import quote
from ..model.clock import INTEGER_TYPES, TIME_TYPES
from ..model.dataset import Dataset
from ..model.errors import LoadError, SchemaError
from ..model.period import Unit
from ..model.schema import Column
from .lossless import same_value, way
from .target import Field, Pair, Table, Widening, may_widen

_KEPT = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP"}


@dataclass
class Typed:
    """What becomes of the typed columns of a file.

    Attributes:
        file: Its name, for messages.

    """

    file: str
    dataset: Dataset
    table: Table
    fields: list[Field] = field(default_factory=list)
    added: list[Column] = field(default_factory=list)
    widened: list[Widening] = field(default_factory=list)
    unsure: list[_Unsure] = field(default_factory=list)

    def take(self, pair: Pair, type_: str | None, said: str | None) -> None:
        """Decide on a column.

        Args:
            type_: Of the file's column; None if it has no type, and so no values.
            said: The type that the user wants it to be read as.

        Raises:
            LoadError: it is the clock and tells no time.

        """
        value = quote(pair.source)
        if said and type_ != said:
            value, type_ = f"CAST({value if type_ else 'NULL'} AS {said})", said
        if pair.column:
            self._into(pair.column, value, type_)
        elif type_ is not None:
            self._new(pair, value, type_)

    def settle(self, session: Session, relation: str) -> None:
        """Look at the values of those columns whose types do not tell whether they fit.

        Raises:
            LoadError: values do not fit.
            SchemaError: they would, but cold rows forbid the type.

        """
        if not self.unsure:
            return
        terms = [term for item in self.unsure for term in item.terms()]
        row = session.execute(f"SELECT {', '.join(terms)} FROM {relation}")[0]
        for number, item in enumerate(self.unsure):
            lost, lost_wider, example = row[3 * number : 3 * number + 3]
            if not lost:
                self.fields.append(Field(item.column.name, f"CAST({item.value} AS {item.type})"))
            elif item.wider and not lost_wider and self._may(item.column, item.wider):
                self._widen(item.column, item.value, item.wider)
            else:
                raise self._misfit(item, example, bool(item.wider and not lost_wider))

    def _new(self, pair: Pair, value: str, type_: str) -> None:
        kept = _KEPT.get(type_, type_)
        if pair.name == self.dataset.clock:
            self._check_clock(pair, kept)
        self.added.append(Column(pair.name, kept))
        if type_ == "TIMESTAMP_NS":
            self.unsure.append(_Unsure(Column(pair.name, kept), value, type_, None))
        else:
            self.fields.append(Field(pair.name, value if kept == type_ else _cast(value, kept)))

    def _check_clock(self, pair: Pair, type_: str) -> None:
        hours = type_ == "DATE" and self.dataset.unit is Unit.HOUR
        wanted = INTEGER_TYPES if self.dataset.clock_unit else TIME_TYPES
        if type_ not in wanted or hours:
            raise LoadError(
                f"{self.file}: column {pair.source}, the clock of {self.dataset.name}, is {type_}",
                hint=f"Here it is one of {', '.join(wanted)}. If its values are times "
                f"nevertheless: --type {pair.source}=TIMESTAMP",
            )

    def _into(self, column: Column, value: str, type_: str | None) -> None:
        if type_ is None:
            self.fields.append(Field(column.name, _cast("NULL", column.type)))
            return
        found = way(column.type, type_)
        if found.safe:
            cast = value if type_ == column.type else _cast(value, column.type)
            self.fields.append(Field(column.name, cast))
        elif found.widen_first and found.wider and self._may(column, found.wider):
            self._widen(column, value, found.wider)
        else:
            self.unsure.append(_Unsure(column, value, type_, found.wider))

    def _may(self, column: Column, wider: str) -> bool:
        return may_widen(self.table, self.dataset, column.name, column.type, wider)

    def _widen(self, column: Column, value: str, wider: str) -> None:
        self.widened.append(Widening(column.name, column.type, wider))
        self.fields.append(Field(column.name, _cast(value, wider)))

    def _misfit(self, item: _Unsure, example: str, blocked: bool) -> LoadError | SchemaError:
        column = item.column
        what = (
            f"{self.file}: column {column.name} is {item.source_type}, in {self.dataset.table} it "
            f"is {column.type}, which does not hold {example}"
        )
        if blocked:
            return fixed(self.table, what, item.wider or "")
        return LoadError(
            what,
            hint="Nothing of the file was loaded. Alter the table's column to a type that holds "
            "both, or mend the file.",
        )


def fixed(table: Table, what: str, wider: str) -> SchemaError:
    """Say that a column would have to be widened, and why it cannot be."""
    if table.rigid:
        return SchemaError(
            f"{what}; it would have to be {wider}, and an index or key keeps it from being altered",
            hint="Nothing of the file was loaded. Drop the index, load, and make it again.",
        )
    return SchemaError(
        f"{what}; it would have to be {wider}, and cold rows of it cannot become that",
        hint="Nothing of the file was loaded. Iceberg widens INTEGER to BIGINT, FLOAT to DOUBLE "
        "and a DECIMAL to more digits; mend the file, or load it into another column.",
    )


@dataclass(frozen=True, slots=True)
class _Unsure:
    column: Column
    value: str
    source_type: str
    wider: str | None

    @property
    def type(self) -> str:
        return self.column.type

    def terms(self) -> Sequence[str]:
        """Count the values that are lost, those that are with the wider type, and show one."""
        held = same_value(self.value, self.source_type, self.type)
        wide = same_value(self.value, self.source_type, self.wider) if self.wider else "false"
        return (
            f"count(*) FILTER (WHERE NOT ({held}))",
            f"count(*) FILTER (WHERE NOT ({wide}))",
            f"min(CAST({self.value} AS VARCHAR)) FILTER (WHERE NOT ({held}))",
        )


def described(session: Session, relation: str) -> Mapping[str, str]:
    """Return the types of a relation's columns by their names, in order."""
    rows = session.execute(f"DESCRIBE SELECT * FROM {relation}")
    return {row[0]: row[1] for row in rows}


def _cast(value: str, type_: str) -> str:
    return f"CAST({value} AS {type_})"
