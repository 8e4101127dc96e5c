"""Places: catalogs of their own, in which the names of one query mean whole datasets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack

from ..engine.sql import quote, text
from ..warehouse.duckdb import DuckDBTransaction
from .names import Named, View
from .plain import PRIVATE
from .whole import Whole

DATASETS = f"{PRIVATE}datasets"
"""The schema of the datasets' names; it is looked into first."""
STAND_INS = f"{PRIVATE}stand_ins"
"""The schema of what takes the place of rows while a query is planned; nothing looks into it."""
HOT = "hot"
"""The schema in which a dataset's name means its hot rows alone."""

_NUMBERS = itertools.count(1)


class Places:
    """Makes the places of one query. They are gone when `cleanup` is closed.

    A transaction sees of a catalog what was there when it first looked into it: so a place is made
    complete, and never changed.
    """

    def __init__(self, tx: DuckDBTransaction, named: Named, cleanup: ExitStack) -> None:
        self._tx = tx
        self._named = named
        self._side = tx.warehouse.engine.session()
        self._cleanup = cleanup
        cleanup.callback(self._side.close)

    def empty(self) -> str:
        """Make a place with nothing in it, and return its catalog."""
        catalog = f"{PRIVATE}query_{next(_NUMBERS)}"
        self._side.execute(f"ATTACH ':memory:' AS {quote(catalog)}")
        self._cleanup.callback(self._side.execute, f"DETACH DATABASE IF EXISTS {quote(catalog)}")
        return catalog

    def run(self, statements: Iterable[str]) -> None:
        """Run statements beside the query's transaction."""
        script = "; ".join(statements)
        if script:
            self._side.execute(script)

    def furnish(self, catalog: str, rows: Mapping[str, str], wholes: Sequence[Whole]) -> None:
        """Give names their meaning in a place, and have the transaction look there first.

        Args:
            rows: The SQL of all rows of each dataset, by its name.

        """
        views = self._named.views
        made = {"main", DATASETS, HOT, *(data.dataset.table.schema for data in wholes)}
        made |= {view.schema for view in views}
        self.run(f"CREATE SCHEMA IF NOT EXISTS {quote(catalog, name)}" for name in made)
        for data in wholes:
            self.run(_dataset(catalog, data, rows[data.dataset.name]))
        path = text(",".join(self._path(catalog, made)))
        self._tx.session.execute(f"SET search_path = {path}")
        if views:
            self._side.execute(f"SET search_path = {path}")
        for view in views:
            self.run(_view(catalog, self._tx.warehouse.alias, view))

    def _path(self, catalog: str, made: set[str]) -> Iterable[str]:
        """Yield where a name is looked for: each schema in the place, then in the warehouse."""
        yield f"{quote(catalog)}.{quote(DATASETS)}"
        own = self._named.schemas
        for schema in (*own, *sorted(made - set(own) - {DATASETS, HOT})):
            if schema in made:
                yield quote(catalog, schema)
            if schema in own:
                yield quote(self._tx.warehouse.alias, schema)
        if HOT not in own:  # last: its names are asked for with the schema
            yield quote(catalog, HOT)


def _dataset(catalog: str, data: Whole, rows: str) -> Iterable[str]:
    dataset = data.dataset
    own = quote(catalog, dataset.table.schema, dataset.table.name)
    yield f"CREATE VIEW {own} AS {rows}"
    yield f"CREATE VIEW {quote(catalog, DATASETS, dataset.name)} AS FROM {own}"
    yield f"CREATE VIEW {quote(catalog, HOT, dataset.name)} AS SELECT * FROM {data.hot}"


def _view(catalog: str, alias: str, view: View) -> Iterable[str]:
    for name in view.neighbours:
        made = quote(catalog, view.schema, name)
        yield f"CREATE VIEW IF NOT EXISTS {made} AS FROM {quote(alias, view.schema, name)}"
    body = view.body.rstrip().rstrip(";")
    yield f"CREATE VIEW {quote(catalog, view.schema, view.name)} {view.columns} AS {body}"
