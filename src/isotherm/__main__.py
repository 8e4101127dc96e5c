"""`python -m isotherm` is the `isotherm` command."""

from .cli.main import main

main()
