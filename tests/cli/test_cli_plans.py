"""A plan on the terminal: what is asked for and summed is what will be done."""

from __future__ import annotations

import os
import pty

import pytest

from command_line import AS_OF, CommandLine, edit, owner, process, words

REQUEST, INTERRUPTED = 13, 130
DUE = ("--as-of", AS_OF, "--even-if-uneconomic")


@pytest.fixture
def expiring(warm: CommandLine) -> CommandLine:
    """Return the command line in a folder where 2018-01 and 2018-02 expire and 11 months move."""
    edit('expire      = "12 years"', 'expire      = "17 months"')
    return warm


def asked(*arguments: str) -> str:
    """Return what an apply asks on a terminal, and answer with no."""
    terminal, other = pty.openpty()
    apply = process("apply", *DUE, *arguments, stdin=other)
    os.write(terminal, b"n\n")
    _, err = apply.communicate()
    os.close(other)
    os.close(terminal)
    assert apply.returncode == INTERRUPTED
    return err


def test_what_expires_is_summed_apart_and_not_asked_for(expiring: CommandLine) -> None:
    out = expiring("plan", *DUE).out
    rows = owner("SELECT count(*) FILTER (pickup < '2018-03-01') FROM trips")[0][0]
    words(out, ["2 expire, and go only with: apply --expire", f"What expires: {rows} rows"])
    assert f"Together: {owner('SELECT count(*) FROM trips')[0][0]}" not in out
    words(asked(), ["Make these 11 moves?"])
    words(asked("--expire"), ["Make these 13 moves?"])
    words(asked("--max-moves", "1"), ["Make this move?"])


def test_what_is_left_is_told_from_what_expires(expiring: CommandLine) -> None:
    out = expiring("apply", *DUE, "--yes", "--max-moves", "4").out
    words(out, ["The first 4: ", "7 moves left; apply again makes them:\n  unload trips"])
    words(out, ["2 expire, and go only with: apply --expire\n  expire trips 2018-01"])
    out = expiring("apply", *DUE, "--yes").out
    words(out, ["7 moves done"])
    assert "left" not in out
    out = expiring("apply", *DUE).out  # nothing to ask for
    words(out, ["0 moves done", "2 expire"])


def test_an_as_of_in_the_future_is_refused_before_anything_is_shown(warm: CommandLine) -> None:
    ran = warm("apply", "--as-of", "2099-01", "--yes", code=REQUEST)
    words(ran.err, ["2099-01-01", "in the future"])
    assert not ran.out


def test_refusals_of_one_reason_are_one_line(warm: CommandLine) -> None:
    warm("pause", "trips")
    out = warm("plan", *DUE).out
    lines = [line for line in out.splitlines() if "paused" in line]
    assert len(lines) == 3, out  # to STANDARD, STANDARD_IA and GLACIER
    words(lines[0], ["unload trips 2018-01..2018-04 hot -> GLACIER"])
    warm("resume", "trips")
    out = warm("plan", "--as-of", AS_OF).out
    (line,) = [line for line in out.splitlines() if "STANDARD_IA: it never pays" in line]
    words(line, ["2018-05..2018-07", "(the sums of 2018-05)"])
