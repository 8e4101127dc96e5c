"""The least that an identity needs on a bucket, as a policy of IAM."""

from __future__ import annotations

from typing import Any

from ..model.address import Address

BUCKET = ("s3:ListBucket", "s3:GetLifecycleConfiguration")
OBJECT = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:GetObjectTagging",
    "s3:PutObjectTagging",
    "s3:AbortMultipartUpload",
)


def policy(
    address: Address, *, archives: bool = True, rules: bool = True, versioned: bool = True
) -> dict[str, Any]:
    """Return the policy for a lake in a bucket.

    Args:
        archives: Objects are restored from an archive.
        rules: `isotherm lifecycle apply` is run.
        versioned: The bucket keeps versions, which have to go, too.

    """
    on_bucket = [*BUCKET]
    on_objects = [*OBJECT]
    if rules:
        on_bucket.append("s3:PutLifecycleConfiguration")
    if archives:
        on_objects.append("s3:RestoreObject")
    if versioned:
        on_bucket.append("s3:ListBucketVersions")
        on_objects.append("s3:DeleteObjectVersion")
    arn = f"arn:aws:s3:::{address.bucket}"
    below = f"{arn}/{address.prefix}/*" if address.prefix else f"{arn}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Bucket", "Effect": "Allow", "Action": on_bucket, "Resource": [arn]},
            {"Sid": "Objects", "Effect": "Allow", "Action": on_objects, "Resource": [below]},
        ],
    }
