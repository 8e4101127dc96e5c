"""The plan: a frozen, serialisable list of moves, with reasons and dollars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..cost.dollars import Dollars, kept_days
from ..model.dataset import Dataset
from ..model.errors import StalePlanError
from ..model.part import Part, Partition
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
    ERASE = "erase"
    """Somebody's rows are taken out of the warehouse, or out of objects."""
    CORRECT = "correct"
    """Somebody's rows get new values, in the warehouse or in objects."""
    COMPACT = "compact"
    """Several objects of a period become one, sorted."""
    EXPIRE = "expire"
    """A period is deleted from everywhere."""


SPEEDS = ("Bulk", "Standard", "Expedited")
"""How fast an archive fetches, the slowest first."""


def faster(speed: str, than: str | None) -> bool:
    """Say whether an archive fetches faster at a speed than at another."""
    return than is not None and SPEEDS.index(speed) > SPEEDS.index(than)


OF_PEOPLE = frozenset({Kind.ERASE, Kind.CORRECT})
"""Moves that serve somebody's request about their records."""


class Cause(StrEnum):
    """Why a move that is due is not planned."""

    PAUSED = "paused"
    """Somebody has paused the dataset."""
    SETTLES = "settles"
    """Its last load is too recent."""
    RESTORED = "restored"
    """Somebody has restored it, and its time is not over."""
    HELD = "held"
    """A case keeps what would be deleted."""
    UNECONOMIC = "uneconomic"
    """It never pays back."""


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
        speed: How fast a restore is asked for: `Bulk`, `Standard` or `Expedited`.
        asked: Whether somebody has asked for it, beside the policy.
        by_rule: Whether the bucket's lifecycle rules bring the objects to the class.
        request: The id of the erasure that it serves.

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
    speed: str = "Standard"
    asked: bool = False
    by_rule: bool = False
    request: str | None = None

    @property
    def span(self) -> str:
        """Its periods, joined where they follow each other."""
        return span(self.periods)

    def kept_days(self, now: datetime) -> int:
        """Return for how many days the store shall keep what this restore has it fetch."""
        days = (self.until - now) / timedelta(days=1) if self.until else 0
        return kept_days(days, asked=self.asked)

    def __str__(self) -> str:
        if self.kind in OF_PEOPLE:
            where = f"{self.span} in {self.source}" if self.periods else "in the warehouse"
            return f"{self.kind} {self.dataset} {where}"
        way = f"{self.source} -> {self.target}"
        if self.source == self.target:  # a restore, or the end of one
            words = {Kind.RESTORE: "from", Kind.COMPACT: "in"}
            way = f"{words.get(self.kind, 'back to')} {self.source}"
        return f"{self.kind} {self.dataset} {self.span} {way}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A move that is due and not planned, and why."""

    move: Move
    cause: Cause
    why: str


@dataclass(frozen=True)
class Plan:
    """What brings everything where it should be.

    Attributes:
        as_of: The instant that the ages were taken at, UTC.
        basis: What was there, by dataset and period; see `state_of`.
        terms: What the config said of each dataset; see `terms_of`.
        warnings: What others do to the store behind the lake's back.

    """

    as_of: datetime
    made_at: datetime
    moves: tuple[Move, ...] = ()
    refused: tuple[Refusal, ...] = ()
    basis: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the plan as its documented JSON form (docs/json.md)."""
        return {
            "version": self.version,
            "as_of": self.as_of.isoformat(),
            "made_at": self.made_at.isoformat(),
            "moves": [move_json(move) for move in self.moves],
            "refused": [
                {"move": move_json(r.move), "cause": r.cause.value, "why": r.why}
                for r in self.refused
            ],
            "basis": {name: dict(periods) for name, periods in self.basis.items()},
            "terms": dict(self.terms),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, text: str, where: str = "the plan") -> Plan:
        """Read a plan that was written down.

        Args:
            where: The file, for the error.

        Raises:
            StalePlanError: it is no plan, or one of another version.

        """
        hint = "Make a new one: isotherm plan --out plan.json"
        try:
            raw = json.loads(text)
            if not isinstance(raw, dict):
                raise ValueError("it is no JSON object")
            version = raw["version"]
            if version == VERSION:
                return _plan(raw)
        except KeyError as error:
            raise StalePlanError(f"{where} is no plan: {error} is missing", hint=hint) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise StalePlanError(f"{where} is no plan: {error}", hint=hint) from error
        raise StalePlanError(
            f"{where} is of version {version}, this Isotherm reads {VERSION}", hint=hint
        )


def state_of(partition: Partition | None) -> str:
    """Write down what is there of a partition, so that a later apply can compare.

    Rows are counted and not hashed: a move takes what is there when it runs, and verifies that by
    content, so a row that was replaced by another since the plan moves as it should. What a plan
    must not meet unnoticed is another amount, another tier, or a restore that was prolonged.
    """
    if partition is None:
        return "nothing"
    hot = f"{partition.hot.rows:,} rows hot" if partition.hot else "no rows hot"
    return ", ".join([hot, *(_part_state(part) for part in partition.parts)])


def _part_state(part: Part) -> str:
    state = f"{part.rows:,} rows in {part.tier}"
    return f"{state} (restored until {part.restored_until})" if part.restored else state


def terms_of(dataset: Dataset) -> str:
    """Write down what a plan of a dataset goes by: its table, clock, period and policy."""
    bounds = [
        f"{key} = {value:%Y-%m-%d %H:%M:%S}"
        for key, value in (("earliest", dataset.earliest), ("latest", dataset.latest))
        if value
    ]
    lines = [*bounds, *(str(rule) for rule in dataset.policy.rules)] or ["hot for ever"]
    way = ", by lifecycle rules" if dataset.by_rules else ""
    return f"{dataset.table} by the {dataset.unit} of {dataset.clock}: {', '.join(lines)}{way}"


def move_json(move: Move) -> dict[str, Any]:
    """Return a move as its documented JSON form (docs/json.md)."""
    return {
        "id": move.id,
        "kind": move.kind.value,
        "dataset": move.dataset,
        "periods": [str(period) for period in move.periods],
        "source": move.source.name,
        "target": move.target.name,
        "reason": move.reason,
        "rows": move.rows,
        "bytes": move.bytes,
        "objects": move.objects,
        "dollars": {
            "saved_a_month": move.dollars.saved,
            "once": move.dollars.once,
            "payback_months": move.dollars.payback,
        },
        "until": move.until.isoformat() if move.until else None,
        "speed": move.speed if move.kind is Kind.RESTORE else None,
        "asked": move.asked,
        "by_rule": move.by_rule,
        "request": move.request,
    }


def _plan(raw: Mapping[str, Any]) -> Plan:
    plan = Plan(
        as_of=datetime.fromisoformat(raw["as_of"]),
        made_at=datetime.fromisoformat(raw["made_at"]),
        moves=tuple(_move(item) for item in raw["moves"]),
        refused=tuple(
            Refusal(_move(r["move"]), Cause(r["cause"]), str(r["why"])) for r in raw["refused"]
        ),
        basis={name: dict(periods) for name, periods in raw["basis"].items()},
        terms=dict(raw["terms"]),
        warnings=tuple(str(item) for item in raw.get("warnings", ())),
    )
    for move in plan.moves:
        if move.dataset not in plan.terms:
            raise ValueError(f"it has no terms of {move.dataset}")
        for period in move.periods:
            if str(period) not in plan.basis.get(move.dataset, {}):
                raise ValueError(f"it has no basis for {move.dataset} {period}")
    return plan


def _move(raw: Mapping[str, Any]) -> Move:
    dollars = raw["dollars"]
    return Move(
        id=str(raw["id"]),
        kind=Kind(raw["kind"]),
        dataset=str(raw["dataset"]),
        periods=tuple(Period.parse(text) for text in raw["periods"]),
        source=_tier(raw["source"]),
        target=_tier(raw["target"]),
        reason=str(raw["reason"]),
        rows=int(raw["rows"]),
        bytes=int(raw["bytes"]),
        objects=int(raw["objects"]),
        dollars=Dollars(float(dollars["saved_a_month"]), float(dollars["once"])),
        until=datetime.fromisoformat(raw["until"]) if raw["until"] else None,
        speed=str(raw.get("speed") or "Standard"),
        asked=bool(raw.get("asked")),
        by_rule=bool(raw.get("by_rule")),
        request=raw.get("request"),
    )


def _tier(name: str) -> Tier:
    if name not in TIERS:
        raise ValueError(f"{name!r} is no tier")
    return TIERS[name]
