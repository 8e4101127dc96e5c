"""How much a process reads."""

from __future__ import annotations

from pathlib import Path


def bytes_read() -> int:
    """Return how many bytes this process has read by system calls; the engine maps no files."""
    said = Path("/proc/self/io").read_text().split()
    return int(said[said.index("rchar:") + 1])
