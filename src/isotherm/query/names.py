"""What the names in a query mean: datasets, and what the warehouse's owner has made over them.

A dataset's name and its table's own name mean the whole dataset. A view over the table must see the
whole, too: DuckDB would bind it to the warehouse's table, so it is made again beside the datasets,
and so are the views that it stands on. A macro's names are bound where it is called: it only has to
be looked into. In views and macros a name means first what their owner has called so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.session import DuckDBSession
from ..model.dataset import Dataset
from ..model.errors import QueryError
from ..model.names import folded
from . import files
from .owned import Owned
from .parse import Node, Splice, Statement, one_query, spliced
from .plain import HOT, place_of, plain
from .provable import provable
from .times import KNOWN, UNSEEN, steady

_IDENT = r'(?:"(?:[^"]|"")*"|[\w$]+)'
_VIEW = re.compile(
    rf"CREATE\s+(?:TEMP\w*\s+)?VIEW\s+{_IDENT}(?:\.{_IDENT})*"
    r'\s*(?P<columns>\((?:"(?:[^"]|"")*"|[^")])*\))?\s*AS\s+(?P<body>.*)',
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class View:
    """A view of the warehouse, to be made again.

    Attributes:
        columns: The names of its columns in parentheses, where it was made with them.
        provable: Its body as the optimizer understands it best.
        neighbours: Tables of its own schema that it names without one: they come first there.

    """

    schema: str
    name: str
    columns: str
    body: str
    provable: str
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A query, with all that it may speak of.

    Attributes:
        text: Its SQL, where the warehouse's own catalog is named nowhere.
        provable: The same as the optimizer understands it best; it is planned and never run.
        views: In an order in which they can be made.
        macros: Whether it calls any of the warehouse's.
        sees_catalogue: Whether it may see which views and tables there are.
        schemas: Of the warehouse, the default one first.

    """

    text: str
    provable: str
    nodes: tuple[Node, ...]
    datasets: tuple[Dataset, ...]
    views: tuple[View, ...]
    macros: bool
    schemas: tuple[str, ...]
    sees_catalogue: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a query's names are held against.

    Attributes:
        engine: Returns the names of the engine's own functions, in lower case.

    """

    datasets: Mapping[str, Dataset]
    engine: Callable[[], frozenset[str]]
    allow_files: bool


def resolve(session: DuckDBSession, statement: Statement, owned: Owned, rules: Rules) -> Named:
    """Look into a query and everything that it names.

    Raises:
        QueryError: it names another catalog, or reads files that are no dataset.

    """
    return _Search(session, owned, rules).resolve(statement)


@dataclass(frozen=True)
class _Body:
    """What is looked into below the query: a view, or a macro that the query itself calls.

    Attributes:
        schema: Names alone are looked for in it first.
        beside: The view's neighbours.

    """

    schema: str
    is_view: bool
    beside: set[str] = field(default_factory=set, compare=False)


class _Search:
    def __init__(self, session: DuckDBSession, owned: Owned, rules: Rules) -> None:
        self.session = session
        self.owned = owned
        self.rules = rules
        self.datasets: dict[str, Dataset] = {}
        self.views: dict[tuple[str, str], View] = {}
        self.clocks = frozenset(folded(d.clock) for d in rules.datasets.values())
        self.macros = False
        self.sees_catalogue = False
        self.seen: set[object] = set()
        self.body: _Body | None = None

    def resolve(self, statement: Statement) -> Named:
        text, proof = self.look_into(statement)
        return Named(
            text,
            proof,
            statement.nodes,
            tuple(self.datasets.values()),
            tuple(self.views.values()),
            self.macros,
            self.owned.schemas,
            self.sees_catalogue,
        )

    def look_into(self, statement: Statement) -> tuple[str, str]:
        """Note what a query names, and return its text with plain names, and a provable one."""
        names = list(plain(statement, self.owned))
        proof = self.proof(statement)
        files.check(statement.nodes, self.owned, allow_files=self.rules.allow_files)
        self.sees_catalogue |= files.lists_tables(statement.nodes, self.owned)
        for node in statement.nodes:
            if node.get("type") == "BASE_TABLE":
                self.enter_table(*place_of(node, self.owned))
            elif "function_name" in node:
                self.enter_function(str(node.get("schema", "")), str(node["function_name"]))
        return spliced(statement.text, names), spliced(statement.text, [*names, *proof])

    def proof(self, statement: Statement) -> Sequence[Splice]:
        """Return what makes a query provable: nothing where a macro may hide a known function."""
        hidden = KNOWN & self.owned.macros.keys()
        if hidden:
            called = {folded(str(node.get("function_name", ""))) for node in statement.nodes}
            if not hidden.isdisjoint(called | UNSEEN):
                return ()
        return (*steady(statement, self.owned), *provable(statement, self.clocks))

    def enter_table(self, schema: str, name: str) -> None:
        """Note the datasets that a table's name may mean, and the views that it may be."""
        own = self.owners(self.body, schema, name) if self.body else ""
        schema = own or schema
        for dataset in self.rules.datasets.values():
            by_name = name == folded(dataset.name) and schema in ("", HOT) and not own
            table = dataset.table
            by_table = name == folded(table.name) and schema in ("", folded(table.schema))
            if by_name or by_table:
                self.datasets.setdefault(dataset.name, dataset)
            if by_name or (by_table and (schema or table.schema == self.owned.default)):
                return
        self.check_partial(schema, name)
        for key, sql in self.owned.views.items():
            own_schema, own_name = (folded(part) for part in key)
            if own_name == name and schema in ("", own_schema) and key not in self.seen:
                self.seen.add(key)
                self.views[key] = self.enter_view(*key, sql)

    def owners(self, body: _Body, schema: str, name: str) -> str:
        """Return the schema, in lower case, of what the owner means by a name in a body, if any.

        Raises:
            QueryError: the query would find something of Isotherm's in its place.

        """
        homes = [schema] if schema else [body.schema, self.owned.default]
        own = next((folded(home) for home in homes if self.owned.has_table(name, home)), "")
        if not own:
            return ""
        is_first = body.is_view and own == folded(body.schema)
        for dataset in self.rules.datasets.values():
            table = (folded(dataset.table.schema), folded(dataset.table.name))
            if folded(dataset.name) != name:
                continue
            if own == HOT or not (schema or is_first or table == (own, name)):
                raise QueryError(
                    f"{name} was refused: in the warehouse it is {own}.{name}, and here it would "
                    f"be the dataset {dataset.name}",
                    hint="Give one of them another name"
                    + ("." if own == HOT else f", or write it there with its schema: {own}.{name}"),
                )
        if is_first and not schema:
            body.beside.update(self.tables_called(own, name))
        return own

    def tables_called(self, schema: str, name: str) -> Iterator[str]:
        """Yield the tables of a schema that are no datasets' and have a name in some letters."""
        datasets = {(d.table.schema, d.table.name) for d in self.rules.datasets.values()}
        for own_schema, own in self.owned.tables - datasets:
            if (folded(own_schema), folded(own)) == (schema, name):
                yield own

    def check_partial(self, schema: str, name: str) -> None:
        """Refuse what shows a dataset's hot rows alone, and no cold ones."""
        for (own_schema, own_name), below in self.owned.partial.items():
            if folded(own_name) != name or schema not in ("", folded(own_schema)):
                continue
            for dataset in self.rules.datasets.values():
                if dataset.table in below:
                    raise QueryError(
                        f"{own_schema}.{own_name} was refused: it stands on {dataset.table} in the "
                        f"warehouse, and would show the hot rows of {dataset.name} alone",
                        hint=f"Ask {dataset.name} itself: it shows them all. Ask "
                        f"hot.{dataset.name} if you mean the hot rows.",
                    )

    def enter_view(self, schema: str, name: str, sql: str) -> View:
        found = _VIEW.match(sql)
        if not found:
            raise QueryError(f"the view {name} cannot be read over whole datasets: {sql}")
        statement = one_query(self.session, found["body"])
        outer, self.body = self.body, _Body(schema, is_view=True)
        try:
            body, proof = self.look_into(statement)
            beside = tuple(sorted(self.body.beside))
        except QueryError as error:
            raise QueryError(f"the view {name}: {error.message}", hint=error.hint) from error
        finally:
            self.body = outer
        return View(schema, name, found["columns"] or "", body, proof, beside)

    def enter_function(self, schema: str, function: str) -> None:
        """Look into the macros that a function may be."""
        name = folded(function)
        macros = self.owned.macros.get(name, ())
        body = self.body or _Body(self.owned.default, is_view=False)
        if body.schema != self.owned.default and not schema:
            own = [home for home, _ in macros if home == body.schema]
            if own and (len(own) < len(macros) or name in self.rules.engine()):
                raise QueryError(
                    f"{function} was refused: it is a macro of {body.schema}, and another function",
                    hint=f"Write it in the view with its schema: {body.schema}.{function}",
                )
        for _, definition in macros:
            self.macros = True
            if (definition, body) not in self.seen:
                self.seen.add((definition, body))
                outer, self.body = self.body, body
                self.look_into(one_query(self.session, definition))
                self.body = outer
