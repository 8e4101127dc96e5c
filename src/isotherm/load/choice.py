"""Which type each column of texts gets: seen in a sample or in all rows, then chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..engine.base import Session
from ..engine.sql import quote
from ..model.dataset import Dataset
from ..model.errors import LoadError
from ..model.period import Unit
from ..model.schema import Column
from .lossless import INTEGERS
from .options import Formats
from .target import Pair, Table, Widening, may_widen
from .texts import (
    CLOCKS,
    NARROWED,
    NEW_TYPES,
    fits,
    has_leading_zeros,
    looks_like,
    understood,
    usual,
)

SAMPLE_ROWS = 20_480
CHECKED_ROWS = 2_048

FEW = 5
"""So many values, or a tenth, may be broken in a column that gets a type of the others."""

_ISO = re.compile(r"\s*\d{4}-\d\d-\d\d([T ]\d\d?:\d\d.*)?\s*")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a column of texts holds.

    Attributes:
        values: How many of them are not NULL.
        fractions: How many hold a point.
        codes: How many are digits after a zero, as `007`.
        fits: How many fit each type that was tried.
        unusual: How many would need more than a plain cast to it.

    """

    values: int
    fractions: int
    codes: int
    fits: Mapping[str, int]
    unusual: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """The type of the table's column that a column of texts goes into.

    Attributes:
        type: None if there is no value yet that would tell.
        broken: How many values do not fit it.
        usual: A plain cast takes every value whole.
        fractional: Some values hold a point.
        blocked: The type that would hold them, but cold rows forbid it.

    """

    pair: Pair
    type: str | None
    broken: int = 0
    usual: bool = True
    fractional: bool = False
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """A choice for each column.

    Attributes:
        rows: How many were looked at.

    """

    rows: int
    items: tuple[Choice, ...]

    @property
    def broken(self) -> int:
        """How many values do not fit their columns."""
        return sum(choice.broken for choice in self.items)

    def tells(self, column: str) -> bool:
        """Say whether the type of a column of the table is known."""
        return any(c.pair.name == column and c.type is not None for c in self.items)


@dataclass(frozen=True)
class Chooser:
    """What choices are made from, beside what is seen.

    Attributes:
        file: The file's name, for messages.
        types: What the user says, by the column's name in lower case.
        candidates: What a new column may become, where that is not `NEW_TYPES`.

    """

    file: str
    dataset: Dataset
    table: Table
    formats: Formats
    types: Mapping[str, str]
    candidates: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def choose(
        self, session: Session, relation: str, pairs: Sequence[Pair], limit: int | None = None
    ) -> Choices:
        """Look at the columns of a relation, all of them VARCHAR, and choose a type for each.

        Args:
            limit: How many rows are looked at; all if it is None.

        Raises:
            LoadError: there are rows, all were looked at, and the clock tells no time in any.

        """
        if limit is not None:
            relation = f"(SELECT * FROM {relation} LIMIT {limit})"
        masks = ", ".join(f"histogram({self._mask(pair)})" for pair in pairs)
        rows, *found = session.execute(f"SELECT count(*), {masks} FROM {relation}")[0]
        choices = []
        for pair, histogram in zip(pairs, found, strict=True):
            seen = self._seen(pair, histogram or {})
            choices.append(self._choice(pair, seen))
            if pair.name == self.dataset.clock and rows and limit is None:
                self._check_clock(session, relation, choices[-1], seen)
        return Choices(rows, tuple(choices))

    def sample_rows(self, pairs: Sequence[Pair]) -> int:
        """Return how many rows a sample has to have; types that are known need only a few."""
        known = all(pair.column or self._said(pair) for pair in pairs)
        return CHECKED_ROWS if known else SAMPLE_ROWS

    def _check_clock(self, session: Session, relation: str, clock: Choice, seen: Seen) -> None:
        column = clock.pair.source
        where = f"{self.file}: column {column}, the clock of {self.dataset.name},"
        if clock.type is None:
            raise LoadError(
                f"{where} has no values, so that its type is not known",
                hint=f"Say it: --type {column}=TIMESTAMP",
            )
        if seen.values and clock.broken == seen.values and self.dataset.clock_unit:
            raise LoadError(
                f"{where} has no whole number: the config says that it counts "
                f"{self.dataset.clock_unit}",
                hint=f"Look at [datasets.{self.dataset.name}] clock_unit.",
            )
        if seen.values and clock.broken == seen.values:
            example, known = understood(session, relation, column)
            if _ISO.fullmatch(example) and not self.formats.given:
                raise LoadError(
                    f"{where} has no time that there is: {example!r}",
                    hint="It is ISO 8601, but there is no such day or hour: correct the file.",
                )
            told = " or ".join(f"--timestamp-format '{pattern}'" for pattern in known)
            raise LoadError(
                f"{where} is no time: {example!r}",
                hint=f"Say how it is written: {told or '--timestamp-format, as strptime takes it'}",
            )

    def _mask(self, pair: Pair) -> str:
        """Return a number whose bits tell of a value: its form, then what each type makes of it.

        One aggregate a column: with one a question, DuckDB takes minutes to plan 400 columns.
        """
        value = quote(pair.source)
        test = fits if pair.column or self._said(pair) else looks_like
        conditions = [f"contains({value}, '.')", has_leading_zeros(value)]
        for type_ in self._tried(pair):
            strange = f"NOT coalesce({usual(value, type_)}, false)"
            conditions += [test(value, type_, self.formats), strange]
        bits = " + ".join(
            f"CASE WHEN {c} THEN {1 << n} ELSE 0 END" for n, c in enumerate(conditions)
        )
        return f"CASE WHEN {value} IS NOT NULL THEN {bits} END"

    def _seen(self, pair: Pair, histogram: Mapping[int, int]) -> Seen:
        def count(bit: int) -> int:
            return sum(n for mask, n in histogram.items() if mask >> bit & 1)

        tried = self._tried(pair)
        return Seen(
            sum(histogram.values()),
            count(0),
            count(1),
            {type_: count(2 + 2 * n) for n, type_ in enumerate(tried)},
            {type_: count(3 + 2 * n) for n, type_ in enumerate(tried)},
        )

    def _said(self, pair: Pair) -> str | None:
        return self.types.get(pair.source.lower())

    def _tried(self, pair: Pair) -> tuple[str, ...]:
        if pair.column:
            return (pair.column.type, *_wider(pair.column.type))
        if said := self._said(pair):
            return (said,)
        if pair.source in self.candidates:
            return tuple(self.candidates[pair.source])
        if pair.name == self.dataset.clock and self.dataset.clock_unit:
            return ("BIGINT",)
        if pair.name == self.dataset.clock:
            return CLOCKS[1:] if self.dataset.unit is Unit.HOUR else CLOCKS
        return NEW_TYPES

    def narrowed(self, sample: Choices) -> Chooser:
        """Return a chooser that asks of all rows only what a sample has left open."""
        candidates = dict(self.candidates)
        for choice in sample.items:
            if choice.type is not None:
                candidates[choice.pair.source] = NARROWED.get(choice.type, (choice.type,))
        return replace(self, candidates=candidates)

    def _choice(self, pair: Pair, seen: Seen) -> Choice:
        if pair.column:
            return self._existing(pair, pair.column, seen)
        if self._said(pair):
            type_ = self._said(pair)
        elif not seen.values:
            return Choice(pair, None)
        else:
            type_ = max(seen.fits, key=lambda t: seen.fits[t], default="VARCHAR")
            is_code = seen.codes and type_ in ("BIGINT", "DOUBLE")
            if is_code or not self._convinces(pair, seen.values, seen.fits.get(type_, 0)):
                type_ = "VARCHAR"
        broken = seen.values - seen.fits.get(type_ or "", seen.values)
        is_usual = not seen.unusual.get(type_ or "", 0)
        return Choice(pair, type_, broken, is_usual, seen.fractions > 0)

    def _convinces(self, pair: Pair, values: int, fit: int) -> bool:
        """Say whether so many values make a type; the few others are then broken, not text."""
        if pair.name == self.dataset.clock:
            return True
        broken = values - fit
        return fit >= 2 * broken and broken <= max(FEW, values // 10)

    def _existing(self, pair: Pair, column: Column, seen: Seen) -> Choice:
        """Keep the column's type unless more values fit a wider one."""
        type_, blocked = column.type, None
        for wider in _wider(column.type):
            if seen.fits[wider] <= seen.fits[type_]:
                continue
            if may_widen(self.table, self.dataset, column.name, column.type, wider):
                type_ = wider
            else:
                blocked = blocked or wider
        broken = seen.values - seen.fits[type_]
        return Choice(
            pair,
            type_,
            broken,
            not seen.unusual[type_],
            seen.fractions > 0,
            blocked if broken else None,
        )


def changes(
    choices: Sequence[Choice],
) -> tuple[tuple[Column, ...], tuple[Widening, ...], tuple[str, ...]]:
    """Return the columns that are born, those that are widened, and those without a value."""
    added, widened, empty = [], [], []
    for choice in choices:
        column = choice.pair.column
        if choice.type is None:
            empty.append(choice.pair.source)
        elif column is None:
            added.append(Column(choice.pair.name, choice.type))
        elif choice.type != column.type:
            widened.append(Widening(column.name, column.type, choice.type))
    return tuple(added), tuple(widened), tuple(empty)


def _wider(type_: str) -> tuple[str, ...]:
    """Return the types that a column may be widened to for the sake of texts, narrow ones first."""
    if type_ in INTEGERS:
        low, high = INTEGERS["BIGINT"]
        narrow = type_ != "BIGINT" and low <= INTEGERS[type_][0] and INTEGERS[type_][1] <= high
        return ("BIGINT", "DOUBLE") if narrow else ("DOUBLE",)
    return ("TIMESTAMP",) if type_ == "DATE" else ()
