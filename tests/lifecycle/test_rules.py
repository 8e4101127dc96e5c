"""Lifecycle rules: what is wanted, how it is merged, and what others' rules would do."""

from __future__ import annotations

from typing import Any

import pytest

from isotherm.lifecycle import rules

LAKE, PREFIX = "5eed5eed00000000", "lake/"
OWN = rules.wanted(LAKE, PREFIX, ["GLACIER", "STANDARD_IA"])
LOGS: dict[str, Any] = {
    "ID": "logs",
    "Status": "Enabled",
    "Filter": {"Prefix": "logs/"},
    "Expiration": {"Days": 30},
}
OLD: dict[str, Any] = {
    "ID": "old form",
    "Status": "Disabled",
    "Prefix": "tmp/",
    "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
}


def rule(**changes: Any) -> dict[str, Any]:
    return {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": ""}} | changes


def test_the_rules_match_a_tag_alone_and_never_days() -> None:
    moving = [item for item in OWN if "Transitions" in item]
    assert [item["Transitions"][0]["StorageClass"] for item in moving] == ["STANDARD_IA", "GLACIER"]
    for item in moving:
        (tag,) = item["Filter"]["And"]["Tags"]
        assert tag["Key"] == rules.CLASS
        assert item["Filter"]["And"]["Prefix"] == PREFIX


def test_the_rules_match_objects_of_any_size_and_a_bucket_without_prefix() -> None:
    (moving, _) = rules.wanted(LAKE, "", ["GLACIER"])
    assert moving["Filter"]["And"] == {
        "Tags": [{"Key": "isotherm-class", "Value": "GLACIER"}],
        "ObjectSizeGreaterThan": 0,
    }
    unsized = {**moving, "Filter": {"Tag": {"Key": "isotherm-class", "Value": "GLACIER"}}}
    assert rules.same([moving], [unsized])


def test_others_rules_keep_their_place_and_their_meaning() -> None:
    first, *rest = OWN
    stale = {**first, "Transitions": [{"Days": 400, "StorageClass": "STANDARD_IA"}]}
    gone = {**first, "ID": rules.wanted(LAKE, PREFIX, ["DEEP_ARCHIVE"])[0]["ID"]}
    merged = rules.merged([LOGS, stale, OLD, gone], OWN, LAKE)
    assert [item["ID"] for item in merged] == ["logs", first["ID"], "old form"] + [
        item["ID"] for item in rest
    ]
    assert merged[1] == first
    assert rules.same([merged[0], merged[2]], [LOGS, OLD])
    assert "Prefix" not in merged[2]


def test_merging_again_changes_nothing() -> None:
    once = rules.merged([LOGS, OLD], OWN, LAKE)
    assert rules.merged(once, OWN, LAKE) == once
    assert not rules.drift(once, OWN, LAKE)


def test_rules_of_another_lake_are_others() -> None:
    other = rules.wanted("0ther000", "elsewhere/", ["GLACIER"])
    merged = rules.merged(other, OWN, LAKE)
    assert merged[: len(other)] == other


def test_drift_names_what_is_missing_changed_and_left() -> None:
    first, second, third = OWN
    changed = {**second, "Status": "Disabled"}
    left = {**first, "ID": first["ID"].replace("STANDARD_IA", "DEEP_ARCHIVE")}
    drift = rules.drift([left, changed, third], OWN, LAKE)
    assert (drift.missing, drift.changed, drift.leftover) == ((first,), (second,), (left,))
    assert drift


def test_the_form_in_which_ceph_writes_a_filter_means_the_same() -> None:
    tags = OWN[0]["Filter"]["And"]["Tags"]
    ceph = {**OWN[0], "Filter": {"Prefix": PREFIX, "And": {"Tags": tags}}}
    assert rules.same([ceph], [OWN[0]])
    assert not rules.drift([ceph, *OWN[1:]], OWN, LAKE)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (rule(Expiration={"Days": 365}), "by their days alone"),
        (rule(Expiration={"Date": "2030-01-01"}), "by their days alone"),
        (rule(Transitions=[{"Days": 30, "StorageClass": "GLACIER"}]), "by their days alone"),
        (rule(Transitions=[{"Days": 30, "StorageClass": "ODD_CLASS"}]), "by their days alone"),
        (rule(Filter={}, Expiration={"Days": 1}), "by their days alone"),
        (rule(Filter={"Prefix": "lake/GLACIER/"}, Expiration={"Days": 1}), "by their days alone"),
        (
            rule(Filter={"Tag": {"Key": "ageing", "Value": "15"}}, Expiration={"Days": 1}),
            "deletes objects of the lake that Isotherm has tagged ageing=15",
        ),
        (
            rule(Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}]),
            "moves to another class objects of the lake by their days alone",
        ),
        (
            rule(Filter={"Tag": {"Key": "team", "Value": "x"}}, Expiration={"Days": 1}),
            "where they are tagged team=x",
        ),
        (
            rule(Filter={"ObjectSizeGreaterThan": 500}, Expiration={"Days": 1}),
            "where they are ObjectSizeGreaterThan",
        ),
    ],
)
def test_a_rule_of_others_that_takes_objects_away_is_named(
    theirs: dict[str, Any], said: str
) -> None:
    (found,) = rules.dangers([theirs], PREFIX, LAKE)
    assert said in found
    assert "theirs" in found


@pytest.mark.parametrize(
    "theirs",
    [
        LOGS,
        *OWN,
        rule(Status="Disabled", Expiration={"Days": 1}),
        rule(NoncurrentVersionExpiration={"NoncurrentDays": 1}),
        rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
        rule(Expiration={"ExpiredObjectDeleteMarker": True}),
    ],
)
def test_a_rule_that_does_no_harm_is_not_named(theirs: dict[str, Any]) -> None:
    assert not list(rules.dangers([theirs], PREFIX, LAKE))
