"""`python -m bench`: measure, print the ratios, and write them to `bench/results`."""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import (
    applying,
    erasing,
    life,
    loading,
    memory,
    months,
    overhead,
    petabyte,
    planning,
    postgres,
    querying,
    s3,
    shapes,
    tpcds,
    tpcds_engines,
    tuning,
)
from .ratio import Found, Ratio, say, table, write
from .room import FullDiskError, MissingError, advice, is_full, told

HERE = Path(__file__).parent
Measure = Callable[[Path], Found]

GROUPS: dict[str, tuple[Measure, ...]] = {
    "apply": (applying.measure,),
    "sql": (querying.measure,),
    "shapes": (shapes.measure,),
    "shapes-s3": (shapes.measure_s3,),
    "overhead": (overhead.measure,),
    "load": (loading.measure,),
    "life": (life.measure,),
    "life-s3": (life.measure_s3,),
    "months": (months.measure,),
    "postgres": (postgres.measure,),
    "s3": (s3.measure, s3.measure_tags),
    "erase": (erasing.measure,),
    "tuning": (tuning.measure,),
    "plan": (planning.measure,),
    "petabyte": (petabyte.measure,),
    "tpcds": (tpcds.measure,),
}
LONG: dict[str, tuple[Measure, ...]] = {
    "shapes-full": (shapes.measure_full,),
    "shapes-s3-full": (shapes.measure_s3_full,),
    "overhead-full": (overhead.measure_full,),
    "life-full": (life.measure_full,),
    "life-s3-full": (life.measure_s3_full,),
    "months-full": (months.measure_full,),
    "erase-full": (erasing.measure_full,),
    "plan-full": (planning.measure_full,),
    "memory": (memory.make, memory.measure),
    "tpcds-engines": (tpcds_engines.measure,),
}
"""What `--full` measures besides; one with `-full` takes the short one's place, at larger sizes."""
BY_NAME: dict[str, tuple[Measure, ...]] = {
    "tpcds-10": (tpcds.measure_full,),
    "tpcds-engines-10": (tpcds_engines.measure_full,),
}
"""What takes too long even for that."""
ALL = {**GROUPS, **LONG, **BY_NAME}


def main() -> None:
    options = _options()
    folder = options.data.absolute() / "made"  # all that is removed after
    begun = time.perf_counter()
    ratios: list[Ratio] = []
    failed: list[str] = []
    for name in options.only or groups(full=options.full):
        file = options.results.absolute() / f"{name}.json"
        try:
            found = _measured(name, folder, file)
        except MissingError as error:
            say(f"{name}: left out: {error}")
            continue
        except FullDiskError as error:
            _clear(folder)
            sys.exit(advice(name, str(error), folder, file))
        except RuntimeError as error:  # the others are still worth their hour
            say(f"{name}: failed: {error}")
            failed.append(name)
            continue
        except BaseException:
            if not options.keep:
                _clear(folder)
            raise
        ratios += [item for item in found if isinstance(item, Ratio)]
    if not options.keep:
        _clear(folder)
    say(f"measured in {minutes(begun)}")
    sys.stdout.write(table(ratios) + "\n")
    if failed:
        sys.exit(f"bench: not measured, see above: python -m bench {' '.join(failed)}")


def groups(*, full: bool) -> list[str]:
    """Return the groups that are measured where none is named."""
    short = [name for name in GROUPS if not (full and f"{name}-full" in LONG)]
    return [*short, *(LONG if full else ())]


def _measured(name: str, folder: Path, file: Path) -> Found:
    """Make the measurements of a group, and write down what was found when all are made."""
    begun = time.perf_counter()
    found: list[Any] = []
    for act in ALL[name]:
        say(f"{name}: {act.__module__}.{act.__name__}")
        found += alone(act, folder)
    say(f"{name}: {minutes(begun)}")
    try:
        write(found, file)
    except OSError as error:
        if is_full(error):
            raise FullDiskError(str(error)) from error
        raise
    return found


def _clear(folder: Path) -> None:
    """Remove all that was made, and the folder that it lay in if nothing else is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def minutes(begun: float) -> str:
    """Say how long it is since a time of the clock of performance."""
    whole, seconds = divmod(round(time.perf_counter() - begun), 60)
    return f"{whole}:{seconds:02} min"


def alone(act: Measure, folder: Path) -> Found:
    """Run a measurement in a process of its own, with cold caches and its own peak of memory."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(told, act, folder).result()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(ALL)}")
    parser.add_argument("--full", action="store_true", help="the long ones, too: over an hour")
    parser.add_argument("--keep", action="store_true", help="keep the generated data")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where it lies meanwhile")
    parser.add_argument(
        "--results", type=Path, default=HERE / "results", help="where the results are written"
    )
    options = parser.parse_args()
    if unknown := sorted({*options.only} - {*ALL}):
        parser.error(f"there is no group {', '.join(unknown)}; see --help")
    return options


if __name__ == "__main__":
    main()
