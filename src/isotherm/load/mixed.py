"""A plan for files whose columns have types, some of which hold texts that mean another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..engine.base import Session
from ..engine.sql import quote
from ..model.errors import LoadError
from .choice import Choice, Chooser, changes
from .target import Field, Pair, Plan
from .texts import cast, fits
from .typed import Typed, fixed


class MisfitError(LoadError):
    """Values do not fit the table; a careful look can tell which."""


def plan(
    session: Session,
    relation: str,
    chooser: Chooser,
    pairs: Sequence[Pair],
    types: Mapping[str, str | None],
    texts: frozenset[str],
    ignored: tuple[str, ...],
) -> Plan:
    """Plan a load of typed columns.

    Args:
        relation: Reads the file, `texts` as VARCHAR and the others as their types.
        types: Of the file's columns; None for one that has no type, and so no values.
        texts: The columns that are read as text.

    Raises:
        MisfitError: values do not fit the columns of the table.
        SchemaError: they would, but cold rows forbid the type.

    """
    typed = Typed(chooser.file, chooser.dataset, chooser.table)
    for pair in pairs:
        if pair.source not in texts:
            typed.take(pair, types[pair.source], chooser.types.get(pair.source.lower()))
    typed.settle(session, relation)
    choices = _choices(session, relation, chooser, [p for p in pairs if p.source in texts])
    added, widened, _ = changes(choices)
    fields = [
        Field(c.pair.name, cast(quote(c.pair.source), c.type, chooser.formats))
        for c in choices
        if c.type is not None
    ]
    order = {pair.name: number for number, pair in enumerate(pairs)}
    born = sorted([*typed.added, *added], key=lambda column: order[column.name])
    wider = (*typed.widened, *widened)
    return Plan(chooser.table, (*typed.fields, *fields), tuple(born), wider, ignored=ignored)


def _choices(
    session: Session, relation: str, chooser: Chooser, pairs: Sequence[Pair]
) -> tuple[Choice, ...]:
    """Choose the types of texts, all of whose values have to fit."""
    choices = chooser.choose(session, relation, pairs).items if pairs else ()
    for choice in choices:
        if choice.broken:
            _refuse(session, relation, chooser, choice)
    return choices


def _refuse(session: Session, relation: str, chooser: Chooser, choice: Choice) -> None:
    value = quote(choice.pair.source)
    fit = fits(value, choice.type or "VARCHAR", chooser.formats)
    example = session.execute(
        f"SELECT min({value}) FROM {relation} WHERE {value} IS NOT NULL AND NOT {fit}"
    )[0][0]
    what = (
        f"{chooser.file}: column {choice.pair.name}: {choice.broken:,} values do not fit "
        f"{choice.type}, {example!r} for one"
    )
    if choice.blocked:
        raise fixed(chooser.table, what, choice.blocked)
    hint = "Nothing of the file was loaded."
    if not choice.pair.column:
        hint += f" If they are right: --type {choice.pair.source}=VARCHAR."
    raise MisfitError(what, hint=hint)
