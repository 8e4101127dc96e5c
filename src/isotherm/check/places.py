"""The store and the catalogue: whether they are there, ours, and may be used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ..catalog.iceberg import IcebergCatalog
from ..model.errors import IsothermError
from ..storage.base import Trial
from .doctor import REBUILD, Check, failed, fine, warning, wrong
from .machine import skew


def store(place: str, trial: Trial) -> Iterator[Check]:
    """Say what a store is like, and what of it fails that is needed."""
    if trial.ahead is not None:
        yield skew("the store", trial.ahead, signed=True)
    if trial.error:
        yield wrong("store", trial.error.message, trial.error.hint)
        return
    yield fine("store", "; ".join([place, *trial.about]))
    for item in trial.tried:
        if item.wrong:
            yield wrong("permissions", f"{item.what}: {item.wrong}", item.mend)
    untried: dict[str, list[str]] = {}
    for item in trial.tried:
        if item.untried:
            untried.setdefault(item.untried, []).append(item.what)
    said = [f"; not tried: {', '.join(names)} ({why})" for why, names in untried.items()]
    worked = [item.what for item in trial.tried if not item.wrong and not item.untried]
    if worked:
        yield fine("permissions", f"tried: {', '.join(worked)}{''.join(said)}")


def rules(warnings: Iterable[str]) -> Iterator[Check]:
    """Say what is wrong with the lifecycle rules of the store's bucket."""
    found = [wrong("lifecycle", said, "isotherm lifecycle show") for said in warnings]
    yield from found or [fine("lifecycle", "no rule of others touches the lake's objects")]


def tables(
    catalog: IcebergCatalog, names: Iterable[str], pinned: Collection[str]
) -> Iterator[Check]:
    """Look at the Iceberg table of each dataset: whether it can be read, and is ours.

    Args:
        pinned: Those that have one.

    """
    found = []
    for name in names:
        try:
            if catalog.exists(name):
                if catalog.lake:
                    catalog.head(name)
                found.append(name)
            elif name in pinned:
                yield wrong(
                    "catalogue",
                    f"the Iceberg table of {name} is not in it, and {name} has cold rows",
                    REBUILD,
                )
        except IsothermError as error:
            yield failed("catalogue", error)
    said = f"has the Iceberg tables of {', '.join(found)}" if found else "has no tables yet"
    yield fine("catalogue", f"can be reached, and {said}")


def key(file: Path, *, needed: bool) -> Iterator[Check]:
    """Look at the key that certificates are signed with: there, and nobody else's to read.

    Args:
        needed: Whether certificates were signed with it, or will be.

    """
    if not file.exists():
        mend = "Put it back from where it is kept."
        if needed:
            yield wrong("key", f"{file}: there is no key, and people asked to be forgotten", mend)
        else:
            yield warning(
                "key",
                f"{file}: there is no key to sign certificates with yet",
                "isotherm erase --new-key makes one, once in a lake's life",
            )
        return
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        yield wrong(
            "key",
            f"{file} can be read by others than its owner (mode {mode:o})",
            f"chmod 600 {file}; who has read it can sign certificates, and test whom they name",
        )
    else:
        yield fine("key", f"{file}, for its owner alone")
