"""The house: imports run downwards only, and an SDK is imported in its own room alone."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import isotherm
from isotherm.model import errors

SOURCE = Path(isotherm.__file__).parent
PORTS = {"model", "engine", "warehouse", "storage", "catalog"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "config": {"model"},
    "cost": {"model"},
    "plan": {"model", "cost"},
    "engine": {"model"},
    "warehouse": {"model", "engine"},
    "storage": {"model"},
    "catalog": {"model", "storage"},
    "lifecycle": {"model", "storage"},
    "control": {"model", "engine", "warehouse"},
    "load": PORTS | {"control"},
    "moves": PORTS | {"control", "plan", "lifecycle", "backup"},
    "query": PORTS | {"control", "cost"},
    "spark": PORTS | {"control", "cost", "query"},
    "backup": PORTS | {"control"},
    "check": PORTS | {"control", "backup"},
    "privacy": PORTS | {"control", "plan", "cost"},
}
MAY_IMPORT["holding"] = set(MAY_IMPORT)
MAY_IMPORT["asking"] = MAY_IMPORT["holding"] | {"holding"}
MAY_IMPORT["subjects"] = {"model", "plan", "warehouse", "control"}
MAY_IMPORT["lake"] = MAY_IMPORT["asking"] | {"asking", "requesting", "erasing", "subjects"}
MAY_IMPORT["certifying"] = MAY_IMPORT["asking"] | {"lake"}  # the type alone, as erasing
MAY_IMPORT["requesting"] = MAY_IMPORT["asking"] | {"asking", "lake"}
MAY_IMPORT["erasing"] = MAY_IMPORT["requesting"] | {"requesting", "certifying"}
MAY_IMPORT["backends"] = MAY_IMPORT["lake"]
MAY_IMPORT["opening"] = MAY_IMPORT["lake"] | {"lake", "backends"}
MAY_IMPORT["examining"] = MAY_IMPORT["opening"] | {"opening"}
MAY_IMPORT["__init__"] = MAY_IMPORT["examining"] | {"examining"}
MAY_IMPORT["demo"] = MAY_IMPORT["__init__"] | {"cli"}
MAY_IMPORT["cli"] = MAY_IMPORT["__init__"] | {"demo", "__init__"}
MAY_IMPORT["__main__"] = {"cli"}

SDK_ROOMS = {
    "duckdb": {"engine", "warehouse"},
    "pyiceberg": {"catalog"},
    "sqlalchemy": {"catalog"},
    "typer": {"cli"},
    "rich": {"cli", "demo"},
    "pydantic": {"config"},
    "pyspark": {"spark"},
}
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the modules that a file imports, ours as `isotherm.<room>`."""
    package = ("isotherm", *file.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            if module == "isotherm":
                for alias in node.names:
                    yield f"isotherm.{alias.name}", node
            else:
                yield module, node


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_a_file_imports_only_what_lies_below_its_room(file: Path) -> None:
    room = room_of(file)
    for module, node in imports(file):
        name, _, rest = module.partition(".")
        target = rest.partition(".")[0]
        if name != "isotherm" or target == room:
            continue
        if not (SOURCE / target).is_dir() and not (SOURCE / f"{target}.py").is_file():
            target = "__init__"
        assert target in MAY_IMPORT[room], f"{file}:{node.lineno} imports {module}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_an_sdk_is_imported_in_its_own_room_alone(file: Path) -> None:
    for module, node in imports(file):
        rooms = SDK_ROOMS.get(module.partition(".")[0])
        assert rooms is None or room_of(file) in rooms, f"{file}:{node.lineno} imports {module}"  # type: ignore[attr-defined]


def test_no_room_has_grown_past_a_file_that_can_be_read() -> None:
    long = {str(f): n for f in FILES if (n := len(f.read_text().splitlines())) > 400}
    assert not long, f"split these by meaning: {long}"


def test_every_test_file_has_a_name_of_its_own() -> None:
    """Pytest takes two files of one name for the same."""
    names = Counter(file.name for file in Path(__file__).parent.rglob("*.py"))
    assert [name for name, many in names.items() if many > 1] == []


def test_the_public_names_are_sorted_and_there() -> None:
    for module in (isotherm, errors):
        assert sorted(module.__all__) == list(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)


def test_every_error_has_an_exit_code_of_its_own() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    leaves = [cls for cls in classes if not cls.__subclasses__()]
    codes = [cls.exit_code for cls in leaves]
    assert len(set(codes)) == len(codes)
    assert not {0, 1, 2, 64, 130} & set(codes)
