"""Places: catalogs of their own, in which the names of one query mean whole datasets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property

from ..engine.session import DuckDBSession
from ..engine.sql import quote, text
from ..model.names import folded
from ..warehouse.attached import AttachedTransaction
from .kept import PLACE_AT_MOST, Kept
from .names import Named, View
from .plain import HOT, PRIVATE
from .whole import Whole

DATASETS = f"{PRIVATE}datasets"
"""The schema of the datasets' names; it is looked into first."""
STAND_INS = f"{PRIVATE}stand_ins"
"""The schema of what takes the place of rows while a query is planned; nothing looks into it."""

_NUMBERS = itertools.count(1)


class Places:
    """Makes the places of one query. They are gone when `cleanup` is closed.

    A transaction sees of a catalog what was there when it first looked into it: so a place is made
    complete, and never changed.
    """

    def __init__(
        self,
        tx: AttachedTransaction,
        open_: Callable[[], DuckDBSession],
        named: Named,
        cleanup: ExitStack,
    ) -> None:
        """Make ready.

        Args:
            open_: Opens a session beside the query's transaction.

        """
        self._tx = tx
        self._open = open_
        self._named = named
        self._cleanup = cleanup

    @cached_property
    def side(self) -> DuckDBSession:
        """A session beside the query's transaction."""
        side = self._open()
        self._cleanup.callback(side.close)
        return side

    def empty(self, cleanup: ExitStack | None = None) -> str:
        """Make a place with nothing in it, and return its catalog.

        Args:
            cleanup: When this is closed it is gone; at the query's end if none is given.

        """
        catalog, side = f"{PRIVATE}query_{next(_NUMBERS)}", self.side
        side.execute(f"ATTACH ':memory:' AS {quote(catalog)}")
        (cleanup or self._cleanup).callback(
            side.execute, f"DETACH DATABASE IF EXISTS {quote(catalog)}"
        )
        return catalog

    def run(self, statements: Iterable[str]) -> None:
        """Run statements beside the query's transaction."""
        script = "; ".join(statements)
        if script:
            self.side.execute(script)

    def furnish(
        self,
        catalog: str,
        rows: Mapping[str, str],
        wholes: Sequence[Whole],
        *,
        provable: bool = False,
    ) -> None:
        """Give names their meaning in a place, and have the transaction look there first.

        Args:
            rows: The SQL of all rows of each dataset, by its name.
            provable: Spell the owner's views for the optimizer.

        """
        self._look(self._furnished(catalog, rows, wholes, provable))

    def share(self, kept: Kept, rows: Mapping[str, str], wholes: Sequence[Whole]) -> None:
        """Have the transaction look into a place where names mean these rows.

        It is another query's, if that has asked the same names in the same state of the warehouse.
        """
        named = self._named
        views = tuple((v.schema, v.name, v.columns, v.body, v.neighbours) for v in named.views)
        key = (*rows.items(), views, named.schemas, self._says_hot)

        def make(cleanup: ExitStack) -> tuple[str, str]:
            catalog = self.empty(cleanup)
            return catalog, self._furnished(catalog, rows, wholes, provable=False)

        if named.sees_catalogue:  # it is to see none of another query's
            kept.clear()
            path = make(self._cleanup)[1]
        elif sum(map(len, rows.values())) > PLACE_AT_MOST:
            path = make(self._cleanup)[1]
        else:
            path = kept.place(self._tx.state, key, make, self._cleanup, self._tx.begun_at)
        self._look(path)

    def _look(self, path: str) -> None:
        """Have the transaction look somewhere: from now on it sees no more than there is now."""
        self._tx.session.execute(f"SET search_path = {path}")

    def _furnished(
        self, catalog: str, rows: Mapping[str, str], wholes: Sequence[Whole], provable: bool
    ) -> str:
        """Make the views of a place, and return the path on which they are found."""
        views = {
            name: sql
            for data in wholes
            for name, sql in _dataset(data, rows[data.dataset.name], self._says_hot)
        }
        made = {schema for schema, _ in views} | {view.schema for view in self._named.views}
        self.run(f"CREATE SCHEMA {quote(catalog, name)}" for name in made - {"main"})
        self.run(f"CREATE VIEW {quote(catalog, *name)} AS {sql}" for name, sql in views.items())
        path = text(",".join(self._path(catalog, made)))
        if self._named.views:
            self.side.execute(f"SET search_path = {path}")
            for view in self._named.views:
                body = view.provable if provable else view.body
                self.run(_view(catalog, self._tx.alias, view, body))
            # A catalog that is looked into by default cannot be detached.
            self.side.execute("USE memory.main")
        return path

    def _path(self, catalog: str, made: set[str]) -> Iterable[str]:
        """Yield where a name is looked for: each schema in the place, then in the warehouse.

        The engine's own come after the default schema: a macro elsewhere hides none of them.
        """
        own = self._named.schemas
        if DATASETS in made:
            yield quote(catalog, DATASETS)
        # A config may write a schema in other letters than the warehouse does.
        here = {folded(schema): schema for schema in made}
        others = here.keys() - {folded(schema) for schema in own}
        for schema in own:
            if folded(schema) in here or schema == "main":
                yield quote(catalog, here.get(folded(schema), schema))
            yield quote(self._tx.alias, schema)
            if schema == own[0]:
                yield from ("system.main", "system.pg_catalog")
        for name in sorted(others - {DATASETS, HOT}):
            yield quote(catalog, here[name])
        if HOT in made and HOT in others:  # last: its names are asked for with the schema
            yield quote(catalog, HOT)

    @cached_property
    def _says_hot(self) -> bool:
        named = self._named
        texts = (named.text, *(view.body for view in named.views))
        return named.macros or any(HOT in folded(text) for text in texts)


def _dataset(data: Whole, rows: str, says_hot: bool) -> Iterable[tuple[tuple[str, str], str]]:
    """Yield the views of a dataset, by schema and name.

    None stands on another: DuckDB pushes fewer filters through two views than through one.
    """
    dataset, table = data.dataset, data.dataset.table
    yield (table.schema, table.name), rows
    if (table.schema, folded(table.name)) != ("main", folded(dataset.name)):
        yield (DATASETS, dataset.name), rows
    if says_hot:
        yield (HOT, dataset.name), f"SELECT * FROM {data.hot}"


def _view(catalog: str, alias: str, view: View, body: str) -> Iterable[str]:
    for name in view.neighbours:
        made = quote(catalog, view.schema, name)
        yield f"CREATE VIEW IF NOT EXISTS {made} AS FROM {quote(alias, view.schema, name)}"
    made = quote(catalog, view.schema, view.name)
    yield f"CREATE VIEW {made} {view.columns} AS {body.rstrip().rstrip(';')}"
