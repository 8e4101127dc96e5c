"""`python -m bench`: measure, print the ratios, and write them to `bench/results`."""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from . import (
    applying,
    erasing,
    loading,
    memory,
    petabyte,
    planning,
    postgres,
    querying,
    s3,
    tpcds,
    tpcds_engines,
)
from .ratio import Figures, Ratio, say, table, write

HERE = Path(__file__).parent
Measure = Callable[[Path], list[Ratio]]

GROUPS: dict[str, tuple[Measure, ...]] = {
    "apply": (applying.measure,),
    "sql": (querying.measure, querying.measure_many),
    "load": (loading.measure,),
    "postgres": (postgres.measure,),
    "s3": (s3.measure, s3.measure_tags),
    "erase": (erasing.measure,),
    "plan": (planning.measure,),
    "petabyte": (petabyte.measure,),
    "tpcds": (tpcds.measure,),
}
LONG: dict[str, tuple[Measure, ...]] = {
    "memory": (memory.make, memory.measure),
    "erase-full": (erasing.measure_full,),
    "plan-full": (planning.measure_full,),
    "tpcds-engines": (tpcds_engines.measure,),
    "tpcds-full": (tpcds.measure_full,),
    "tpcds-engines-full": (tpcds_engines.measure_full,),
}


def main() -> None:
    options = _options()
    folder = options.data.absolute() / "made"  # all that is removed after
    chosen = {**GROUPS, **LONG}
    names = options.only or [*GROUPS, *(LONG if options.full else ())]
    ratios = []
    try:
        for name in names:
            found = Figures()
            for act in chosen[name]:
                say(f"{name}: {act.__module__}.{act.__name__}")
                figures = alone(act, folder)
                found += figures
                found.points += getattr(figures, "points", [])
            write(found, HERE / "results" / f"{name}.json")
            ratios += found
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(table(ratios) + "\n")


def alone(act: Measure, folder: Path) -> list[Ratio]:
    """Run a measurement in a process of its own, with cold caches and its own peak of memory."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(act, folder).result()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"of {', '.join([*GROUPS, *LONG])}")
    parser.add_argument("--full", action="store_true", help="the long ones, too")
    parser.add_argument("--keep", action="store_true", help="keep the generated data")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where it lies meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    main()
