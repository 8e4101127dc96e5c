"""Load JSON: newline-delimited, an array of objects, or objects one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..engine.base import Session
from ..engine.sql import quote, text
from ..model.errors import LoadError, SchemaError
from . import careful, mixed
from .choice import Chooser
from .damage import DamagedError, reading
from .declared import declared
from .mixed import MisfitError
from .options import OnError
from .records import Record
from .salvage import salvage
from .source import Source
from .target import Plan, Table, match
from .texts import CLOCKS
from .typed import described
from .write import Job, Loaded, write

_ONLY_LINES = (
    "Nothing of the file was loaded. Broken records are found, and can be kept apart, only where "
    "each line is an object."
)


def load(job: Job, table: Table, folder: Path) -> Loaded:
    """Load a JSON file, see `loader.load_file`."""
    encoding = job.options.encoding or "utf-8"
    by_line = _is_by_line(job.source, encoding)
    if encoding == "utf-8":
        if job.source.head.translate(None, b" \t\r\n") == b"[]":
            return write(job, Plan(table, ()), "")
        _check_begins(job.source)
        try:
            return _fast(job, table)
        except MisfitError:
            if not by_line:
                raise
        except SchemaError:
            if not by_line or job.options.on_error == OnError.STOP:
                raise
        except DamagedError as error:
            if not by_line:
                raise LoadError(error.message, hint=_ONLY_LINES) from error
    elif not by_line:
        raise LoadError(
            f"{job.source.name}: JSON is read as {encoding} only where each line is an object"
        )
    return _careful(job, table, encoding, folder)


def _fast(job: Job, table: Table) -> Loaded:
    with job.warehouse.snapshot() as tx, reading(job.source.name):
        # All of the file is looked at: DuckDB would leave out keys that come after its sample.
        found = described(tx.session, _relation(job.source, {}))
        pairs, ignored = match(job.source.name, tuple(found), table, job.dataset)
        said = declared(tx.session, job.options.types, tuple(found))
        texts = frozenset(
            pair.source
            for pair in pairs
            if found[pair.source] in ("VARCHAR", "JSON")
            or (pair.column and pair.column.type == "VARCHAR")
            or pair.source.lower() in said
        )
        strings = {name: CLOCKS for name in texts if found[name] == "VARCHAR"}
        chooser = Chooser(job.source.name, job.dataset, table, job.options.formats, said, strings)
        relation = _relation(
            job.source, {n: "VARCHAR" if n in texts else t for n, t in found.items()}
        )
        plan = mixed.plan(tx.session, relation, chooser, pairs, found, texts, ignored)
    return write(job, plan, relation)


def _careful(job: Job, table: Table, encoding: str, folder: Path) -> Loaded:
    source = job.source

    def watch(count: int) -> None:
        job.meter.at(0.5 * job.meter.share(count))

    def again() -> Iterator[Record]:
        return careful.json_records(source, encoding)

    with job.warehouse.snapshot() as tx:
        file = careful.separate_json(source, encoding, tx.session, folder / "records.csv", watch)
        pairs, ignored = match(source.name, file.names, table, job.dataset)
        said = declared(tx.session, job.options.types, file.names)
        candidates = _candidates(tx.session, file)
    chooser = Chooser(source.name, job.dataset, table, job.options.formats, said, candidates)
    return salvage(job, file, chooser, pairs, ignored, again)


def _candidates(session: Session, file: careful.Careful) -> dict[str, tuple[str, ...]]:
    """Return what new columns may become: strings are numbers only if most values are numbers."""
    if not file.names:
        return {}
    raw = quote(careful.RAW)
    terms = []
    for name in file.names:
        kind = f"json_type(json_extract({raw}, {text(careful.pointer(name))}))"
        terms.append(f"count(*) FILTER (WHERE {kind} = 'VARCHAR')")
        terms.append(f"count(*) FILTER (WHERE {kind} NOT IN ('VARCHAR', 'NULL'))")
    row = session.execute(f"SELECT {', '.join(terms)} FROM {file.records}")[0]
    strings = zip(file.names, row[::2], row[1::2], strict=True)
    return {name: CLOCKS for name, texts, others in strings if texts > others}


def _relation(source: Source, types: Mapping[str, str]) -> str:
    columns = ", ".join(f"{text(name)}: {text(type_)}" for name, type_ in types.items())
    options = {
        "records": "true",
        "sample_size": "-1",
        "map_inference_threshold": "-1",
        "field_appearance_threshold": "0",
        "compression": "'gzip'" if source.gzipped else "'uncompressed'",
        "hive_partitioning": "false",
    }
    if columns:
        options["columns"] = f"{{{columns}}}"
    told = ", ".join(f"{key} = {value}" for key, value in options.items())
    return f"read_json({text(source.pattern)}, {told})"


def _is_by_line(source: Source, encoding: str) -> bool:
    """Say whether one of the first lines is an object."""
    head = source.head.decode(encoding, errors="replace").removeprefix("\ufeff")
    return any(_is_object(line) for line in head.split("\n")[:20])


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _check_begins(source: Source) -> None:
    begin = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin not in (b"{", b"["):
        shown = source.head[:40].decode("utf-8", errors="backslashreplace").split("\n")[0]
        raise LoadError(
            f"{source.name} is no JSON: it begins with {shown!r}",
            hint="Say what it is: --input-format csv.",
        )
