"""Sessions of the AWS SDK."""

from __future__ import annotations

import boto3
from botocore.loaders import create_loader
from botocore.session import get_session

from ..model.address import Address

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


def _region_of(address: Address) -> str | None:
    """Return a region for a server that is not Amazon's, which has none."""
    return "us-east-1" if address.endpoint else None
