"""The demo plays the whole story, in a folder of its own, and draws the picture."""

from __future__ import annotations

import re
from pathlib import Path

from command_line import CommandLine, words
from isotherm.demo.story import MARK
from isotherm.demo.trips import MONTHS

REQUEST = 13


def test_the_demo_is_made_anew_plays_the_story_and_draws_every_month(command: CommandLine) -> None:
    earlier = Path("demo")
    earlier.mkdir()
    (earlier / MARK).touch()
    (earlier / "left.txt").touch()
    text = command("demo", "--rows", "18000").out
    assert not (earlier / "left.txt").exists()
    words(text, ["isotherm init", "isotherm load", "isotherm status", "isotherm plan"])
    words(text, ["isotherm apply", "isotherm restore", "isotherm journal --verify"])
    words(text, ["left out, archived: trips 2018-01..2018-04", "trips 2018-04 can be read"])
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 160
    picture = text.partition("Where every month of trips lives")[2]
    bars = [line.split() for line in picture.splitlines() if re.match(r" 20\d\d-\d\d ", line)]
    assert [bar[0] for bar in bars] == [str(month) for month in MONTHS]
    fills = "".join(bar[1][0] for bar in bars)
    assert fills == "░" * 4 + "▒" * 3 + "▓" * 6 + "█" * 5
    words(picture, ["restored copies", "together", "10 TB", "Played in"])
    words(command("plan", "trips", "-c", "demo/isotherm.toml", "--as-of", "2019-07").out, ["2019"])


def test_the_demo_never_plays_over_somebody_elses_folder(command: CommandLine) -> None:
    Path("precious").mkdir()
    Path("precious/thesis.txt").write_text("all of it")
    ran = command("demo", "--folder", "precious", code=REQUEST)
    words(ran.err, ["precious", "no demo made it", "--folder"])
    assert Path("precious/thesis.txt").read_text() == "all of it"
    Path("file").touch()
    words(command("demo", "--folder", "file", code=REQUEST).err, ["file", "is a file"])
