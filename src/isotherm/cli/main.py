"""The `isotherm` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

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
    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the verbs in the order in which they are to be read."""
        return list(_VERBS)

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


_VERBS: dict[str, tuple[Any, str]] = {
    "init": (init.run, "Write a config, and make control and the catalogue."),
    "load": (load.run, "Load files into a table, each whole and once."),
    "status": (status.run, "Show where everything is and what it costs."),
    "plan": (plan.run, "Show what is due, why, and what it is worth."),
    "apply": (apply.run, "Make the moves that are due."),
    "explain": (explain.run, "Explain one partition, and what blocks it."),
    "sql": (sql.run, "Run a query over hot, cold and restored rows."),
    "restore": (restore.run, "Make archived partitions readable for a time."),
    "pause": (pause.pause, "Make no moves of a dataset until it is resumed."),
    "resume": (pause.resume, "Make moves of a dataset again."),
    "lifecycle": (lifecycle.app, "Show, compare and write the bucket's lifecycle rules."),
    "erase": (erase.run, "Forget people, and prove it with a certificate."),
    "correct": (correct.run, "Correct what is written of people, and prove it."),
    "certificate": (certificate.app, "Show a certificate, or check one."),
    "export": (export.run, "Write every row about some people."),
    "hold": (hold.app, "Keep data for a case, against expiry and erasure."),
    "journal": (journal.run, "List what was done, or check its hash chain."),
    "audit": (audit.run, "Look whether all objects are there and unchanged."),
    "doctor": (doctor.run, "Look at what the lake needs, and what is wrong."),
    "backup": (backup.run, "Write control and the config to one file."),
    "rebuild": (rebuild.run, "Rebuild control that was lost or damaged."),
    "iam": (iam.run, "Print the IAM policy that the lake needs."),
    "grants": (grants.run, "Print the SQL that PostgreSQL's role needs."),
    "demo": (demo.run, "Play the whole story on generated trips."),
}
"""Each verb, and what `--help` says of it in a line; in this order."""

for _name, (_verb, _short) in _VERBS.items():
    if isinstance(_verb, typer.Typer):
        app.add_typer(_verb, name=_name, short_help=_short)
    else:
        app.command(_name, short_help=_short)(_verb)


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
