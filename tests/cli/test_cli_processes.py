"""What only real processes show: locks, signals, pipes, the installed command."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import AS_OF, COMMAND, CommandLine, owner, process, words
from isotherm import __version__
from isotherm.lake import Lake

BUSY, INTERRUPTED = 9, 130
HOLD = (
    "import duckdb, sys; c = duckdb.connect('warehouse.duckdb', read_only={read_only}); "
    "c.execute('FROM trips LIMIT 1').fetchall(); print('held', flush=True); sys.stdin.read()"
)

STARTING = """import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from isotherm.__main__ import main
main()
"""


class Holder:
    """Another process that holds the warehouse until it is told to end."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(read_only=read_only)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "held\n"

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def holder(warm: CommandLine) -> Iterator[Holder]:
    found = Holder()
    yield found
    found.end()


def test_a_warehouse_that_another_process_holds_is_refused_with_its_pid(
    warm: CommandLine, holder: Holder
) -> None:
    for arguments in (
        ("status",),
        ("plan",),
        ("apply", "--yes"),
        ("sql", "select count(*) from trips"),
        ("pause", "trips"),
        ("init",),
    ):
        ran = warm(*arguments, code=BUSY)
        words(ran.err, ["warehouse.duckdb", f"PID {holder.process.pid}", "--wait"])


def test_wait_goes_on_as_soon_as_the_other_process_has_ended(
    warm: CommandLine, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        holder.end()

    monkeypatch.setattr("isotherm.backends.time.sleep", pause)
    assert warm("plan", "--wait", "60", "--format", "json").json["version"] == 1
    assert len(pauses) == 1


def test_readers_share_the_warehouse_and_a_writer_has_to_wait(warm: CommandLine) -> None:
    reader = Holder(read_only=True)
    try:
        assert warm.rows("select count(*) from trips") == [(6_000,)]
        words(warm("apply", "--yes", code=BUSY).err, [f"PID {reader.process.pid}"])
    finally:
        reader.end()


class Watched:
    """An apply in a process of its own, with a terminal as stderr: its progress can be seen."""

    def __init__(self) -> None:
        self.seen = ""
        self._terminal, other = pty.openpty()
        arguments = ["apply", "--as-of", AS_OF, "--yes", "--even-if-uneconomic"]
        self.process = process(*arguments, "--format", "json", stderr=other)
        os.close(other)

    def see(self, word: str) -> None:
        """Read what it writes until a word is there."""
        while word not in self.seen:
            self.seen += os.read(self._terminal, 4096).decode(errors="replace")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> str:
        """Read all that is left, and return what it wrote to stdout."""
        assert self.process.stdout
        try:
            while data := os.read(self._terminal, 4096):
                self.seen += data.decode(errors="replace")
        except OSError:  # a terminal that nobody writes to any more
            pass
        os.close(self._terminal)
        return self.process.communicate()[0]


@pytest.mark.parametrize("verb", ["sql", "load", "audit"])
def test_ctrl_c_is_said_once(warm: CommandLine, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lake, verb, interrupted)
    arguments = {"sql": ["select 1"], "load": ["trips", "isotherm.toml"], "audit": []}[verb]
    ran = warm(verb, *arguments, code=INTERRUPTED)
    assert (ran.out, ran.err) == ("", "Interrupted.\n")


@pytest.mark.parametrize("module", ["isotherm.cli.main", "isotherm.opening"])
def test_ctrl_c_while_it_starts_is_no_traceback(warm: CommandLine, module: str) -> None:
    """The imports take a second, of the command itself and of what opens a lake."""
    ran = subprocess.run(
        [sys.executable, "-c", STARTING.format(module=module), "status"],
        capture_output=True,
        text=True,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "Interrupted.\n", INTERRUPTED)


def test_ctrl_c_finishes_the_move_in_hand_and_says_which(warm: CommandLine) -> None:
    apply = Watched()
    apply.see("unload trips")
    apply.interrupt()
    told = apply.end()
    assert apply.process.returncode == INTERRUPTED, apply.seen
    words(apply.seen, ["finishing the move in hand"])
    words(told, ["unload trips 2018"])
    first, *others = sorted(warm.tiers("--as-of", AS_OF).items())
    assert first[1] == "GLACIER"
    assert any(tier == "hot" for period, tier in others if period < "2019-02")
    _holds_all_rows(warm)


def test_ctrl_c_twice_rolls_the_move_in_hand_back_and_says_which(warm: CommandLine) -> None:
    apply = Watched()
    apply.see("unload trips")
    apply.interrupt()
    apply.see("Finishing")
    apply.interrupt()
    apply.end()
    assert apply.process.returncode == INTERRUPTED, apply.seen
    assert any(
        word in apply.seen
        for word in (
            *("Rolled back: unload", "Done: unload", "Stopped after: unload"),
            "Interrupted between two moves",
        )
    ), apply.seen
    _holds_all_rows(warm)


def _holds_all_rows(warm: CommandLine) -> None:
    """Check that every row is there once, after another apply has finished the work."""
    warm("apply", "--as-of", AS_OF, "--yes", "--even-if-uneconomic")
    assert warm.moves("--as-of", AS_OF, "--even-if-uneconomic") == []
    warm("restore", "trips", "2018-01..2018-04", "--yes")
    rows = warm.rows("select count(*), count(distinct id), sum(id)::bigint from trips")
    assert rows == [(6_000, 6_000, sum(range(6_000)))]


def test_a_reader_that_leaves_a_pipe_early_is_no_error(warm: CommandLine) -> None:
    query = "select a.id, b.id from trips a, range(50) b(id)"
    line = f'set -o pipefail; {COMMAND} sql "{query}" --format csv | head -1'
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr, ran.returncode) == ("id,id", "", 0)
    line = f"set -o pipefail; {COMMAND} plan --as-of {AS_OF} | head -1"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (ran.stderr, ran.returncode) == ("", 0)


def test_a_file_gets_no_colours_and_no_progress_bars(warm: CommandLine) -> None:
    with Path("out.txt").open("w") as out, Path("err.txt").open("w") as err:
        arguments = ["apply", "--as-of", AS_OF, "--yes", "--even-if-uneconomic"]
        assert process(*arguments, stdout=out, stderr=err).wait() == 0
    text, messages = Path("out.txt").read_text(), Path("err.txt").read_text()
    assert "\x1b" not in text + messages
    words(text, ["13 moves done"])
    assert not messages


def test_parquet_goes_through_a_pipe(warm: CommandLine) -> None:
    query = "select * from trips where id < 10"
    line = f'{COMMAND} sql "{query}" --format parquet | cat > some.parquet'
    subprocess.run(["bash", "-c", line], check=True)
    assert owner("SELECT count(*), sum(id)::BIGINT FROM 'some.parquet'") == [(10, 45)]


def test_sql_is_read_from_stdin(warm: CommandLine) -> None:
    line = f'echo "select count(*) as n from trips" | {COMMAND} sql - --format csv'
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["n", "6000"]


def test_the_installed_command_says_its_version() -> None:
    ran = process("--version")
    assert ran.communicate() == (f"isotherm {__version__}\n", "")
    assert ran.returncode == 0


def test_a_question_that_is_answered_with_no_changes_nothing(warm: CommandLine) -> None:
    terminal, other = pty.openpty()
    arguments = ["apply", "--as-of", AS_OF, "--even-if-uneconomic"]
    asked = process(*arguments, stdin=other)
    os.write(terminal, b"n\n")
    _, err = asked.communicate()
    assert asked.returncode == INTERRUPTED
    words(err, ["Make these 13 moves?"])
    os.close(other)
    os.close(terminal)
    assert owner("SELECT count(*) FROM trips") == [(6_000,)]
