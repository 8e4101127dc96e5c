"""The stage: shows a command as a user types it, runs it, and shows what it writes."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from ..model.errors import IsothermError

WIDTH = 100
Run = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the story.

    Attributes:
        arguments: What follows `isotherm`.
        head: How many lines of its output are shown from the beginning ...
        tail: ... and how many from the end, where there are more.
        code: The exit code that it is to end with.

    """

    arguments: tuple[str, ...]
    head: int = 40
    tail: int = 0
    code: int = 0

    def __str__(self) -> str:
        return " ".join(("isotherm", *map(_typed, self.arguments)))


class Stage:
    """Plays commands to stdout, errors included, as a terminal would show them."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stdout = sys.stdout
        terminal = Console(file=self._stdout)
        width = terminal.width if terminal.is_terminal else WIDTH
        self.console = Console(file=self._stdout, width=min(width, WIDTH), highlight=False)
        self._began = time.monotonic()
        self._chapters = 0
        self._played = False

    @property
    def seconds(self) -> float:
        """How long the story has been playing."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Open a chapter."""
        self._chapters += 1
        self._played = False
        heading = Text(f"{self._chapters}  {title}", style="bold")
        self.console.print()
        self.console.print(Rule(heading, align="left", style="dim"))

    def say(self, text: str) -> None:
        """Say something, wrapped to the width."""
        self.console.print(Text(text), soft_wrap=False)

    def shell(self, line: str) -> None:
        """Show a line as it is typed; nothing is run."""
        self.console.print(Text(f"$ {line}", style="bold"), soft_wrap=True)

    def play(self, command: Command) -> None:
        """Show a command, run it and show what it writes.

        Raises:
            IsothermError: it ends with another exit code than the story says.

        """
        if self._played:
            self.console.print()
        self._played = True
        self.shell(str(command))
        trimmed = Trimmed(self._stdout, command.head, command.tail)
        with redirect_stdout(trimmed), redirect_stderr(self._stdout):
            code = self._run([name for typed in command.arguments for name in _expanded(typed)])
            trimmed.finish()
        if code != command.code:
            raise IsothermError(
                f"the story stops: `{command}` ended with exit code {code}, not {command.code}",
                hint="The folder is left as it is, to look at.",
            )


class Trimmed(io.TextIOBase):
    """A stream that passes the first lines and the last ones, and counts those between."""

    def __init__(self, target: TextIO, head: int, tail: int) -> None:
        self._target = target
        self._head = head
        self._tail = tail
        self._line = ""
        self._kept: list[str] = []

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The target's encoding: Rich asks for it."""
        return self._target.encoding

    def isatty(self) -> bool:
        """Say whether the target is a terminal: Rich asks for it."""
        return self._target.isatty()

    def fileno(self) -> int:
        """Return the target's descriptor: Rich turns it away when a pipe is closed."""
        return self._target.fileno()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, text: str) -> int:
        """Take text, and pass each line that is whole."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._pass(line)
        return len(text)

    def flush(self) -> None:
        """Flush the target."""
        self._target.flush()

    def finish(self) -> None:
        """Pass what was kept back."""
        if self._line:
            self._pass(self._line)
        left_out = len(self._kept) - self._tail
        if left_out == 1:  # saying so takes as much room as the line
            left_out = 0
        if left_out > 0:
            self._target.write(f"  ... {left_out} more lines ...\n")
        for line in self._kept[max(0, left_out) :]:
            self._target.write(line + "\n")
        self._target.flush()

    def _pass(self, line: str) -> None:
        if self._head > 0:
            self._head -= 1
            self._target.write(line + "\n")
        else:
            self._kept.append(line)


def _expanded(argument: str) -> list[str]:
    """Expand a file pattern as a shell does; SQL keeps its asterisks."""
    return (sorted(map(str, Path().glob(argument))) if " " not in argument else []) or [argument]


def _typed(argument: str) -> str:
    """Quote an argument as people do."""
    plain = argument and not set(argument) & set(" \n'()<>|&;")
    return argument if plain else f'"{argument}"'
