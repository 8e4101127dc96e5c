"""JSON in the one way that is signed, and hashed: sorted, without blanks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def canonical(said: Mapping[str, Any]) -> bytes:
    """Write JSON in that way."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def digest(said: Mapping[str, Any]) -> str:
    """Return what the journal notes of a certificate: its SHA-256, hexadecimal."""
    return hashlib.sha256(canonical(said)).hexdigest()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
