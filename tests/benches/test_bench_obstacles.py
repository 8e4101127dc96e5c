"""A benchmark that cannot be made: it says why, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.ratio import Ratio, write

from mounts import Mount

ROOT = Path(__file__).parents[2]
EARLIER = '{"ratios": []}\n'


def bench(
    group: str, data: Path, results: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a group as a person would."""
    places = ["--data", str(data), "--results", str(results)]
    return subprocess.run(
        [sys.executable, "-m", "bench", group, *places],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_is_said_and_earlier_results_stay(mount: Mount, tmp_path: Path) -> None:
    disk, results, group = mount("disk", "12m"), tmp_path / "results", "life"
    results.mkdir()
    (results / f"{group}.json").write_text(EARLIER)
    run = bench(group, disk / "data", results)
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


def test_a_group_whose_server_is_not_installed_is_left_out_and_the_others_are_made(
    tmp_path: Path,
) -> None:
    run = bench("life-s3", tmp_path / "data", tmp_path / "results", PATH=str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "life-s3: left out: there is no ceph-mon, ceph-osd, radosgw: make servers" in run.stderr
    assert not list(tmp_path.iterdir())
