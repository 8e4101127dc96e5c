"""The least that an identity needs on a bucket, as a policy of IAM."""

from __future__ import annotations

from typing import Any

from ..model.address import Address

BUCKET = ("s3:ListBucket", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration")
OBJECT = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:GetObjectTagging",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
    "s3:RestoreObject",
)


def policy(address: Address, *, versioned: bool = True) -> dict[str, Any]:
    """Return the policy for a lake in a bucket: for all that it may come to do there.

    A config that names an archive no more may have objects there still, and rules of its own.

    Args:
        versioned: The bucket keeps versions, which have to go, too.

    """
    on_bucket = [*BUCKET]
    on_objects = [*OBJECT]
    if versioned:
        on_bucket.append("s3:ListBucketVersions")
        on_objects.append("s3:DeleteObjectVersion")
    arn = f"arn:{_partition(address.region or '')}:s3:::{address.bucket}"
    below = f"{arn}/{address.prefix}/*" if address.prefix else f"{arn}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Bucket", "Effect": "Allow", "Action": on_bucket, "Resource": [arn]},
            {"Sid": "Objects", "Effect": "Allow", "Action": on_objects, "Resource": [below]},
        ],
    }


def _partition(region: str) -> str:
    """Return Amazon's partition that a region is in."""
    for begins, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if region.startswith(begins):
            return partition
    return "aws"
