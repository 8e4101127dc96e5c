"""The `isotherm` command, which `python -m isotherm` is, too."""

import sys


def main() -> None:
    """Run the command line of this process; what it needs takes a second to import."""
    try:
        from .cli.main import main as run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()
