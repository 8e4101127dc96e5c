"""Damage and drift: a missing object, other bytes, columns that the owner has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import AS_OF, CommandLine, edit, owner, words, written

SCHEMA, STORAGE, FAILED = 8, 10, 14
FRESH = "select count(*), sum(fare) from trips where pickup >= '2018-05-01'"


def the_object(month: str, tier: str) -> Path:
    (found,) = Path(f"objects/{tier}").glob(f"*/{month}/*.parquet")
    return found


def spoil(file: Path) -> None:
    """Flip a byte in the middle of the file, past what its metadata's checks cover."""
    bytes_ = bytearray(file.read_bytes())
    bytes_[len(bytes_) // 3] ^= 0xFF
    file.chmod(0o644)
    file.write_bytes(bytes_)


def test_a_query_names_the_object_that_is_missing(cold: CommandLine) -> None:
    gone = the_object("2018-10", "STANDARD")
    gone.unlink()
    ran = cold("sql", FRESH, code=STORAGE)
    words(ran.err, [gone.name, "trips", "2018-10"])
    assert not ran.out


def test_a_restore_names_the_object_that_is_missing_and_changes_nothing(cold: CommandLine) -> None:
    gone = the_object("2018-02", "GLACIER")
    gone.unlink()
    before = written("objects/STANDARD")
    words(cold("restore", "trips", "2018-02", "--yes", code=FAILED).err, [gone.name, "2018-02"])
    assert written("objects/STANDARD") == before
    cold("restore", "trips", "2018-03", "--yes")


def test_a_restore_refuses_an_object_with_other_bytes(cold: CommandLine) -> None:
    spoilt = the_object("2018-02", "GLACIER")
    spoil(spoilt)
    ran = cold("restore", "trips", "2018-02", "--yes", code=FAILED)
    words(ran.err, [spoilt.name, "2018-02"])
    refused = "select count(*) from trips where pickup >= '2018-02-01' and pickup < '2018-03-01'"
    cold("sql", refused, code=5)


def test_an_apply_names_the_damaged_object_and_makes_the_other_moves(cold: CommandLine) -> None:
    spoilt = the_object("2018-08", "STANDARD")
    spoil(spoilt)
    ran = cold("apply", "--as-of", "2019-09", "--yes", "--even-if-uneconomic", code=FAILED)
    words(ran.err, [spoilt.name, "2018-08", "1 of"])
    tiers = cold.tiers()
    assert (tiers["2018-08"], tiers["2018-09"]) == ("STANDARD", "STANDARD_IA")
    assert the_object("2018-08", "STANDARD") == spoilt


def test_a_store_that_cannot_be_written_stops_the_apply_and_loses_nothing(
    warm: CommandLine,
) -> None:
    for tier in ("STANDARD", "STANDARD_IA", "GLACIER"):  # where a folder should be is a file
        folder = Path("objects") / tier
        if folder.is_dir():
            folder.rmdir()
        folder.write_text("no folder")
    ran = warm("apply", "--as-of", AS_OF, "--yes", "--even-if-uneconomic", code=FAILED)
    words(
        ran.err,
        ["13 of 13 moves failed", "object GLACIER", "cannot be written", "as it was before"],
    )
    assert warm.rows("select count(*) from trips") == [(6_000,)]
    assert set(warm.tiers().values()) == {"hot"}


def test_a_dropped_column_stops_the_next_move_until_the_config_says_so(cold: CommandLine) -> None:
    owner("ALTER TABLE trips DROP COLUMN tag")
    due = ("--as-of", "2019-08", "--even-if-uneconomic")
    ran = cold("apply", *due, "--yes", code=FAILED)
    words(ran.err, ["column tag", "main.trips", "gone", 'dropped = ["tag"]'])
    edit('period = "month" ', 'dropped = ["tag"]\nperiod = "month" ')
    cold("apply", *due, "--yes")
    assert cold.tiers()["2019-02"] == "STANDARD"
    assert cold.rows("select count(*) from trips where pickup >= '2018-08-01'")


def test_a_renamed_column_is_one_column_once_the_config_says_so(cold: CommandLine) -> None:
    owner("ALTER TABLE trips RENAME COLUMN tag TO label")
    words(
        cold("apply", "--as-of", "2019-08", "--even-if-uneconomic", "--yes", code=FAILED).err,
        ["column tag", "renamed"],
    )
    edit('period = "month" ', 'renamed = { tag = "label" }\nperiod = "month" ')
    cold("apply", "--as-of", "2019-08", "--even-if-uneconomic", "--yes")
    rows = cold.rows("select count(*), count(label) from trips where pickup >= '2018-06-01'")
    assert rows[0][0] == rows[0][1] > 0


def test_a_column_that_was_retyped_is_refused_with_the_way_back(cold: CommandLine) -> None:
    owner("ALTER TABLE trips ALTER fare TYPE VARCHAR")
    ran = cold("sql", FRESH, code=SCHEMA)
    words(ran.err, ["column fare", "main.trips", "VARCHAR", "DECIMAL(9,2)", "ALTER TABLE"])


@pytest.mark.parametrize(
    ("type_", "value"), [("JSON", "'{}'"), ("HUGEINT", "1"), ("BIT", "'101'::BIT")]
)
def test_a_type_that_does_not_survive_the_trip_is_refused_before_anything_moves(
    warm: CommandLine, type_: str, value: str
) -> None:
    owner(f"ALTER TABLE trips ADD COLUMN odd {type_} DEFAULT {value}")
    before = written("objects")
    ran = warm("apply", "--as-of", AS_OF, "--even-if-uneconomic", "--yes", code=FAILED)
    words(ran.err, ["odd", type_, "cast"])
    assert written("objects") == before
    assert warm.rows("select count(*) from trips") == [(6_000,)]
