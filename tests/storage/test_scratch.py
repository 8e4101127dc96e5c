"""Temporary folders go with their processes, killed or not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from isotherm.storage.scratch import Scratch, sweep

AT_WORK = """
from isotherm.storage.scratch import Scratch
scratch = Scratch()
(scratch.path / "half.parquet").write_bytes(b"rows")
print(scratch.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_has_left_goes_and_what_others_are_at_stays(temporary: Path) -> None:
    own = Scratch()
    (temporary / "isotherm-s3-somebody").mkdir()  # who knows what it is
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        other = Path(process.stdout.readline().decode().strip())
        sweep()
        assert (other / "half.parquet").exists()
        process.kill()
    sweep()
    assert not other.exists()
    assert own.path.exists()
    assert {path.name for path in temporary.iterdir()} == {own.path.name, "isotherm-s3-somebody"}


def test_a_folder_goes_with_a_process_that_comes_to_its_end(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", AT_WORK], input=b"\n", check=True, capture_output=True)
    assert not list(temporary.iterdir())
