"""`isotherm certificate`: show what was proven, and check what somebody shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..model.errors import RequestError
from .options import DEFAULT_CONFIG, ConfigFile, Wait, opened
from .output import check_writable, err, out, unreadable, write_json, writing

app = typer.Typer(
    help="Show the certificate of a request, or check one.",
    no_args_is_help=True,
)


@app.command()
def show(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's name.")],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there; a page, if it ends in .html."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Show the certificate of a request that is proven, as JSON or as a page."""
    check_writable(out_file)
    with opened(config, read_only=True, wait=wait) as lake:
        found = lake.erasing.certificate(request)
    if out_file is None:
        write_json(found)
    else:
        write(found, out_file)
        err().message(f"Wrote {out_file}.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate, JSON.")],
    config: ConfigFile = DEFAULT_CONFIG,
    wait: Wait = 0.0,
) -> None:
    """Check a certificate: its signature, that the key is this lake's, and the journal."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error
    if text.lstrip().startswith("<"):
        raise RequestError(
            f"{file} is a page for people, and what is signed is the certificate as JSON",
            hint="Verify that: isotherm certificate show REQUEST --out FILE.json",
        )
    with opened(config, read_only=True, wait=wait) as lake:
        verified = lake.erasing.verify(text)
    out().message(
        f"The certificate of {verified.request} holds: signed with this lake's key, and "
        f"noted in row {verified.row} of its journal."
    )


def write(certificate: dict[str, object], file: Path) -> None:
    """Write a certificate to a file: JSON, or a page where its name ends in `.html`."""
    from ..privacy.page import page

    if file.suffix.lower() in (".html", ".htm"):
        text = page(certificate)
    else:
        text = json.dumps(certificate, indent=2) + "\n"
    with writing(file):
        file.write_text(text, encoding="utf-8")
