"""The `isotherm` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import stamina
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from .. import __version__
from ..model.errors import IsothermError
from . import (
    apply,
    audit,
    backup,
    certificate,
    correct,
    demo,
    doctor,
    erase,
    explain,
    export,
    grants,
    hold,
    iam,
    init,
    journal,
    lifecycle,
    load,
    pause,
    plan,
    rebuild,
    restore,
    sql,
    status,
)
from .options import INTERRUPTED
from .output import Console

USAGE = 64
"""The exit code of a command line that is wrong (sysexits' EX_USAGE)."""


class _Verbs(TyperGroup):
    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Let an interrupt be one: Typer makes an exit of it, which says nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise typer.Abort from interrupt


app = typer.Typer(
    cls=_Verbs,
    name="isotherm",
    help="Keep a table whole while its rows cool down.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isotherm {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Keep a table whole while its rows cool down."""


_VERBS = (init, load, status, plan, apply, explain, sql, restore, erase, correct, export)
for _verb in (*_VERBS, audit, doctor, backup, rebuild):
    app.command(_verb.__name__.rpartition(".")[2])(_verb.run)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("journal")(journal.run)
app.command("iam")(iam.run)
app.command("grants")(grants.run)
app.add_typer(lifecycle.app, name="lifecycle")
app.add_typer(hold.app, name="hold")
app.add_typer(certificate.app, name="certificate")
app.command("demo")(demo.run)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; errors go to stderr as text."""
    stamina.instrumentation.set_on_retry_hooks([])  # what fails for good is said once
    errors = Console(stderr=True)
    try:
        code = app(list(arguments), prog_name="isotherm", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as end:
        return end.exit_code
    except (typer.Abort, KeyboardInterrupt):
        errors.message("Interrupted.")
        return INTERRUPTED
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]
        return USAGE
    except IsothermError as error:
        errors.error(error)
        return error.exit_code
    except SystemExit:  # Click ends the process by itself only where a pipe's reader has left
        raise BrokenPipeError from None


def main() -> None:
    """Run the command line of this process."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    raise SystemExit(code)
