"""The rules of a lake's bucket: shown, compared, merged into what is there, and read back.

And what they have done: the classes in which the bucket has the objects now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os.path import commonpath

import stamina

from ..model.dataset import Dataset
from ..model.errors import ConflictError, RequestError, StorageError
from ..model.part import Location, Part
from ..model.tier import STANDARD
from ..storage.base import Classed, Storage
from . import rules
from .rules import Drift, Rule

READ_BACK = 6
"""So often rules are read that were written, until they are those."""
MISSING, UNKNOWN = "missing", "unknown"
"""What is said instead of a class where an object is not there, or the bucket does not answer."""


def classes_of(storage: Storage, parts: Iterable[Part]) -> dict[Location, str]:
    """Ask the bucket in which class it has those objects that its rules move.

    Returns:
        The class of each, or MISSING, or UNKNOWN.

    """
    store = storage.classed
    if store is None:
        return {}
    asked: dict[str, list[Location]] = defaultdict(list)
    for part in parts:
        if part.location.tier != part.tier.name:
            asked[part.location.tier].append(part.location)
    found: dict[Location, str] = {}
    for tier, places in asked.items():
        found |= dict.fromkeys(places, MISSING)
        try:
            prefix = commonpath([place.key for place in places])
            found |= ((at, now) for at, now in store.classes(tier, prefix) if at in found)
        except StorageError:
            found |= dict.fromkeys(places, UNKNOWN)
    return found


class BucketRules:
    """The lifecycle rules of a lake's bucket.

    Args:
        lake: The id that marks the lake's own.

    """

    def __init__(self, storage: Storage, datasets: Mapping[str, Dataset], lake: str) -> None:
        self._storage = storage
        self._datasets = datasets
        self._lake = lake

    @property
    def wanted(self) -> tuple[Rule, ...]:
        """The lake's own rules, by its policies.

        Raises:
            RequestError: the lake's store has no lifecycle rules.

        """
        classes = {
            rule.tier.name
            for dataset in self._datasets.values()
            if dataset.by_rules
            for rule in dataset.policy.rules
            if rule.tier.is_class and rule.tier != STANDARD
        }
        return rules.wanted(self._lake, self._store().rules_prefix, classes)

    def found(self) -> tuple[Rule, ...]:
        """Return all rules that the bucket has."""
        return tuple(self._store().rules())

    def drift(self) -> Drift:
        """Say what of the lake's own rules is not as it should be."""
        return rules.drift(self.found(), self.wanted, self._lake)

    def apply(self) -> Drift:
        """Merge the lake's own rules into the bucket's, and read them back.

        Returns:
            What was not as it should be.

        Raises:
            ConflictError: somebody else has written rules at the same time.

        """
        found, wanted = self.found(), self.wanted
        off = rules.drift(found, wanted, self._lake)
        if not off:
            return off
        merged = rules.merged(found, wanted, self._lake)
        self._store().put_rules(merged)
        # S3 may show the old ones for a while.
        for attempt in stamina.retry_context(on=ConflictError, attempts=READ_BACK):
            with attempt:
                self._read_back(merged)
        return off

    def _read_back(self, merged: Sequence[Rule]) -> None:
        if not rules.same(merged, self.found()):
            raise ConflictError(
                f"the lifecycle rules of {self._storage.place} are not those that were written",
                hint="Somebody else writes them, too, or the store does not keep them as they "
                "are. Look at them: isotherm lifecycle diff",
            )

    def warnings(self) -> Iterator[str]:
        """Yield what is wrong with the bucket's rules, for a plan; nothing where it has none."""
        store = self._storage.classed
        if store is None:
            return
        try:
            found = tuple(store.rules(patient=False))
        except StorageError as error:
            yield f"the bucket's lifecycle rules cannot be looked at: {error.message}"
            return
        yield from rules.dangers(found, store.rules_prefix, self._lake)
        if any(dataset.by_rules for dataset in self._datasets.values()):
            off = rules.drift(found, self.wanted, self._lake)
            if off:
                yield (
                    "the bucket's lifecycle rules are not those of the policies, and what they "
                    "should move stays: isotherm lifecycle apply"
                )

    def _store(self) -> Classed:
        if self._storage.classed is None:
            raise RequestError(
                f"{self._storage.place} is a folder, and has no lifecycle rules",
                hint="They are for a store in S3: isotherm.toml, [storage] url.",
            )
        return self._storage.classed
