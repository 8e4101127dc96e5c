"""What a bucket answers: errors by their names, classes, and what cannot be read now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from ..model.errors import StorageError
from ..model.tier import STANDARD, TIERS

MISSING = ("404", "NoSuchKey", "NotFound")
DENIED = ("403", "AccessDenied")
_THERE = ("412", "PreconditionFailed", "ConditionalRequestConflict")
HINT = "Nothing was changed. Put the object back from a backup, then try again."
_MEND = "Mend the store or its permissions, then run it again."
_KEYS = "The keys are wrong: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or ?profile=."
_ALLOWED = "These keys may not do it. What has to be allowed is printed by: isotherm iam"
_REGION = "The bucket is in another region: write ?region= in [storage] url."
_HINTS = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": "The keys have expired: get new ones, then run it again.",
    "AccessDenied": _ALLOWED,
    "403": _ALLOWED,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it, then run it again.",
    "NoSuchBucket": "Make the bucket, or look at [storage] url.",
}
"""What to do about an error, by the store's name of it."""


def mend_of(error: Exception) -> str:
    """Return what to do about an error of the SDK."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return _KEYS
    return _HINTS.get(code_of(error) if isinstance(error, ClientError) else "", _MEND)


class ThereAlreadyError(Exception):
    """A conditional put found an object."""


@contextmanager
def asking(what: str, done: str) -> Iterator[None]:
    """Turn an error of the SDK into one that names what it is about, and what was to be done."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        raise StorageError(
            f"{what} cannot be {done}: {error}", hint=f"Nothing was deleted. {mend_of(error)}"
        ) from error


def code_of(error: ClientError) -> str:
    """Return the store's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def conditional() -> Iterator[None]:
    """Tell a put that found an object from one that failed."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in _THERE:
            raise ThereAlreadyError from error
        raise


def class_of(found: Mapping[str, Any]) -> str:
    """Return the storage class that the store says an object has."""
    return str(found.get("StorageClass") or STANDARD.name)


def is_archived(found: Mapping[str, Any]) -> bool:
    """Say whether an object cannot be read now, by what the store says of it."""
    tier = TIERS.get(class_of(found), STANDARD)
    return tier.archived and 'ongoing-request="false"' not in found.get("Restore", "")


def is_refused_as_archived(error: StorageError) -> bool:
    """Say whether something failed because the object has to be restored first."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and code_of(cause) == "InvalidObjectState"
