"""Small file systems of a test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Return a function that mounts a small file system of its own; needs root."""
    mounted: list[Path] = []

    def make(name: str, size: str = "1m", source: Path | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        line = ["mount", "-t", "tmpfs", "-o", f"size={size}", "isotherm", str(folder)]
        if source:
            line = ["mount", "--bind", str(source), str(folder)]
        if subprocess.run(line, capture_output=True, check=False).returncode:
            pytest.skip("this process may not mount")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
