"""What `pip install .` gives without extras works, and says which extra brings the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from command_line import CommandLine, edit, words

EXTRAS = ("boto3", "botocore", "duckdb_extension_httpfs", "pandas", "psycopg", "pyspark")
WITHOUT = f"""import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from isotherm.cli.main import run
raise SystemExit(run(sys.argv[1:]))
"""


def without_extras(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_lake_on_files_needs_no_extra(warm: CommandLine) -> None:
    for arguments in (["--help"], ["plan", "trips"], ["sql", "select count(*) from trips"]):
        ran = without_extras(*arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
    ran = without_extras("apply", "--as-of", "2019-07", "--yes", "--even-if-uneconomic")
    assert ran.returncode == 0


def test_what_an_extra_brings_is_named_with_the_extra(command: CommandLine, tmp_path: Path) -> None:
    ran = without_extras("init", "--warehouse", "postgresql://mover@localhost/rides")
    assert ran.returncode == 3
    words(ran.stderr, ["psycopg is not installed", "pip install '.[postgres]'"])
    Path("isotherm.toml").unlink()
    ran = without_extras("init", "--storage", "s3://bucket/trips")
    assert ran.returncode == 3
    words(ran.stderr, ["boto", "is not installed", "pip install '.[s3]'"])


@pytest.mark.parametrize("verb", ["status", "grants"])
def test_a_config_that_names_postgresql_says_what_it_needs(warm: CommandLine, verb: str) -> None:
    edit('"duckdb:warehouse.duckdb"', '"postgresql://mover@localhost/rides"')
    ran = without_extras(verb)
    assert ran.returncode == 3
    words(ran.stderr, ["psycopg is not installed", "pip install '.[postgres]'"])
