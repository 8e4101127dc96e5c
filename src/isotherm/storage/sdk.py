"""Sessions of the AWS SDK."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.loaders import create_loader
from botocore.session import get_session

from ..model.address import Address

SMALL = 2**20
"""Bytes of a body that is not worth a question."""

_MODELS = create_loader()
"""What the SDK knows of services: megabytes of JSON, which is read once a process."""


def session_of(address: Address) -> boto3.Session:
    """Return a session for a store, which knows what others have read of the SDK's own files."""
    session = get_session()
    session.register_component("data_loader", _MODELS)
    return boto3.Session(
        botocore_session=session,
        profile_name=address.profile,
        region_name=address.region or _region_of(address),
    )


def send_at_once(client: Any) -> None:
    """Have a client of S3 send small bodies with their requests.

    It asks the store's consent before any body; for a small one that only takes as long again.
    """
    client.meta.events.register("before-send.s3.PutObject", _send_at_once)


def _send_at_once(request: Any, **_: object) -> None:
    if int(request.headers.get("Content-Length", SMALL)) < SMALL:
        request.headers.pop("Expect", None)  # it is not signed


def _region_of(address: Address) -> str | None:
    """Return a region for a server that is not Amazon's, which has none."""
    return "us-east-1" if address.endpoint else None
