"""A benchmark on a disk that fills up: it says so, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.ratio import Ratio, write

from mounts import Mount

ROOT = Path(__file__).parents[2]
EARLIER = '{"ratios": []}\n'


def test_a_full_disk_is_said_and_earlier_results_stay(mount: Mount, tmp_path: Path) -> None:
    disk, results, group = mount("disk", "12m"), tmp_path / "results", "life"
    results.mkdir()
    (results / f"{group}.json").write_text(EARLIER)
    places = ["--data", str(disk / "data"), "--results", str(results)]
    run = subprocess.run(
        [sys.executable, "-m", "bench", group, *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert f"no room left while measuring {group}" in run.stderr
    assert f"{results / f'{group}.json'} stays as it was" in run.stderr
    assert f"python -m bench {group} --data FOLDER" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(disk.iterdir())
    assert [item.name for item in results.iterdir()] == [f"{group}.json"]
    assert (results / f"{group}.json").read_text() == EARLIER


def test_results_that_find_no_room_leave_the_earlier_ones_whole(mount: Mount) -> None:
    disk = mount("results", "64k")
    file = disk / "load.json"
    file.write_text(EARLIER)
    with pytest.raises(OSError, match="No space left"):
        (disk / "fill").write_bytes(bytes(2**20))
    with pytest.raises(OSError, match="No space left"):
        write([Ratio("load, CSV: speed", 1.0, 0.0, None)], file)
    assert file.read_text() == EARLIER
    assert sorted(item.name for item in disk.iterdir()) == ["fill", "load.json"]
