"""Real servers to measure on: those that the tests start."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from databases import PostgresServer, running
from servers import S3Server, ceph, free_port, wait_for

__all__ = ["PostgresServer", "S3Server", "ceph", "free_port", "running", "wait_for"]
