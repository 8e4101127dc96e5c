"""A wrong config is answered with the file, the key, what was found and the nearest right value."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import CommandLine, edit, owner, words
from isotherm import config as configuration

CONFIG, STORAGE = 3, 10

MISTAKES = {
    "a wrong key": (
        'clock  = "pickup" ',
        'clock  = "pickup"\nclok = "pickup"',
        ["datasets.trips.clok", "unknown key", "did you mean clock?"],
    ),
    "a wrong section": ("[prices]", "[price]", ["price", "unknown", "did you mean prices?"]),
    "a value of another type": (
        'period = "month"',
        "period = 6",
        ["datasets.trips.period", "found 6", "month", "day", "hour"],
    ),
    "a way of transition that there is not": (
        'period = "month"',
        'period = "month"\ntransition = "magic"',
        ["datasets.trips.transition", 'found "magic"; write "direct" or "lifecycle"'],
    ),
    "a duration without quotes": (
        'STANDARD    = "6 months"',
        "STANDARD    = 6",
        ["datasets.trips.policy.STANDARD", "found 6", "6 months"],
    ),
    "a duration that is none": (
        'STANDARD    = "6 months"',
        'STANDARD    = "half a year"',
        ["datasets.trips.policy.STANDARD", "half a year", "6 months"],
    ),
    "a duration finer than the period": (
        'STANDARD    = "6 months"',
        'STANDARD    = "45 days"',
        ["datasets.trips.policy.STANDARD", "45 days", "finer than the period", 'period = "day"'],
    ),
    "an unknown class": (
        'GLACIER     = "15 months"',
        'GLACIAR     = "15 months"',
        ["datasets.trips.policy.GLACIAR", "did you mean GLACIER?"],
    ),
    "tiers in the wrong order": (
        'GLACIER     = "15 months"',
        'GLACIER     = "9 months"',
        ["datasets.trips.policy", 'GLACIER = "9 months"', 'STANDARD_IA = "12 months"'],
    ),
    "another scheme": (
        'url = "duckdb:warehouse.duckdb"',
        'url = "mysql://warehouse"',
        ["warehouse.url", "mysql://warehouse", "duckdb:"],
    ),
    "no TOML": ("[prices]", "[prices", ["line 26", "no TOML", "[prices"]),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda name: name.replace(" ", "-"))
def test_a_mistake_in_the_config_is_named_with_file_key_and_the_right_value(
    command: CommandLine, mistake: str
) -> None:
    command("init")
    old, new, expected = MISTAKES[mistake]
    edit(old, new)
    ran = command("plan", code=CONFIG)
    words(ran.err, [str(Path("isotherm.toml").absolute()), *expected])
    assert not ran.out


def test_a_misspelt_key_is_suggested_even_where_the_right_one_is_missing(
    command: CommandLine,
) -> None:
    command("init")
    edit('clock  = "pickup" ', 'clok   = "pickup" ')
    words(command("plan", code=CONFIG).err, ["clok", "did you mean clock?"])


def test_a_config_that_is_missing_is_answered_with_init(command: CommandLine) -> None:
    words(command("status", code=CONFIG).err, ["isotherm.toml", "no such file", "isotherm init"])


def test_a_lake_that_is_not_set_up_is_answered_with_init(command: CommandLine) -> None:
    command("init")
    Path("warehouse.duckdb").unlink()
    words(command("status", code=CONFIG).err, ["isotherm init"])
    assert not Path("warehouse.duckdb").exists()


def test_init_with_a_wrong_store_writes_nothing(command: CommandLine) -> None:
    said = command("init", "--storage", "s3://My_Bucket", code=CONFIG)
    words(said.err, ["storage.url", "s3://My_Bucket", "3 to 63"])
    assert list(Path().iterdir()) == []


def test_init_that_cannot_open_what_it_wrote_says_where_to_change_it(command: CommandLine) -> None:
    nobody = "postgresql://nobody@127.0.0.1:1/none"
    said = command("init", "--warehouse", nobody, code=STORAGE)
    words(said.err, ["Wrote isotherm.toml", "init again", "cannot be opened", "[warehouse] url"])
    config = Path("isotherm.toml")
    said_now = config.read_text().replace(nobody, "duckdb:warehouse.duckdb", 1)
    config.write_text(said_now.replace(nobody, "sqlite:catalog.db"))
    words(command("init").err, ["Kept", "ready"])


def test_init_twice_keeps_what_is_there(warm: CommandLine) -> None:
    edit('period = "month" ', 'period = "month"  # ours')
    before = Path("isotherm.toml").read_text()
    words(warm("init").err, ["kept", "isotherm.toml"])
    assert Path("isotherm.toml").read_text() == before
    assert owner("SELECT count(*) FROM trips") == [(6_000,)]


def test_a_config_elsewhere_is_named_by_c(command: CommandLine) -> None:
    Path("deep").mkdir()
    command("init", "-c", "deep/isotherm.toml")
    owner("CREATE TABLE trips (pickup TIMESTAMP)", file="deep/warehouse.duckdb")
    assert command("plan", "-c", "deep/isotherm.toml", "--format", "json").json["moves"] == []
    assert {file.name for file in Path().iterdir()} == {"deep"}


def test_an_unknown_dataset_is_answered_with_the_nearest(warm: CommandLine) -> None:
    for verb in (["plan", "tripz"], ["status", "tripz"], ["explain", "tripz", "2018-01"]):
        words(warm(*verb, code=CONFIG).err, ["tripz", "known: trips", "did you mean trips?"])


@pytest.mark.parametrize("clock", ['a"b\\', "ride's \U0001f695 'time'", "{x}"])
def test_the_config_that_init_writes_can_be_read_whatever_the_clock_is_called(
    command: CommandLine, clock: str
) -> None:
    command("init", "--clock", clock, "--storage", 'file:a "b\\c"')
    read = configuration.read("isotherm.toml")
    assert read.datasets["trips"].clock == clock
    assert read.storage.url == 'file:a "b\\c"'
    command("init")
