"""Files get in once, whole or not at all, and broken rows are kept apart."""

from __future__ import annotations

from pathlib import Path

from command_line import CommandLine, owner, words

LOAD = 4
GOOD = "id,pickup,fare\n1,2019-01-02 10:00:00,5.5\n2,2019-01-03 11:00:00,6.5\n"
BROKEN = GOOD + "3,yesterday,7.5\n4,2019-01-05 12:00:00,8.5,9,9\n5,2019-01-06 12:00:00,1.5\n"


def counted(command: CommandLine) -> int:
    return int(command.rows("select count(*) from trips")[0][0])


def test_a_broken_csv_stops_with_file_line_and_reason_and_loads_nothing(
    command: CommandLine,
) -> None:
    command("init")
    Path("good.csv").write_text(GOOD)
    Path("broken.csv").write_text(BROKEN)
    command("load", "trips", "good.csv")
    words(command("load", "trips", "broken.csv", code=LOAD).err, ["broken.csv", "4", "yesterday"])
    assert counted(command) == 2


def test_quarantine_keeps_broken_rows_apart_with_file_line_reason_and_text(
    command: CommandLine,
) -> None:
    command("init")
    Path("good.csv").write_text(GOOD)
    Path("broken.csv").write_text(BROKEN)
    command("load", "trips", "good.csv")
    ran = command("load", "trips", "broken.csv", "--on-error", "quarantine")
    words(ran.out, ["3 rows of", "2 rows are in quarantine", "isotherm.quarantine"])
    assert counted(command) == 2 + 3
    kept = owner("SELECT file, line, reason, raw FROM isotherm.quarantine ORDER BY line")
    assert [(Path(row[0]).name, row[1]) for row in kept] == [("broken.csv", 4), ("broken.csv", 5)]
    assert all(row[2] for row in kept)
    assert ["yesterday" in kept[0][3], "9,9" in kept[1][3]] == [True, True]
    command("load", "trips", "broken.csv", "--on-error", "quarantine")
    assert counted(command) == 2 + 3


def test_a_file_that_is_missing_or_empty_is_named(command: CommandLine) -> None:
    command("init")
    Path("empty.csv").touch()
    words(command("load", "trips", "nowhere.csv", code=LOAD).err, ["nowhere.csv"])
    words(command("load", "trips", "empty.csv", code=LOAD).err, ["empty.csv", "empty"])


def test_a_second_file_that_fails_leaves_the_first_one_loaded(command: CommandLine) -> None:
    command("init")
    Path("good.csv").write_text(GOOD)
    Path("broken.csv").write_text(BROKEN)
    ran = command("load", "trips", "good.csv", "broken.csv", code=LOAD)
    words(ran.out, ["good.csv", "2 rows"])
    assert counted(command) == 2
    words(command("load", "trips", "good.csv").out, ["good.csv", "skipped"])


def test_a_table_that_somebody_else_fills_is_adopted_as_it_is(warm: CommandLine) -> None:
    assert counted(warm) == 6_000
    assert len(warm.partitions()) == 18


def test_options_of_a_csv_are_taken(command: CommandLine) -> None:
    command("init")
    Path("german.csv").write_text(
        "id;pickup;fare\n1;02.01.2019 10:00;5.5\n2;n/a;6.5\n", encoding="utf-8"
    )
    command(
        "load",
        "trips",
        "german.csv",
        "--delimiter",
        ";",
        "--null",
        "n/a",
        "--timestamp-format",
        "%d.%m.%Y %H:%M",
    )
    rows = command.rows("select id, pickup::varchar from trips order by id")
    assert rows == [(1, "2019-01-02 10:00:00"), (2, None)]
    words(command("status").out, ["1 row stays hot", "pickup is NULL"])
