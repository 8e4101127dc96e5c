"""Which partitions a query may need: the search, apart from how a question is asked.

The partitions of a dataset are two lists, the cold ones and the archived ones, each in the order of
time and each cut into segments. In every round the planner says of each segment whether the query
may need it. Segments are first cut where the query names a time: there its answer is likely to
begin and to end, so that one round is mostly enough. A segment that may be needed and whose ends
are not known to be needed is cut finer, until they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

PIECES = 16


class Kind(StrEnum):
    """What a query may do with partitions."""

    COLD = "cold"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Segment:
    """Partitions of one kind that follow each other in their list.

    Attributes:
        ordinals: Of their periods, in order.
        sure: Where its first and its last end lie because the query names a time there.

    """

    dataset: str
    kind: Kind
    ordinals: tuple[int, ...]
    sure: tuple[bool, bool] = (False, False)


class Search:
    """The search in one list.

    Of cold partitions it may find a few too many: their files are looked into and cost little. Of
    archived ones it finds none but those that may be needed, or lie between two that may be.
    """

    def __init__(
        self, dataset: str, kind: Kind, ordinals: Sequence[int], named: Iterable[int]
    ) -> None:
        """Cut the list.

        Args:
            ordinals: Of all its partitions, in order.
            named: The periods of the times that the query names.

        """
        self.kind = kind
        whole = Segment(dataset, kind, tuple(ordinals))
        self._segments = list(_cut(whole, named)) if whole.ordinals else []
        self._met = [True] * len(self._segments)

    @property
    def questions(self) -> list[Segment]:
        """The segments that may be needed, as far as is known."""
        return [s for s, met in zip(self._segments, self._met, strict=True) if met]

    def answer(self, needed: Collection[Segment]) -> bool:
        """Take in which segments may be needed; False if that is all that is to be known."""
        self._met = [met and s in needed for s, met in zip(self._segments, self._met, strict=True)]
        split = [self._is_open(place) for place in range(len(self._segments))]
        if not any(split):
            return False
        segments: list[Segment] = []
        met: list[bool] = []
        for segment, was, cut in zip(self._segments, self._met, split, strict=True):
            pieces = list(_split(segment)) if cut else [segment]
            segments += pieces
            met += [was] * len(pieces)
        self._segments, self._met = segments, met
        return True

    @property
    def found(self) -> tuple[int, ...]:
        """The partitions that may be needed."""
        return tuple(ordinal for segment in self.questions for ordinal in segment.ordinals)

    def _is_open(self, place: int) -> bool:
        """Say whether a segment has to be cut finer."""
        segment = self._segments[place]
        if not self._met[place] or len(segment.ordinals) == 1:
            return False
        exact = segment.kind is Kind.ARCHIVED
        before = place > 0 and self._met[place - 1]
        after = place + 1 < len(self._met) and self._met[place + 1]
        first, last = segment.sure
        return not (before or (first and not exact)) or not (after or (last and not exact))


def _cut(whole: Segment, named: Iterable[int]) -> Iterator[Segment]:
    """Cut out the periods that are named; of cold ones the first and the last, too."""
    ordinals = whole.ordinals
    sure: set[int] = set()
    for ordinal in set(named):
        if ordinals[0] <= ordinal <= ordinals[-1]:
            place = bisect_left(ordinals, ordinal)
            sure |= {place, place + 1} if ordinals[place] == ordinal else {place}
    places = {0, len(ordinals)} | sure
    if whole.kind is Kind.COLD and len(ordinals) > 1:
        places |= {1, len(ordinals) - 1}
    for start, end in pairwise(sorted(places)):
        ends = (start in sure, end in sure)
        yield Segment(whole.dataset, whole.kind, ordinals[start:end], ends)


def _split(segment: Segment) -> Iterator[Segment]:
    """Split a segment into pieces of about the same length."""
    count = len(segment.ordinals)
    step = -(-count // PIECES)
    first, last = segment.sure
    for start in range(0, count, step):
        end = min(start + step, count)
        sure = (start == 0 and first, end == count and last)
        yield Segment(segment.dataset, segment.kind, segment.ordinals[start:end], sure)
