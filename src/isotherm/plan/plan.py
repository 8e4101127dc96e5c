"""The plan: a frozen, serialisable list of moves, with reasons and dollars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..cost.dollars import Dollars
from ..model.errors import StalePlanError
from ..model.part import Partition
from ..model.period import Period, span
from ..model.tier import TIERS, Tier

VERSION = 1
"""Of the JSON form; it changes when a field changes its meaning or goes."""


class Kind(StrEnum):
    """What a move does."""

    UNLOAD = "unload"
    """The warehouse's rows of a period go to an object."""
    APPEND = "append"
    """Late rows of a period that has left the warehouse follow it."""
    RETIER = "retier"
    """An object goes to another storage class."""
    RESTORE = "restore"
    """An archived object becomes readable until a time."""
    RELOAD = "reload"
    """Objects' rows go back into the warehouse."""
    EXPIRE = "expire"
    """A period is deleted from everywhere."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one partition, or of several small ones of a dataset.

    Attributes:
        id: Its number in the plan.
        reason: The line of the policy, or the request, that asks for it.
        rows: How many rows it moves.
        bytes: What it reads, as it lies in the source tier.
        objects: How many objects it writes or moves.
        until: When a restore is over, UTC.

    """

    id: str
    kind: Kind
    dataset: str
    periods: tuple[Period, ...]
    source: Tier
    target: Tier
    reason: str
    rows: int
    bytes: int
    objects: int
    dollars: Dollars
    until: datetime | None = None

    @property
    def span(self) -> str:
        """Its periods, joined where they follow each other."""
        return span(self.periods)

    def __str__(self) -> str:
        return f"{self.kind} {self.dataset} {self.span} {self.source} -> {self.target}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A move that is due and not planned, and why."""

    move: Move
    why: str


@dataclass(frozen=True)
class Plan:
    """What brings everything where it should be.

    Attributes:
        as_of: The instant that the ages were taken at, UTC.
        basis: What was there, by dataset and period; see `state_of`.

    """

    as_of: datetime
    made_at: datetime
    moves: tuple[Move, ...] = ()
    refused: tuple[Refusal, ...] = ()
    basis: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the plan as its documented JSON form."""
        return {
            "version": self.version,
            "as_of": self.as_of.isoformat(),
            "made_at": self.made_at.isoformat(),
            "moves": [_move_json(move) for move in self.moves],
            "refused": [{"move": _move_json(r.move), "why": r.why} for r in self.refused],
            "basis": {name: dict(periods) for name, periods in self.basis.items()},
        }

    @classmethod
    def from_json(cls, text: str, where: str = "plan") -> Plan:
        """Read a plan that was written down.

        Raises:
            StalePlanError: it is no plan, or one of another version.

        """
        try:
            raw = json.loads(text)
            if raw["version"] != VERSION:
                raise StalePlanError(
                    f"{where} is of version {raw['version']}, this Isotherm reads {VERSION}",
                    hint="Make a new one: isotherm plan --out plan.json",
                )
            return cls(
                as_of=datetime.fromisoformat(raw["as_of"]),
                made_at=datetime.fromisoformat(raw["made_at"]),
                moves=tuple(_move(item) for item in raw["moves"]),
                refused=tuple(Refusal(_move(r["move"]), r["why"]) for r in raw["refused"]),
                basis=raw["basis"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StalePlanError(
                f"{where} is no plan: {error!r}",
                hint="Make a new one: isotherm plan --out plan.json",
            ) from error


def state_of(partition: Partition | None) -> str:
    """Write down what is there of a partition, so that a later plan or apply can compare."""
    if partition is None:
        return "nothing"
    hot = f"{partition.hot.rows} rows hot" if partition.hot else "no rows hot"
    parts = ", ".join(
        f"{part.rows} rows in {part.tier}" + (" (restored)" if part.restored else "")
        for part in partition.parts
    )
    return f"{hot}, {parts}" if parts else hot


def _move_json(move: Move) -> dict[str, Any]:
    raw = asdict(move)
    raw.update(
        kind=move.kind.value,
        periods=[str(period) for period in move.periods],
        source=move.source.name,
        target=move.target.name,
        dollars={
            "saved_a_month": move.dollars.saved,
            "once": move.dollars.once,
            "payback_months": move.dollars.payback,
        },
        until=move.until.isoformat() if move.until else None,
    )
    return raw


def _move(raw: Mapping[str, Any]) -> Move:
    dollars = Dollars(raw["dollars"]["saved_a_month"], raw["dollars"]["once"])
    return Move(
        id=raw["id"],
        kind=Kind(raw["kind"]),
        dataset=raw["dataset"],
        periods=tuple(Period.parse(text) for text in raw["periods"]),
        source=TIERS[raw["source"]],
        target=TIERS[raw["target"]],
        reason=raw["reason"],
        rows=raw["rows"],
        bytes=raw["bytes"],
        objects=raw["objects"],
        dollars=dollars,
        until=datetime.fromisoformat(raw["until"]) if raw["until"] else None,
    )
