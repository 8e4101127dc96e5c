"""Options that several verbs take."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config import DEFAULT_FILE
from ..model.errors import RequestError
from ..model.period import Duration, Period, between, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lake import Lake


class Format(StrEnum):
    """How a verb writes its result."""

    TABLE = "table"
    JSON = "json"


ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The config file.", show_default=DEFAULT_FILE)
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How to write the result.")]
Wait = Annotated[
    float, typer.Option(help="Seconds to wait for a warehouse that another process holds.", min=0)
]
AsOf = Annotated[
    str | None, typer.Option(help="The month or day that ages are taken at; now by default.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
EvenIf = Annotated[
    bool, typer.Option("--even-if-uneconomic", help="Plan moves that never pay back, too.")
]
AnyDataset = Annotated[
    str | None, typer.Argument(metavar="DATASET", help="One dataset; all by default.")
]
OneDataset = Annotated[str, typer.Argument(metavar="DATASET", help="The dataset.")]
DEFAULT_CONFIG = Path(DEFAULT_FILE)
INTERRUPTED = 130
"""The exit code of a command that was stopped, or answered with no."""


@contextmanager
def opened(config: Path, *, read_only: bool = False, wait: float = 0.0) -> Iterator[Lake]:
    """Open the lake of a config file."""
    from ..opening import open_lake

    with open_lake(config, read_only=read_only, wait=wait) as lake:
        yield lake


def read_as_of(text: str | None) -> datetime | None:
    """Read `--as-of`.

    Raises:
        BadParameter: it is no month or day.

    """
    try:
        return moment(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--as-of") from None


def read_periods(texts: list[str]) -> tuple[Period, ...]:
    """Read periods and ranges of periods.

    Raises:
        BadParameter: one of them is neither.

    """
    try:
        return tuple(dict.fromkeys(p for text in texts for p in between(text)))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PERIOD") from None


def read_duration(text: str, option: str) -> Duration:
    """Read a duration.

    Raises:
        BadParameter: it is none.

    """
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def confirmed(question: str, *, yes: bool) -> None:
    """Ask before something changes or is spent.

    Raises:
        RequestError: nobody can answer, and `--yes` was not given.
        Abort: the answer is no.

    """
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise RequestError(f"{question} Nobody is there to answer", hint="Say so with --yes.")
    typer.confirm(question, abort=True, err=True)
