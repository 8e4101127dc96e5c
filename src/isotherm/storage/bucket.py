"""A bucket as Isotherm uses it: conditional and checked puts, copies by the store, errors by name.

The SHA-256 of a whole object lies in its metadata, so that one that cannot be read is known, too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..model.address import Access, Address
from ..model.errors import StorageError
from ..model.tier import STANDARD, TIERS

SHA256 = "isotherm-sha256"
"""The metadata key under which an object carries its own SHA-256, hexadecimal."""
PART_BYTES = 64 * 1024**2
"""Objects larger than this go up in parts of this size."""
ONE_COPY_BYTES = 5 * 1024**3
"""The largest object that is copied by one request."""
CHUNK = 4 * 1024**2
AT_ONCE = 32
"""So many requests are made at a time, where there are many."""
TAGS_AT_MOST = 10
"""So many tags S3 keeps of an object."""
ATTEMPTS = 8
"""Of a request that meets a passing failure; the SDK waits longer each time, within a budget."""

_MISSING = ("404", "NoSuchKey", "NotFound")
_THERE = ("412", "PreconditionFailed", "ConditionalRequestConflict")
_HINT = "Nothing was changed. Put the object back from a backup, then try again."
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


class ThereAlreadyError(Exception):
    """A conditional put found an object."""


class Bucket:
    """One bucket, through the AWS SDK. All methods raise `StorageError`, which names the object.

    Args:
        address: The bucket, and the endpoint and region of a server that is not Amazon's. Keys
            come from the usual places of the SDK.

    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session = boto3.Session(
            profile_name=address.profile, region_name=address.region or _region_of(address)
        )
        self.client = self._client()

    def _client(self, attempts: int = ATTEMPTS, timeout: int = 60) -> Any:
        config = Config(
            retries={"mode": "standard", "max_attempts": attempts},
            connect_timeout=timeout,
            read_timeout=timeout,
            max_pool_connections=AT_ONCE,
            s3={"addressing_style": "path" if self._address.endpoint else "auto"},
            # Checksums are given where they count; other servers do not know all of Amazon's.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.client("s3", endpoint_url=self._address.endpoint, config=config)

    def access(self) -> Access:
        """Return what other readers and writers of the bucket need, as it is now."""
        found = self._session.get_credentials()
        if found is None:
            raise StorageError(
                f"there are no keys for {self._address.place}",
                hint="Give them as AWS tools take them: AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or ~/.aws, or ?profile= in [storage] url.",
            )
        keys = found.get_frozen_credentials()
        region = str(self.client.meta.region_name)
        return Access(self._address, keys.access_key, keys.secret_key, keys.token, region)

    def head(self, key: str) -> Mapping[str, Any] | None:
        """Return what the store says of an object, None if it is not there."""
        with self._asking(key, "looked at"):
            try:
                found: Mapping[str, Any] = self.client.head_object(**self._name(key))
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return found

    def required(self, key: str) -> Mapping[str, Any]:
        """Return what the store says of an object that has to be there."""
        found = self.head(key)
        if found is None:
            raise StorageError(f"object {self._url(key)} is missing", hint=_HINT)
        return found

    def chunks(self, key: str) -> Iterator[bytes]:
        """Read an object piece by piece."""
        with self._asking(key, "read"):
            yield from self.client.get_object(**self._name(key))["Body"].iter_chunks(CHUNK)

    def put(self, key: str, content: IO[bytes] | bytes, **more: Any) -> None:
        """Put an object where there is none.

        Raises:
            ThereAlreadyError: there is one.

        """
        with self._asking(key, "written"), _conditional():
            self.client.put_object(**self._checked(key), Body=content, IfNoneMatch="*", **more)

    def overwrite(self, key: str, content: bytes) -> None:
        """Put an object, in whose place there may be another."""
        with self._asking(key, "written"):
            self.client.put_object(**self._checked(key), Body=content)

    def upload(self, key: str, file: IO[bytes], sha256: str, size: int, class_: str) -> None:
        """Put a file, with checksums that the store holds it against, where there is nothing.

        Args:
            sha256: Of the whole file, hexadecimal.
            class_: The storage class.

        Raises:
            ThereAlreadyError: there is an object.

        """
        more = {"Metadata": {SHA256: sha256}, "StorageClass": class_}
        if size <= PART_BYTES:
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            self.put(key, file, ChecksumSHA256=checksum, **more)
            return
        with self._asking(key, "written"), _conditional():
            self._upload_parts(self._name(key), file, more)

    def copy(
        self,
        source: str,
        target: str,
        class_: str,
        sha256: str | None = None,
        without: Collection[str] = (),
    ) -> int:
        """Have the store copy an object into a class, and look at what has come of it.

        Args:
            sha256: What the object must be; what it says of itself if not given.
            without: Tags that do not come along: a rule that they match would move the copy.

        Returns:
            Its size in bytes.

        """
        found = self.required(source)
        size, stored = found["ContentLength"], found["Metadata"].get(SHA256, "none")
        if sha256 and stored != sha256:
            raise StorageError(
                f"object {self._url(source)} is not the one that was written: its SHA-256 is "
                f"{stored[:12]}..., recorded was {sha256[:12]}...",
                hint=_HINT,
            )
        tags = self.tags(source) if without else {}
        kept = {name: value for name, value in tags.items() if name not in without}
        replaced = {"TaggingDirective": "REPLACE", "Tagging": urlencode(kept)}
        with self._asking(source, "copied"):
            if size <= ONE_COPY_BYTES:  # metadata and tags come along; in parts they do not
                self.client.copy_object(
                    **self._name(target),
                    CopySource=self._name(source),
                    CopySourceIfMatch=found["ETag"],
                    StorageClass=class_,
                    **(replaced if kept != tags else {}),
                )
            else:
                more = {"Metadata": found["Metadata"], "StorageClass": class_}
                self.client.copy(self._name(source), self._address.bucket, target, ExtraArgs=more)
        if kept != tags:  # Ceph has copied them all the same
            self.tag(target, {}, without)
        made = self.required(target)
        seen = (made["ContentLength"], made["Metadata"].get(SHA256, "none"), class_of(made))
        if seen != (size, stored, class_):
            raise StorageError(
                f"object {self._url(target)} is not what was copied from {source}: it has "
                f"{seen[0]} bytes in {seen[2]}, {size} in {class_} were asked for",
                hint="Nothing was deleted. Does the store have this storage class?",
            )
        return int(size)

    def restore(self, key: str, days: int, speed: str) -> bool:
        """Ask for an archived object, unless that was done.

        Returns:
            False if the store has no archive: there an object of any class can be read.

        """
        request = {"Days": days, "GlacierJobParameters": {"Tier": speed}}
        with self._asking(key, "restored"):
            try:
                self.client.restore_object(**self._name(key), RestoreRequest=request)
            except ClientError as error:
                if _code(error) == "NotImplemented":
                    return False
                if _code(error) != "RestoreAlreadyInProgress":
                    raise
        return True

    def remove(self, key: str) -> None:
        """Remove an object and all its versions; one that is not there is no error.

        Raises:
            StorageError: an object lock holds a version, which stays readable.

        """
        with self._asking(key, "removed"):
            done = self.client.delete_object(**self._name(key))
            if "VersionId" in done:  # the bucket is versioned: only a marker was put on top
                self._remove_versions(key)

    def _remove_versions(self, key: str) -> None:
        """Remove what a delete leaves in a versioned bucket: versions first, then the markers."""
        pages = self.client.get_paginator("list_object_versions")
        for kind in ("Versions", "DeleteMarkers"):
            for page in pages.paginate(Bucket=self._address.bucket, Prefix=key):
                for item in page.get(kind, ()):
                    if item["Key"] == key:
                        version = {"VersionId": item["VersionId"]}
                        self.client.delete_object(**self._name(key), **version)

    def tags(self, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        with self._asking(key, "looked at"):
            try:
                found = self.client.get_object_tagging(**self._name(key))["TagSet"]
            except ClientError as error:  # moto shows no tags of what is archived
                if _code(error) != "InvalidObjectState" or self.required(key).get("TagCount"):
                    raise
                return {}
        return {tag["Key"]: tag["Value"] for tag in found}

    def tag(self, key: str, tags: Mapping[str, str], own: Collection[str]) -> None:
        """Give an object tags instead of those of `own` that it has; all others stay."""
        found = self.tags(key)
        wanted = {name: value for name, value in found.items() if name not in own} | dict(tags)
        if wanted == found:
            return
        if len(wanted) > TAGS_AT_MOST:
            raise StorageError(
                f"object {self._url(key)} has {len(wanted) - len(tags)} tags of others, and S3 "
                f"has room for {TAGS_AT_MOST}",
                hint="Take one away, then run it again.",
            )
        listed = [{"Key": name, "Value": value} for name, value in wanted.items()]
        with self._asking(key, "tagged"):
            self.client.put_object_tagging(**self._name(key), Tagging={"TagSet": listed})

    def rules(self, *, patient: bool = True) -> list[Mapping[str, Any]]:
        """Return the bucket's lifecycle rules; without patience it is asked but twice."""
        with self._asking("", "asked for its lifecycle rules"):
            try:
                found = self._asker(patient).get_bucket_lifecycle_configuration(
                    Bucket=self._address.bucket
                )
            except ClientError as error:
                if _code(error) == "NoSuchLifecycleConfiguration":
                    return []
                raise
        return list(found.get("Rules", ()))

    def put_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace the bucket's lifecycle rules."""
        with self._asking("", "given lifecycle rules"):
            self.client.put_bucket_lifecycle_configuration(
                Bucket=self._address.bucket, LifecycleConfiguration={"Rules": list(rules)}
            )

    def keys(self, prefix: str, *, patient: bool = True) -> Iterator[tuple[str, str]]:
        """List the keys that begin so, each with the storage class of its object."""
        with self._asking(prefix, "listed"):
            pages = self._asker(patient).get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._address.bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield item["Key"], class_of(item)

    def _asker(self, patient: bool) -> Any:
        """Return the client; without patience one that asks but twice."""
        return self.client if patient else self._client(attempts=2, timeout=5)

    def _url(self, key: str) -> str:
        return f"s3://{self._address.bucket}/{key}"

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": key}

    def _checked(self, key: str) -> dict[str, str]:
        """Name an object to put, with a checksum: a bucket with object locks asks for one."""
        return {**self._name(key), "ChecksumAlgorithm": "SHA256"}

    def _upload_parts(
        self, name: Mapping[str, str], file: IO[bytes], more: Mapping[str, Any]
    ) -> None:
        """Put a large object in parts, each with its checksum; it is there when it is complete."""
        begun = self.client.create_multipart_upload(**name, ChecksumAlgorithm="SHA256", **more)
        upload = {**name, "UploadId": begun["UploadId"]}
        parts: list[dict[str, Any]] = []
        try:
            while chunk := file.read(PART_BYTES):
                checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
                part = {"PartNumber": len(parts) + 1, "ChecksumSHA256": checksum}
                done = self.client.upload_part(**upload, **part, Body=chunk)
                parts.append({**part, "ETag": done["ETag"]})
            self.client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(**upload)
            raise

    @contextmanager
    def _asking(self, key: str, done: str) -> Iterator[None]:
        """Turn an error of the SDK into one that names the object."""
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            code = _code(error) if isinstance(error, ClientError) else ""
            raise StorageError(
                f"object {self._url(key)} cannot be {done}: {error}",
                hint=f"Nothing was deleted. {_HINTS.get(code, _MEND)}",
            ) from error


def class_of(found: Mapping[str, Any]) -> str:
    """Return the storage class that the store says an object has."""
    return str(found.get("StorageClass") or STANDARD.name)


def is_archived(found: Mapping[str, Any]) -> bool:
    """Say whether an object cannot be read now, by what the store says of it."""
    tier = TIERS.get(class_of(found), STANDARD)
    return tier.archived and 'ongoing-request="false"' not in found.get("Restore", "")


def _region_of(address: Address) -> str | None:
    """Return a region for a server that is not Amazon's, which has none."""
    return "us-east-1" if address.endpoint else None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _conditional() -> Iterator[None]:
    """Tell a put that found an object from one that failed."""
    try:
        yield
    except ClientError as error:
        if _code(error) in _THERE:
            raise ThereAlreadyError from error
        raise
