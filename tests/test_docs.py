"""The docs name every verb, option, setting, exit code and module of errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from isotherm import config
from isotherm.cli.main import USAGE, app
from isotherm.model import errors

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(verb: str) -> str:
    """Return what docs/cli.md says of a verb."""
    found = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", text("cli.md"), re.M | re.S)
    assert found, f"docs/cli.md has no section '## {verb}'"
    return found.group(1)


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_a_verb_and_each_of_its_options_are_in_the_docs(verb: str) -> None:
    said = section(verb)
    for parameter in COMMANDS[verb].params:
        for option in parameter.opts:
            if option.startswith("--") and option not in ("--config", "--format", "--wait"):
                assert f"`{option}" in said, f"docs/cli.md, {verb}: {option} is missing"


def test_the_options_of_every_verb_are_in_the_docs() -> None:
    for option in ("--config", "--format", "--wait", "--version"):
        assert f"`{option}" in text("cli.md")


@pytest.mark.parametrize(
    "model",
    [
        config.WarehouseSection,
        config.StorageSection,
        config.CatalogSection,
        config.EngineSection,
        config.SettingsSection,
        config.PricesSection,
        config.DatasetSection,
    ],
)
def test_every_setting_is_in_the_docs(model: type[Any]) -> None:
    for key in model.model_fields:
        assert f"`{key}`" in text("config.md"), f"docs/config.md does not name {key}"


def test_every_exit_code_is_in_the_docs_with_its_error() -> None:
    said = text("exit-codes.md")
    for name in errors.__all__:
        cls = getattr(errors, name)
        if not cls.__subclasses__():
            assert f"| {cls.exit_code} | `{name}` |" in said, f"{name} is missing"
    for code in (0, 1, 2, USAGE, 130):
        assert f"| {code} |" in said


def test_the_links_between_the_docs_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
