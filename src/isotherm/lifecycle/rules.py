"""Lifecycle rules of a bucket, as S3 writes them: which are wanted, and how they are merged.

Pure: rules are plain mappings, in the form of the SDK. Rules that are not Isotherm's keep their
meaning and their order, whatever they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.tier import CLASSES, TIERS

Rule = Mapping[str, Any]

AGEING = "ageing"
"""The tag that says how many periods old an object's rows are."""
CLASS = "isotherm-class"
"""The tag that has a rule move an object to a class; written once no reader needs it any more."""
UPLOADS_DAYS = 7
"""After so many days the parts of an upload that was never finished go."""
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
"""S3 moves nothing to these classes that is younger."""
_ANY_SIZE = "ObjectSizeGreaterThan"
_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Drift:
    """What sets the bucket's rules apart from those that are wanted.

    Attributes:
        missing: Wanted, and not there.
        changed: There under their name, with another meaning.
        leftover: Isotherm's own, and wanted no more.

    """

    missing: tuple[Rule, ...] = ()
    changed: tuple[Rule, ...] = ()
    leftover: tuple[Rule, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.leftover)


def wanted(lake: str, prefix: str, classes: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of a lake.

    Args:
        prefix: Of all its objects.
        classes: Those that its objects are moved to by rules.

    """
    ordered = [name for name in CLASSES if name in set(classes)]
    return (
        *(
            {
                "ID": f"{_mark(lake)}{name}",
                "Status": "Enabled",
                "Filter": {"And": _tagged(prefix, name)},
                "Transitions": [{"Days": _LEAST_DAYS.get(name, 0), "StorageClass": name}],
            }
            for name in ordered
        ),
        {
            "ID": f"{_mark(lake)}uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOADS_DAYS},
        },
    )


def _tagged(prefix: str, class_: str) -> Rule:
    """Return what matches objects of any size that are tagged for a class.

    Where a rule says no size, S3 leaves those below 128 KB where they are.
    """
    below = {"Prefix": prefix} if prefix else {}
    return {**below, "Tags": [{"Key": CLASS, "Value": class_}], _ANY_SIZE: 0}


def is_own(rule: Rule, lake: str) -> bool:
    """Say whether a rule is one of this lake's."""
    return str(rule.get("ID", "")).startswith(_mark(lake))


def merged(found: Sequence[Rule], own: Sequence[Rule], lake: str) -> tuple[Rule, ...]:
    """Return the bucket's rules with this lake's brought up to date, each where it was."""
    todo = {str(rule["ID"]): rule for rule in own}
    rules: list[Rule] = []
    for rule in found:
        if not is_own(rule, lake):
            rules.append(_of_today(rule))
        elif kept := todo.pop(str(rule["ID"]), None):
            rules.append(kept)
    return (*rules, *todo.values())


def drift(found: Sequence[Rule], own: Sequence[Rule], lake: str) -> Drift:
    """Say what of this lake's rules is not as it should be."""
    there = {str(rule["ID"]): rule for rule in found if is_own(rule, lake)}
    names = {str(rule["ID"]) for rule in own}
    return Drift(
        tuple(rule for rule in own if str(rule["ID"]) not in there),
        tuple(
            rule
            for rule in own
            if str(rule["ID"]) in there and not same([rule], [there[str(rule["ID"])]])
        ),
        tuple(rule for name, rule in there.items() if name not in names),
    )


def same(some: Sequence[Rule], others: Sequence[Rule]) -> bool:
    """Say whether two lists of rules mean the same; their order means nothing."""
    return sorted(map(_normal, some)) == sorted(map(_normal, others))


def written(rule: Rule) -> str:
    """Write a rule in one line: what it matches, and what it does."""
    prefix, tags, more = _filter(rule)
    matched = [f"below {prefix}" if prefix else "everything"]
    matched += [f"tagged {key}={value}" for key, value in tags]
    matched += [f"{name} {value}" for name, value in more]
    state = "" if rule.get("Status") == "Enabled" else ", disabled"
    return f"{rule.get('ID') or '(no ID)'}: {', '.join(matched)}: {'; '.join(_acts(rule))}{state}"


def dangers(found: Iterable[Rule], prefix: str, lake: str) -> Iterator[str]:
    """Yield what rules of others would do to a lake's objects behind its back."""
    for rule in found:
        does = _harm(rule)
        if is_own(rule, lake) or rule.get("Status") != "Enabled" or not does:
            continue
        begins, tags, more = _filter(rule)
        if not (begins.startswith(prefix) or prefix.startswith(begins)):
            continue
        foreign = [f"{key}={value}" for key, value in tags if key not in (AGEING, CLASS)]
        own = [f"{key}={value}" for key, value in tags if key in (AGEING, CLASS)]
        if foreign or more:
            limits = " and ".join([*(f"tagged {tag}" for tag in foreign), *(n for n, _ in more)])
            which = f"objects of the lake, where they are {limits}"
        elif own:
            which = f"objects of the lake that Isotherm has tagged {' and '.join(own)}"
        else:
            which = "objects of the lake by their days alone"
        yield f"a lifecycle rule that is not Isotherm's {does} {which}: {written(rule)}"


def _mark(lake: str) -> str:
    return f"isotherm-{lake[:_ID_LENGTH]}-"


def _harm(rule: Rule) -> str:
    """Say what a rule does to current objects; nothing where it leaves them as they are."""
    if any(key in rule.get("Expiration", {}) for key in ("Days", "Date")):
        return "deletes"
    moves = [*rule.get("Transitions", ()), *([rule["Transition"]] if "Transition" in rule else ())]
    classes = [TIERS.get(str(move.get("StorageClass"))) for move in moves]
    if any(tier is None or tier.archived for tier in classes):
        return "takes away"
    return "moves to another class" if classes else ""


def _filter(rule: Rule) -> tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, Any], ...]]:
    """Return prefix, tags and other conditions of a rule, in whichever form it is written.

    Ceph writes `{Prefix, And: {Tags}}` where S3 has `And: {Prefix, Tags}`; old rules have no
    Filter at all.
    """
    outer = rule.get("Filter") or {}
    inner = outer.get("And") or {}
    prefix = inner.get("Prefix") or outer.get("Prefix") or rule.get("Prefix") or ""
    tags = [*inner.get("Tags", ()), *([outer["Tag"]] if outer.get("Tag") else ())]
    known = ("And", "Prefix", "Tag", "Tags")
    more = {k: v for part in (outer, inner) for k, v in part.items() if k not in known}
    if more.get(_ANY_SIZE) == 0:  # which servers that know no sizes leave away
        del more[_ANY_SIZE]
    pairs = sorted((str(tag["Key"]), str(tag["Value"])) for tag in tags)
    return str(prefix), tuple(pairs), tuple(sorted(more.items()))


def _normal(rule: Rule) -> str:
    """Return what a rule means, however it is written."""
    rest = {k: v for k, v in rule.items() if k not in ("Filter", "Prefix")}
    return json.dumps([_filter(rule), rest], sort_keys=True, default=str)


def _of_today(rule: Rule) -> Rule:
    """Write a rule of the old form in today's: S3 takes no list that has both."""
    if "Filter" in rule or "Prefix" not in rule:
        return rule
    return {
        **{k: v for k, v in rule.items() if k != "Prefix"},
        "Filter": {"Prefix": rule["Prefix"]},
    }


def _acts(rule: Rule) -> Iterator[str]:
    for key, value in rule.items():
        if key not in ("ID", "Status", "Filter", "Prefix"):
            yield f"{key} {json.dumps(value, default=str)}"
