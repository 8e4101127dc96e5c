"""Say what is wrong with a config: the file, the key, what was found, the nearest right value."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..model.errors import ConfigError
from ..model.words import nearest

_WANTED = {
    "string_type": "write text in quotes",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "finite_number": "write a number that is finite",
    "bool_type": "write true or false",
}
_EXAMPLES = {"table": 'table = "main.trips"', "clock": 'clock = "pickup"'}
_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)
_DOTTED = re.compile(r"\('.*?'\)|\('.*?',\)")


def mistake(file: Path, key: str, found: object, what: str, hint: str = "") -> ConfigError:
    """Return the error for a key with a wrong value."""
    return ConfigError(f"{file}: {key}: found {written(found)}; {what}", hint=hint)


def unknown(file: Path, key: str, kind: str, known: Iterable[str], hint: str = "") -> ConfigError:
    """Return the error for a key that there is not, with the nearest that there is."""
    name, names = key.rpartition(".")[2], list(known)
    return ConfigError(
        f"{file}: {key}: unknown {kind} {name!r} (known: {', '.join(names)})",
        hint=hint or nearest(name, names),
    )


def written(value: object) -> str:
    """Write a value as it stands in a TOML file; tables and lists shortened."""
    if isinstance(value, Mapping):
        return "a section with " + (", ".join(map(str, value)) or "nothing in it")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def unreadable(file: Path, text: str, error: tomllib.TOMLDecodeError) -> ConfigError:
    """Return the error for text that is no TOML; the line is shown where it is known."""
    what = str(error).replace(r"Illegal character '\n'", "the quotes are not closed")
    what = _DOTTED.sub(lambda match: ".".join(re.findall("[^',() ]+", match.group())), what)
    if "twice" in what or "overwrite" in what:
        return ConfigError(f"{file}: {what}", hint="A key or section may stand there once.")
    if not (place := _PLACE.fullmatch(what)):
        return ConfigError(f"{file}: this is no TOML: {what}")
    line, column = int(place.group(2)), place.group(3)
    lines = text.split("\n")
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    hint = "" if '"' in shown else 'Text stands in quotes: key = "value".'
    return ConfigError(
        f"{file}: line {line}, column {column} is no TOML: {place.group(1)}: {shown}", hint=hint
    )


def explained(file: Path, error: ValidationError, sections: type[BaseModel]) -> ConfigError:
    """Turn the first mistake into one that names key, value and what to write instead.

    Args:
        sections: What the file consists of.

    """
    found = error.errors(include_url=False)
    # A key that is written wrong is often also a key that is missing.
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    path = [str(step) for step in first["loc"]]
    key, value = ".".join(path), first["input"]
    if first["type"] == "extra_forbidden":
        kind = "section" if len(path) == 1 and isinstance(value, dict) else "key"
        return unknown(file, key, kind, _keys(sections, path[:-1]))
    if first["type"] == "missing":
        return ConfigError(
            f"{file}: {key}: this key is missing", hint=f"Write: {_EXAMPLES[path[-1]]}"
        )
    if key == "engine.url":  # a token may stand in it, wherever it was put
        value = re.split(r"[;?@]", str(value))[0]
    return mistake(file, key, value, _wanted(first["type"], first, key))


def _wanted(type_: str, error: Mapping[str, Any], key: str) -> str:
    """Say what to write instead of a value of the wrong kind."""
    if type_ in _WANTED:
        return _WANTED[type_]
    if type_ == "value_error":
        return str(error["ctx"]["error"])
    if type_ == "greater_than_equal":
        return f"write {error['ctx']['ge']:g} or more"
    if type_ == "literal_error":
        return f"write {error['ctx']['expected'].replace(chr(39), chr(34))}"
    return f"write a section: [{key}]"


def _keys(sections: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that may stand at `path`; a dataset's name may be any."""
    fields = sections.model_fields
    if not path:
        return list(fields)
    type_ = fields[path[0]].annotation
    section: type[BaseModel] = (get_args(type_) or (type_,))[-1]
    return list(section.model_fields)
